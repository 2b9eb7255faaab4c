from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import Algorithm, Examples, NetworkError, Task
from tokay.core.algorithm import _algorithms
from tokay.core.cost import Cost
from tokay.core.engine.meta_gradient import accumulate_meta_gradient


@pytest.fixture
def methods() -> Iterator[dict[str, Algorithm[Any]]]:
    """Methods for this file only. Restores the registry afterwards."""
    initial = dict(_algorithms._classes)

    @dataclass(frozen=True, kw_only=True)
    class Plain(Algorithm[None], name="test-plain"):
        reference = summary = "for a test"
        cost = Cost("feed-forward", "E_T L_Q(θ)")

        def adapt(self, net: nn.Module, support: Examples) -> None:
            return None

        def predict(self, net: nn.Module, state: None, x: Tensor) -> Tensor:
            return net(x)

    @dataclass(frozen=True, kw_only=True)
    class Unequal(Algorithm[None], name="test-unequal"):
        """Its cost is not a mean: the weight of a task depends on the other losses. Its loss draws random numbers."""

        reference = summary = "for a test"
        cost = Cost("feed-forward", "E_T L_Q(θ)")

        def adapt(self, net: nn.Module, support: Examples) -> None:
            return None

        def predict(self, net: nn.Module, state: None, x: Tensor) -> Tensor:
            return net(x)

        def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, dict[str, Tensor]]:
            noisy = net(task.query.x) + torch.randn_like(task.query.y)
            cost = (noisy - task.query.y).square().mean()
            return cost, {"loss": cost, "noise": noisy.detach().mean()}

        def reduce(self, losses: Tensor) -> Tensor:
            return losses.mean() + 3 * losses.std() + losses.logsumexp(0)

    yield {"plain": Plain(), "unequal": Unequal()}
    _algorithms._classes.clear()
    _algorithms._classes.update(initial)


def setting(tasks: int = 7) -> tuple[nn.Module, Task]:
    x, y = torch.randn(2, tasks, 5, 3, dtype=torch.float64)[0], torch.randn(tasks, 5, 2, dtype=torch.float64)
    return nn.Linear(3, 2).double(), Task(Examples(x, y), Examples(x + 1, y))


def gradient(net: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in net.parameters()])


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3, 6, 7, 100])
def test_the_mean_in_chunks(methods: dict[str, Algorithm[Any]], chunk_size: int | None, mode: Any) -> None:
    net, tasks = setting()
    expected = ((net(tasks.query.x) - tasks.query.y) ** 2).mean((1, 2))
    by_hand = torch.cat([g.flatten() for g in torch.autograd.grad(expected.mean(), list(net.parameters()))])
    cost, metrics = accumulate_meta_gradient(methods["plain"], net, tasks, chunk_size=chunk_size, mode=mode)
    torch.testing.assert_close(cost, expected.mean().detach(), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(metrics["loss"], expected.detach(), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(gradient(net), by_hand, rtol=1e-13, atol=1e-14)
    assert not cost.requires_grad
    assert not any(value.requires_grad for value in metrics.values())


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5])
def test_a_cost_that_is_not_a_mean_in_chunks(methods: dict[str, Algorithm[Any]], chunk_size: int, mode: Any) -> None:
    """Both passes must draw the same noise, so the gradient must belong to the noise that the metrics report."""
    net, tasks = setting()
    method = methods["unequal"]
    cost, metrics = accumulate_meta_gradient(method, net, tasks, chunk_size=chunk_size, mode=mode)
    torch.testing.assert_close(cost, method.reduce(metrics["loss"]), rtol=1e-14, atol=1e-14)
    meta_gradient = gradient(net)

    torch.manual_seed(0)  # the seed of the fixture, so the chunks draw the same noise again
    net2, tasks2 = setting()
    assert torch.equal(net2.weight, net.weight)
    noise = _noise_of_chunks(tasks2, chunk_size, mode)
    losses = ((net2(tasks2.query.x) + noise - tasks2.query.y) ** 2).mean((1, 2))
    torch.testing.assert_close(losses.detach(), metrics["loss"], rtol=1e-12, atol=1e-12)
    method.reduce(losses).backward()
    torch.testing.assert_close(meta_gradient, gradient(net2), rtol=1e-11, atol=1e-12)


def _noise_of_chunks(tasks: Task, chunk_size: int, mode: str) -> Tensor:
    y = tasks.query.y
    if mode == "loop":
        return torch.stack([torch.randn_like(task_y) for task_y in y])
    return torch.cat([torch.func.vmap(torch.randn_like, randomness="different")(part) for part in y.split(chunk_size)])


def test_gradients_add_up(methods: dict[str, Algorithm[Any]]) -> None:
    net, tasks = setting()
    accumulate_meta_gradient(methods["plain"], net, tasks)
    single = gradient(net).clone()
    accumulate_meta_gradient(methods["plain"], net, tasks, chunk_size=2)
    torch.testing.assert_close(gradient(net), 2 * single, rtol=1e-13, atol=1e-14)


def test_the_random_state_advances(methods: dict[str, Algorithm[Any]]) -> None:
    """The second pass repeats the draws of the first; the next call draws new numbers."""
    net, tasks = setting()
    first = accumulate_meta_gradient(methods["unequal"], net, tasks, chunk_size=3)[1]["noise"]
    second = accumulate_meta_gradient(methods["unequal"], net, tasks, chunk_size=3)[1]["noise"]
    assert not torch.equal(first, second)


def test_errors_of_mapping_are_raised(methods: dict[str, Algorithm[Any]]) -> None:
    _, tasks = setting()
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    with pytest.raises(NetworkError, match="running statistics"):
        accumulate_meta_gradient(methods["plain"], net, tasks)
