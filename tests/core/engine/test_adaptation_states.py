"""A function of one state, applied to those along the way of adapting."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import BaselinePlusPlus, Examples, TaskSpec, evaluate
from tokay.core.engine.adaptation_states import over_states
from tokay.core.task import Task, one_hot
from tokay.tasks.fixed_tasks import FixedTasks


class Counted(nn.Module):
    """A linear layer that knows how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls = nn.Linear(4, 3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        features: Tensor = self.linear(x.flatten(1))
        return features


def heads(*shape: int) -> list[dict[str, Tensor]]:
    draws = torch.Generator().manual_seed(0)
    return [{"weight": torch.randn(shape, generator=draws)} for _ in range(4)]


def calls(states: Any, fn: Any = lambda state: state["weight"].sum(), **how: Any) -> tuple[int, Tensor]:
    """How often ``fn`` is called for the states, and what it finds."""
    called = []

    def counted(state: Any) -> Any:
        called.append(state)
        return fn(state)

    found = over_states(counted, iter(states), **how)
    return len(called), found


@pytest.mark.parametrize("shape", [(), (5,), (5, 2)])
def test_heads_are_mapped_over(shape: tuple[int, ...]) -> None:
    states = heads(*shape)
    called, found = calls(states)
    assert called == 1
    torch.testing.assert_close(found, torch.stack([state["weight"].sum() for state in states]))


def test_one_after_the_other_in_a_loop() -> None:
    states = heads(5)
    called, found = calls(states, mode="loop")
    assert called == 4
    assert torch.equal(found, calls(states)[1])


def test_kernels_are_taken_one_after_the_other() -> None:
    assert calls(heads(2, 3, 3))[0] == 4


def test_and_let_go() -> None:
    """A network for every state may not fit in memory: after the first two, each is made when the one before was answered."""
    order: list[str] = []

    def states() -> Any:
        for i in range(5):
            order.append(f"made {i}")
            yield {"weight": torch.full((1, 1, 1), float(i))}

    def asked(state: Any) -> Tensor:
        order.append(f"asked {int(state['weight'])}")
        return torch.zeros(())

    over_states(asked, states())
    assert order.index("asked 2") < order.index("made 3")
    assert order.index("asked 3") < order.index("made 4")


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
    called, found = calls(states)
    assert called == len(states)
    assert found.tolist() == [float(state["weight"].sum()) for state in states]


def test_what_states_share_is_not_copied() -> None:
    kernel = torch.randn(2, 3, 3)
    states = [{"kernel": kernel, "weight": torch.randn(4)} for _ in range(3)]
    called, found = calls(states, lambda state: state["kernel"].sum() * state["weight"])
    assert called == 1
    torch.testing.assert_close(found, torch.stack([kernel.sum() * state["weight"] for state in states]))


def tasks() -> FixedTasks:
    draws = torch.Generator().manual_seed(0)
    x, y = torch.rand(3, 6, 1, 2, 2, generator=draws), one_hot(torch.arange(6) % 2, 2).expand(3, 6, 2)
    return FixedTasks(Task(Examples(x, y), Examples(x.flip(1), y.flip(1))))


def test_a_frozen_backbone_answers_once_for_the_whole_curve() -> None:
    backbone = Counted()
    method = BaselinePlusPlus(test_rounds=10)
    net = method.build(backbone, TaskSpec(x_shape=(1, 2, 2), y_dim=9))
    backbone.calls = 0
    mapped = evaluate(method, net, tasks(), tasks=3)
    asked = backbone.calls
    looped = evaluate(method, net, tasks(), tasks=3, mode="loop")
    assert list(mapped.curve) == [0, 1, 2, 3, 4, 5, 10, 20]
    # whether it is transductive: 3; then the support set, the query set, and the support set again
    assert asked == 3 + 3
    for name, values in looped.per_step.items():
        torch.testing.assert_close(mapped.per_step[name], values)
