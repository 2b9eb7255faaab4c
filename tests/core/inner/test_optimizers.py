"""Inner optimizers against torch's optimizers, and their derivatives against finite differences."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay.core.inner.descent import SGD, Adam, Clipped, InnerOptimizer, Moments, Params, descend, inner_optimizer, last

STEPS = 7


def start() -> dict[str, Tensor]:
    return {"w": torch.randn(3, 2, dtype=torch.float64), "b": torch.randn(2, dtype=torch.float64)}


def batches(n: int = STEPS) -> list[Tensor]:
    return [torch.randn(4, 3, dtype=torch.float64) for _ in range(n)]


def loss(params: Params, x: Tensor) -> Tensor:
    return torch.tanh(x @ params["w"] + params["b"]).square().sum() + (params["w"] ** 4).sum() / 10


def torch_path(
    optimizer: Callable[[list[Any]], torch.optim.Optimizer], params: Params, data: list[Tensor]
) -> list[Params]:
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    stepper = optimizer([leaves["w"], leaves["b"]])
    states = [{name: p.detach().clone() for name, p in leaves.items()}]
    for x in data:
        stepper.zero_grad()
        loss(leaves, x).backward()
        stepper.step()
        states.append({name: p.detach().clone() for name, p in leaves.items()})
    return states


PAIRS: dict[str, tuple[InnerOptimizer, Callable[[list[Any]], torch.optim.Optimizer]]] = {
    "sgd": (SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "dampening": (
        SGD(0.1, momentum=0.9, dampening=0.7),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.7),
    ),
    "adam": (Adam(0.1), lambda p: torch.optim.Adam(p, lr=0.1)),
    "adam, beta1 = 0": (Adam(0.1, beta1=0.0), lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.0, 0.999))),
    "adam, other settings": (
        Adam(0.05, beta1=0.5, beta2=0.9, eps=1e-3),
        lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.5, 0.9), eps=1e-3),
    ),
    "clipped at a large norm": (Clipped(Adam(0.1), 1e6), lambda p: torch.optim.Adam(p, lr=0.1)),
    "sgd, rate per parameter": (
        SGD({"w": torch.tensor(0.3, dtype=torch.float64), "b": torch.tensor(0.01, dtype=torch.float64)}),
        lambda p: torch.optim.SGD([{"params": [p[0]], "lr": 0.3}, {"params": [p[1]], "lr": 0.01}]),
    ),
    "adam, rate per parameter": (
        Adam({"w": torch.tensor(0.3, dtype=torch.float64), "b": torch.tensor(0.01, dtype=torch.float64)}),
        lambda p: torch.optim.Adam([{"params": [p[0]], "lr": 0.3}, {"params": [p[1]], "lr": 0.01}]),
    ),
}


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("grad_enabled", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_the_path_is_torchs(name: str, grad_enabled: bool, first_order: bool) -> None:
    ours, theirs = PAIRS[name]
    params, data = start(), batches()
    with torch.set_grad_enabled(grad_enabled):
        path = list(descend(loss, params, data, ours, first_order=first_order))
    expected = torch_path(theirs, params, data)
    assert len(path) == STEPS + 1
    for params_ours, params_torch in zip(path, expected, strict=True):
        torch.testing.assert_close(dict(params_ours), dict(params_torch), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(path[-1]["w"], path[0]["w"], atol=1e-2)


def test_nothing_is_written_in_place() -> None:
    params, data = start(), batches()
    copies = {name: p.clone() for name, p in params.items()}
    path = list(descend(loss, params, data, Adam(0.1)))
    assert path[0] is params
    assert all(torch.equal(params[name], copies[name]) for name in params)
    second_path = list(descend(loss, params, data, Adam(0.1)))  # the second run starts with new moments
    assert all(torch.equal(a["w"], b["w"]) for a, b in zip(path, second_path, strict=True))


@pytest.mark.parametrize("name", PAIRS)
def test_second_order_against_finite_differences(name: str) -> None:
    ours, _ = PAIRS[name]
    data = batches(3)

    def unrolled(w: Tensor, b: Tensor) -> Tensor:
        return loss(last(descend(loss, {"w": w, "b": b}, data[:2], ours)), data[2])

    params = start()
    assert torch.autograd.gradcheck(unrolled, (params["w"].requires_grad_(), params["b"].requires_grad_()))


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_derivative_by_the_rates_is_that_of_finite_differences(optimizer: Any) -> None:
    params, data = start(), batches(3)

    def unrolled(lr_w: Tensor, lr_b: Tensor) -> Tensor:
        rates = {"w": lr_w, "b": lr_b}
        return loss(last(descend(loss, params, data[:2], optimizer(rates))), data[2])

    rates = [torch.rand_like(p).div(10).requires_grad_() for p in params.values()]
    assert torch.autograd.gradcheck(unrolled, rates)


@pytest.mark.parametrize("name", PAIRS)
def test_first_order_is_the_gradient_at_the_end(name: str) -> None:
    ours, _ = PAIRS[name]
    params, data = start(), batches(3)
    leaves = {n: p.requires_grad_() for n, p in params.items()}
    end = last(descend(loss, leaves, data[:2], ours, first_order=True))
    grads = torch.autograd.grad(loss(end, data[2]), list(leaves.values()))
    copy = {n: p.detach().requires_grad_() for n, p in end.items()}
    expected = torch.autograd.grad(loss(copy, data[2]), list(copy.values()))
    for a, b in zip(grads, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("norm", [1e-3, 0.5, 4.0])
def test_clipping_is_that_of_torch(norm: float) -> None:
    """The oracle calls torch.nn.utils.clip_grad_norm_ before every step, with one norm over all parameters."""
    params, data = start(), batches()
    path = list(descend(loss, params, data, Clipped(SGD(0.1, momentum=0.9), norm)))
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    stepper = torch.optim.SGD([leaves["w"], leaves["b"]], lr=0.1, momentum=0.9)
    lengths: list[float] = []
    for x, adapted in zip(data, path[1:], strict=True):
        stepper.zero_grad()
        loss(leaves, x).backward()
        lengths.append(float(nn.utils.clip_grad_norm_(leaves.values(), norm)))
        stepper.step()
        for name, p in leaves.items():  # torch divides by the norm + 1e-6
            torch.testing.assert_close(adapted[name], p.detach(), rtol=1e-4, atol=1e-6)
    assert max(lengths) > norm
    assert norm < 4 or min(lengths) < norm


def test_clipping_limits_the_norm_and_keeps_the_direction() -> None:
    grads = {"w": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0])}
    zeros = {name: torch.zeros_like(g) for name, g in grads.items()}
    for norm, scale in ((2.5, 0.5), (5.0, 1.0), (7.0, 1.0)):
        new_params, _ = Clipped(SGD(1.0), norm).update(zeros, grads, Moments())
        assert {name: p.tolist() for name, p in new_params.items()} == {
            "w": [-3.0 * scale, 0.0],
            "b": [-4.0 * scale],
        }
    assert grads["b"].tolist() == [4.0]


@pytest.mark.parametrize("norm", [0.1, 1.0, 1e3])
def test_derivative_through_clipping_against_finite_differences(norm: float) -> None:
    """The norms clip every step, some steps, or no step."""
    data, params = batches(3), start()

    def unrolled(w: Tensor, b: Tensor) -> Tensor:
        return loss(last(descend(loss, {"w": w, "b": b}, data[:2], Clipped(SGD(0.1), norm))), data[2])

    assert torch.autograd.gradcheck(unrolled, (params["w"].requires_grad_(), params["b"].requires_grad_()))


def test_clipping_a_zero_gradient_has_a_finite_derivative() -> None:
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    end = last(descend(lambda p, _: (p["w"] ** 2).sum(), {"w": w}, [None], Clipped(SGD(0.1), 1.0)))
    (gradient,) = torch.autograd.grad(end["w"].sum(), w)
    assert end["w"].tolist() == [0.0, 0.0]
    torch.testing.assert_close(gradient, torch.full_like(gradient, 0.8))


def test_first_order_keeps_no_graph_of_the_inner_gradients() -> None:
    def nodes(first_order: bool) -> int:
        leaves = {n: p.requires_grad_() for n, p in start().items()}
        end = loss(last(descend(loss, leaves, batches(4), SGD(0.1), first_order=first_order)), batches(1)[0])
        visited: set[Any] = set()
        queue = [end.grad_fn]
        while queue:
            node = queue.pop()
            if node is not None and node not in visited:
                visited.add(node)
                queue += [next_node for next_node, _ in node.next_functions]
        return len(visited)

    assert nodes(True) < nodes(False) / 3


@pytest.mark.parametrize("beta1", [0.0, 0.9])
@pytest.mark.parametrize("activation, x", [(torch.relu, -1.0), (torch.tanh, 0.0)], ids=["dead ReLU", "zero input"])
def test_adam_at_a_gradient_of_zero(activation: Any, x: float, beta1: float) -> None:
    """The square root of the second moment has an infinite derivative at 0. The derivative of the step is finite."""
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)

    def part_dead(params: Params, x: Tensor) -> Tensor:
        return activation(params["w"] * x).square().sum()

    inputs = torch.tensor([x, 0.3], dtype=torch.float64)
    end = last(descend(part_dead, {"w": w}, [inputs] * 3, Adam(0.1, beta1=beta1)))
    assert float(end["w"].detach()[0]) == 1.0
    (gradient,) = torch.autograd.grad(end["w"].sum(), w)
    assert bool(torch.isfinite(gradient).all())
    assert float(gradient[0]) == 1.0


def test_inner_optimizer_by_name() -> None:
    assert inner_optimizer("sgd", 0.5) == SGD(0.5)
    assert inner_optimizer("adam", 0.5) == Adam(0.5, beta1=0.0)
