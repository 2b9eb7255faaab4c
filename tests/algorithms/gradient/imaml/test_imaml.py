"""iMAML against closed forms, dense solves and finite differences of converged inner loops."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev

from tokay import IMAML, MAML, ConfigError, Examples, Sizes, Task, TaskSpec, one_hot
from tokay.algorithms.gradient.imaml.imaml import MIN_CURVATURE
from tokay.core.engine.memory_budget import peak_bytes
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

DOUBLE = torch.float64


def small_net(kind: str = "regression") -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3 if kind == "classification" else 1)).to(DOUBLE)


def one_task(kind: str = "regression", n: int = 6) -> Task:
    def examples() -> Examples:
        x = torch.randn(n, 2, dtype=DOUBLE)
        if kind == "classification":
            return Examples(x, one_hot(torch.randperm(n) % 3, 3))
        return Examples(x, torch.randn(n, 1, dtype=DOUBLE))

    return Task(examples(), examples())


def flat(tensors: Any) -> Tensor:
    return torch.cat([t.detach().flatten() for t in tensors])


def meta_gradient(algorithm: Any, net: nn.Module, task: Task) -> Tensor:
    return flat(torch.autograd.grad(algorithm.loss(net, task)[0], list(net.parameters())))


def loss_of(net: nn.Module, examples: Examples) -> Any:
    """The mean loss on examples as a function of flat parameters, without the library."""
    shapes = {name: p.shape for name, p in net.named_parameters()}

    def loss(vector: Tensor) -> Tensor:
        parts = vector.split([shape.numel() for shape in shapes.values()])
        params = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        output = functional_call(net, params, (examples.x,))
        if examples.y.dtype == torch.bool:
            return nn.functional.cross_entropy(output, examples.y.int().argmax(1).long())
        return nn.functional.mse_loss(output, examples.y)

    return loss


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("proximal, damping", [(2.0, 0.0), (1.5, 0.0), (0.5, 1.5), (0.0, 2.0)])
def test_the_meta_gradient_is_a_dense_solve(kind: str, proximal: float, damping: float) -> None:
    """(I + H/(λ + damping))^-1 ∇L_Q at the end of the inner loop, converged or not."""
    net, task = small_net(kind), one_task(kind)
    imaml = IMAML(proximal=proximal, damping=damping, inner_lr=0.1, inner_steps=3, cg_steps=40)
    end = flat(imaml.adapt(net, task.support).values())
    h, g = jacrev(grad(loss_of(net, task.support)))(end), grad(loss_of(net, task.query))(end)
    matrix = torch.eye(len(end)).to(DOUBLE) + h / (proximal + damping)
    assert float(torch.linalg.eigvalsh(matrix).min()) > MIN_CURVATURE
    torch.testing.assert_close(meta_gradient(imaml, net, task), torch.linalg.solve(matrix, g), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_meta_gradient_of_a_converged_inner_loop_is_the_derivative(kind: str) -> None:
    """The derivative of the query loss at the end of the inner loop, by central differences of fourth order."""
    net, task = small_net(kind), one_task(kind)
    imaml = IMAML(proximal=1.0, damping=0.0, inner_lr=0.25, inner_steps=200, cg_steps=25)
    *_, previous, end = imaml.path(net, task.support)
    torch.testing.assert_close(flat(previous.values()), flat(end.values()), rtol=0, atol=1e-12)
    gradient, width = meta_gradient(imaml, net, task), 1e-3
    direction = [torch.randn_like(p) for p in net.parameters()]

    def cost(distance: float) -> float:
        shifted = small_net(kind)
        with torch.no_grad():
            for p, q, d in zip(shifted.parameters(), net.parameters(), direction, strict=True):
                p.copy_(q + distance * d)
        return float(imaml.loss(shifted, task)[0].detach())

    slope = (8 * (cost(width) - cost(-width)) - (cost(2 * width) - cost(-2 * width))) / (12 * width)
    assert float(gradient @ flat(direction)) == pytest.approx(slope, rel=1e-7)
    outer = grad(loss_of(net, task.query))(flat(end.values()))
    assert float(outer @ flat(direction)) != pytest.approx(slope, rel=0.1)  # the first-order gradient differs


def test_linear_regression_in_closed_form() -> None:
    """φ* = (H + λ)^-1 (2 Xᵀy/n + λ θ) with H = 2 XᵀX/n, and dL_Q(φ*)/dθ = λ (H + λ)^-1 2 Uᵀ(Uφ* - v)/n."""
    net = nn.Linear(3, 1, bias=False).to(DOUBLE)
    x, u = torch.randn(2, 5, 3, dtype=DOUBLE)
    y, v = torch.randn(2, 5, 1, dtype=DOUBLE)
    strength = 0.7
    imaml = IMAML(proximal=strength, damping=0.0, inner_lr=0.1, inner_steps=400, cg_steps=3)
    start = net.weight.detach().T  # [3, 1]
    h = 2 * x.T @ x / 5  # the Hessian of the mean squared error
    end = torch.linalg.solve(h + strength * torch.eye(3).to(DOUBLE), 2 * x.T @ y / 5 + strength * start)
    adapted = imaml.adapt(net, Examples(x, y))["weight"]
    torch.testing.assert_close(adapted, end.T, rtol=1e-10, atol=1e-12)
    cost, metrics = imaml.loss(net, Task(Examples(x, y), Examples(u, v)))
    expected = (u @ end - v).square().mean()
    torch.testing.assert_close(cost.detach(), expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(metrics["mse"], expected, rtol=1e-10, atol=1e-12)
    outer = 2 * u.T @ (u @ end - v) / 5
    by_hand = torch.linalg.solve(h + strength * torch.eye(3).to(DOUBLE), strength * outer)
    torch.testing.assert_close(meta_gradient(imaml, net, Task(Examples(x, y), Examples(u, v))), by_hand[:, 0])


def test_an_inner_step_by_hand() -> None:
    """w <- w - lr (dL/dw + λ (w - start)); the start is that of the task, not of the step."""
    net = nn.Linear(1, 1, bias=False).to(DOUBLE)
    (x, y), _ = one_task()
    x = x[:, :1]
    w = start = float(net.weight.detach())
    a, b = float((x * x).mean()), float((x * y).mean())
    path = list(IMAML(inner_lr=0.2, proximal=1.5, inner_steps=4).path(net, Examples(x, y)))
    assert len(path) == 5
    for state in path:
        assert float(state["weight"]) == pytest.approx(w, rel=1e-12)
        w -= 0.2 * (2 * (a * w - b) + 1.5 * (w - start))


@pytest.mark.parametrize("kind, rate", [("classification", 0.1), ("regression", 0.01)])
def test_the_default_rate(kind: str, rate: float) -> None:
    net, task = small_net(kind), one_task(kind)
    default, explicit = (imaml.adapt(net, task.support) for imaml in (IMAML(), IMAML(inner_lr=rate)))
    assert all(torch.equal(default[name], explicit[name]) for name in explicit)
    assert not torch.equal(explicit["0.weight"], net[0].weight)


def test_without_the_proximal_term_it_adapts_as_maml() -> None:
    net, task = small_net(), one_task()
    ours = IMAML(proximal=0.0, damping=1.0, inner_lr=0.2, inner_steps=3).adapt(net, task.support)
    theirs = MAML(inner_lr=0.2, inner_steps=3).adapt(net, task.support)
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name].detach(), rtol=1e-12, atol=1e-14)


def test_much_damping_is_first_order() -> None:
    net, task = small_net(), one_task()
    imaml = IMAML(damping=1e9, inner_steps=3)
    outer = grad(loss_of(net, task.query))(flat(imaml.adapt(net, task.support).values()))
    torch.testing.assert_close(meta_gradient(imaml, net, task), outer, rtol=1e-6, atol=1e-9)


def test_a_task_that_curves_down_keeps_a_bounded_gradient() -> None:
    """With a λ far too weak for the network, some direction curves down. The gradient must not explode."""
    net, task = small_net("classification"), one_task("classification")
    imaml = IMAML(proximal=1e-4, damping=0.0, inner_steps=3, cg_steps=10)
    end = flat(imaml.adapt(net, task.support).values())
    outer = grad(loss_of(net, task.query))(end)
    lowest = torch.linalg.eigvalsh(jacrev(grad(loss_of(net, task.support)))(end)).min()
    assert float(lowest) < -1e-3
    assert float(meta_gradient(imaml, net, task).norm()) <= float(outer.norm()) / MIN_CURVATURE


def test_the_value_is_the_query_loss() -> None:
    net, task = small_net("classification"), one_task("classification")
    imaml = IMAML()
    cost, metrics = imaml.loss(net, task)
    end = flat(imaml.adapt(net, task.support).values())
    assert torch.equal(cost, metrics["loss"])
    assert not metrics["loss"].requires_grad
    torch.testing.assert_close(cost.detach(), loss_of(net, task.query)(end), rtol=1e-12, atol=1e-14)


def test_memory_does_not_grow_with_the_inner_steps() -> None:
    """5, 20 and 80 inner steps take the same memory. MAML's memory grows with every step."""
    backbone = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
    net = MAML().build(backbone, TaskSpec(x_shape=(4,), y_dim=1, kind="regression"))
    examples = Examples(torch.randn(2, 50, 4), torch.randn(2, 50, 1))

    def memory(algorithm: Any) -> int:
        return peak_bytes(lambda: accumulate_meta_gradient(algorithm, net, Task(examples, examples)))

    implicit = [memory(IMAML(inner_steps=steps)) for steps in (5, 20, 80)]
    unrolled = [memory(MAML(inner_steps=steps)) for steps in (5, 20)]
    assert max(implicit) < 1.02 * min(implicit)
    assert unrolled[1] > 2.5 * unrolled[0]
    assert implicit[0] < unrolled[0]


