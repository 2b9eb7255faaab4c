"""Meta-SGD against closed forms, finite differences, and MAML with one common rate."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from tokay import MAML, Examples, MetaSGD, Sizes, Task, TaskSpec, one_hot, over_tasks
from tokay.core.inner.rates import split_rates


def build_method_and_net(kind: Any = "classification", **settings: Any) -> tuple[MetaSGD, nn.Module]:
    method = MetaSGD(**settings)
    body = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.LayerNorm(5))
    return method, method.build(body, TaskSpec(x_shape=(4,), y_dim=3, kind=kind)).double()


def tasks(kind: str = "classification", n: int = 3) -> Task:
    x = torch.randn(2, n, 6, 4, dtype=torch.float64)
    labels = one_hot(torch.arange(6) % 3, 3).expand(n, -1, -1)
    y = [labels, labels] if kind == "classification" else torch.randn(2, n, 6, 3, dtype=torch.float64).unbind()
    return Task(Examples(x[0], y[0]), Examples(x[1], y[1]))


def first(batch: Task) -> Task:
    return Task(*(Examples(x[0], y[0]) for x, y in batch))


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("steps", [1, 3])
def test_with_one_rate_it_is_maml(kind: str, steps: int) -> None:
    """Equal costs, and equal gradients with respect to the initial weights."""
    (method, net), task = build_method_and_net(kind, inner_lr=0.375, inner_steps=steps), first(tasks(kind))
    network, maml = split_rates(net)[0], MAML(inner_lr=0.375, inner_steps=steps)
    torch.testing.assert_close(
        dict(method.adapt(net, task.support)), dict(maml.adapt(network, task.support)), rtol=1e-12, atol=1e-14
    )
    costs = [method.loss(net, task)[0], maml.loss(network, task)[0]]
    torch.testing.assert_close(*costs, rtol=1e-12, atol=1e-14)
    grads = [torch.autograd.grad(cost, list(network.parameters())) for cost in costs]
    torch.testing.assert_close(*grads, rtol=1e-11, atol=1e-13)


def test_a_step_in_closed_form() -> None:
    """y = w·x, mean squared error: φ = w - α ∘ g with g = 2 mean (w·x - y) x, and dL/dα = -(dL/dφ) ∘ g."""
    method = MetaSGD()
    net = method.build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=1, kind="regression")).double()
    network, rates = split_rates(net)
    alpha = torch.tensor([[0.1, 0.0, -0.2]], dtype=torch.float64)  # an α below zero steps uphill, which is allowed
    with torch.no_grad():
        rates["head.weight"].copy_(alpha)
        rates["head.bias"].zero_()
        network.get_parameter("head.bias").zero_()
    w = network.get_parameter("head.weight").detach().clone()
    (x, u), (y, v) = torch.randn(2, 5, 3).double(), torch.randn(2, 5, 1).double()
    g = 2 * ((x @ w.T - y) * x).mean(0, keepdim=True)
    phi = w - alpha * g
    method.loss(net, Task(Examples(x, y), Examples(u, v)))[0].backward()
    torch.testing.assert_close(method.adapt(net, Examples(x, y))["head.weight"].detach(), phi)
    outer = 2 * ((u @ phi.T - v) * u).mean(0, keepdim=True)
    torch.testing.assert_close(rates["head.weight"].grad, -outer * g)
    curvature = 2 * (x.T @ x) / 5  # dφ/dw = I - diag(α) H
    torch.testing.assert_close(
        network.get_parameter("head.weight").grad, outer @ (torch.eye(3).double() - alpha.T * curvature)
    )


def test_the_gradient_of_alpha_against_finite_differences() -> None:
    """Central differences, entry by entry."""
    (method, net), task = build_method_and_net(inner_lr=0.4), first(tasks())
    method.loss(net, task)[0].backward()
    width = 1e-5
    for rate in split_rates(net)[1].values():
        entries, slopes = rate.data.view(-1), rate.grad.view(-1)  # type: ignore[union-attr]
        for i in range(0, len(entries), 4):
            costs = []
            for sign in (1, -2, 1):
                entries[i] += sign * width
                costs.append(float(method.loss(net, task)[0].detach()))
            assert float(slopes[i]) == pytest.approx((costs[0] - costs[1]) / (2 * width), rel=1e-6, abs=1e-9)


def test_vmap_equals_loop_with_rates_that_differ() -> None:
    (method, net), batch = build_method_and_net(), tasks()
    with torch.no_grad():
        for rate in split_rates(net)[1].values():
            rate.add_(torch.randn_like(rate))
    grads = []
    for mode in ("vmap", "loop"):
        cost = over_tasks(lambda task: method.loss(net, task)[0], batch, mode=mode).mean()
        grads.append(torch.autograd.grad(cost, list(net.parameters())))
    torch.testing.assert_close(*grads, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind, rate", [("classification", 0.5), ("regression", 0.01)])
def test_initial_alpha(kind: Any, rate: float) -> None:
    for settings, expected in (({}, rate), ({"inner_lr": 0.3}, 0.3)):
        network, rates = split_rates(build_method_and_net(kind, **settings)[1])
        assert {name: r.shape for name, r in rates.items()} == {n: p.shape for n, p in network.named_parameters()}
        assert all(float((r.detach() - expected).abs().max()) < 1e-7 for r in rates.values())


def test_every_step_has_the_same_alpha() -> None:
    (method, net), task = build_method_and_net(inner_lr=0.3, inner_steps=2), first(tasks())
    start, middle, end = method.path(net, task.support)
    assert all(torch.equal(start[name], p) for name, p in split_rates(net)[0].named_parameters())
    once = replace(method, inner_steps=1).adapt(net, task.support)
    assert all(torch.equal(once[name], middle[name]) for name in once)
    assert not torch.equal(middle["head.weight"], end["head.weight"])


def test_settings() -> None:
    assert (MetaSGD().inner_steps, MetaSGD().test_steps) == (1, 1)
    assert MetaSGD(test_steps=3).at_test() == MetaSGD(inner_steps=3, test_steps=3)
    assert MetaSGD().training_sizes(Sizes(ways=20, shots=5, queries=15)) == Sizes(ways=20, shots=5, queries=5)
