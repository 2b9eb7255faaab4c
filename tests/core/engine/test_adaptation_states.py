"""Applies a function of one state to all states of an adaptation."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import BaselinePlusPlus, Examples, TaskSpec, evaluate
from tokay.core.engine.adaptation_states import over_states
from tokay.core.task import Task, one_hot
from tokay.tasks.fixed_tasks import FixedTasks


class CountingLayer(nn.Module):
    """A linear layer that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls = nn.Linear(4, 3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        features: Tensor = self.linear(x.flatten(1))
        return features


def heads(*shape: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [{"weight": torch.randn(shape, generator=generator)} for _ in range(4)]


def count_calls(states: Any, fn: Any = lambda state: state["weight"].sum(), **options: Any) -> tuple[int, Tensor]:
    """Return how often ``over_states`` calls ``fn`` for the states, and its results."""
    arguments = []

    def counting_fn(state: Any) -> Any:
        arguments.append(state)
        return fn(state)

    results = over_states(counting_fn, iter(states), **options)
    return len(arguments), results


@pytest.mark.parametrize("shape", [(), (5,), (5, 2)])
def test_heads_are_mapped_over(shape: tuple[int, ...]) -> None:
    states = heads(*shape)
    n_calls, results = count_calls(states)
    assert n_calls == 1
    torch.testing.assert_close(results, torch.stack([state["weight"].sum() for state in states]))


def test_loop_mode_calls_once_per_state() -> None:
    states = heads(5)
    n_calls, results = count_calls(states, mode="loop")
    assert n_calls == 4
    assert torch.equal(results, count_calls(states)[1])


def test_kernels_are_processed_one_by_one() -> None:
    assert count_calls(heads(2, 3, 3))[0] == 4


def test_states_are_released_one_by_one() -> None:
    """All networks may not fit in memory together: after the first two, each state is made after the call before it."""
    order: list[str] = []

    def states() -> Any:
        for i in range(5):
            order.append(f"create {i}")
            yield {"weight": torch.full((1, 1, 1), float(i))}

    def record_call(state: Any) -> Tensor:
        order.append(f"call {int(state['weight'])}")
        return torch.zeros(())

    over_states(record_call, states())
    assert order.index("call 2") < order.index("create 3")
    assert order.index("call 3") < order.index("create 4")


@pytest.mark.parametrize(
    "states",
    [
        [heads(2)[0]],
        [heads(2)[0]] * 3,
        [{"weight": torch.ones(2), "step": 0}, {"weight": torch.ones(2), "step": 1}],
        [{"weight": torch.ones(2)}, {"weight": torch.ones(3)}],
        [{"weight": torch.ones(2)}, {"weight": torch.ones(2), "more": torch.ones(2)}],
        [{"weight": torch.ones(2)}, {"weight": torch.ones(2).clone()}, {"weight": torch.ones(3)}],
    ],
    ids=["one", "the same", "numbers", "shapes", "parts", "shapes, later"],
)
def test_states_that_cannot_be_mapped(states: Any) -> None:
    n_calls, results = count_calls(states)
    assert n_calls == len(states)
    assert results.tolist() == [float(state["weight"].sum()) for state in states]


def test_what_states_share_is_not_copied() -> None:
    kernel = torch.randn(2, 3, 3)
    states = [{"kernel": kernel, "weight": torch.randn(4)} for _ in range(3)]
    n_calls, results = count_calls(states, lambda state: state["kernel"].sum() * state["weight"])
    assert n_calls == 1
    torch.testing.assert_close(results, torch.stack([kernel.sum() * state["weight"] for state in states]))


def tasks() -> FixedTasks:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(3, 6, 1, 2, 2, generator=generator), one_hot(torch.arange(6) % 2, 2).expand(3, 6, 2)
    return FixedTasks(Task(Examples(x, y), Examples(x.flip(1), y.flip(1))))


def test_a_frozen_backbone_runs_once_for_the_whole_curve() -> None:
    backbone = CountingLayer()
    method = BaselinePlusPlus(test_rounds=10)
    net = method.build(backbone, TaskSpec(x_shape=(1, 2, 2), y_dim=9))
    calls: list[nn.Module] = []
    backbone.register_forward_hook(lambda module, inputs, output: calls.append(module))
    mapped = evaluate(method, net, tasks(), tasks=3)
    n_calls = len(calls)
    looped = evaluate(method, net, tasks(), tasks=3, mode="loop")
    assert list(mapped.curve) == [0, 1, 2, 3, 4, 5, 10, 20]
    # 3 calls for the check whether it is transductive; then support set, query set, and support set again
    assert n_calls == 3 + 3
    for name, values in looped.per_step.items():
        torch.testing.assert_close(mapped.per_step[name], values)