def test_adapting_records_nothing() -> None:
    net, task = small_net(), one_task()
    for state in IMAML().path(net, task.support):
        assert not any(p.requires_grad for p in state.values())


def test_frozen_weights_do_not_adapt() -> None:
    net, task = small_net(), one_task()
    net[0].requires_grad_(False)
    imaml = IMAML()
    assert set(imaml.adapt(net, task.support)) == {"2.weight", "2.bias"}
    imaml.loss(net, task)[0].backward()
    assert net[0].weight.grad is None
    assert net[2].weight.grad is not None


def test_at_test_there_is_no_proximal_term() -> None:
    imaml = IMAML(inner_lr=0.1, inner_steps=3, test_steps=7, proximal=0.4, damping=0.0)
    at_test = imaml.at_test()
    assert (at_test.inner_steps, at_test.proximal) == (7, 0.0)
    assert replace(imaml, test_proximal=0.2).at_test().proximal == 0.2
    net, task = small_net(), one_task()
    plain = MAML(inner_lr=0.1, inner_steps=7).adapt(net, task.support)
    adapted = at_test.adapt(net, task.support)
    torch.testing.assert_close(flat(adapted.values()), flat(plain.values()), rtol=1e-12, atol=1e-14)


def test_trains_on_as_many_queries_as_shots() -> None:
    assert IMAML().training_sizes(Sizes(ways=20, shots=5, queries=15)) == Sizes(ways=20, shots=5, queries=5)


def test_refuses_to_divide_the_curvature_by_zero() -> None:
    with pytest.raises(ConfigError, match=r"^imaml: proximal \+ damping must be above 0"):
        IMAML(proximal=0.0, damping=0.0)
