"""Meta-LSTM against a slow NumPy loop over coordinates, and against SGD with gates set by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import ConfigError, Examples, MetaLSTM, Task, TaskSpec, gradient_descent, one_hot
from tokay.core.inner.coordinatewise import log_and_sign
from tokay.core.inner.descent import examples_loss, trainable

SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def build_method_and_net(**settings: Any) -> tuple[MetaLSTM, nn.Module]:
    """The method and a small network, with large weights of the meta-learner."""
    method = MetaLSTM(**settings)
    net = method.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC).double()
    with torch.no_grad():
        net.optimizer.rate_weight.normal_()
        net.optimizer.keep_weight.normal_()
    return method, net


def task(n: int = 6) -> Task:
    def examples() -> Examples:
        return Examples(torch.randn(n, 4, dtype=torch.float64), one_hot(torch.randperm(n) % 3, 3))

    return Task(examples(), examples())


@pytest.mark.parametrize("steps", [1, 4])
def test_open_gates_are_gradient_descent(steps: int) -> None:
    """With zero weights, the forget gates are exactly 1 and the input gates α, for any output of the LSTM."""
    method, net = build_method_and_net(inner_steps=steps, inner_lr=0.2, forget_bias=100.0)
    support = task().support
    with torch.no_grad():
        net.optimizer.rate_weight.zero_()
        net.optimizer.keep_weight.zero_()
        net.optimizer.rate_bias.fill_(math.log(0.25))  # in double precision: build sets it in float32
    loss = examples_loss(net.net)
    expected = gradient_descent(lambda p: loss(p, support), trainable(net.net), lr=0.2, steps=steps)
    adapted = method.adapt(net, support)
    assert list(adapted) == list(expected)
    for name, p in expected.items():
        torch.testing.assert_close(adapted[name], p, rtol=1e-12, atol=1e-14)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def prep(v: float) -> list[float]:
    return [math.log(abs(v)) / 10, math.copysign(1, v)] if abs(v) >= math.exp(-10) else [-1, math.exp(10) * v]


def by_hand(optimizer: nn.Module, theta: np.ndarray, grads: list[np.ndarray], losses: list[float]) -> np.ndarray:
    """The equations of the paper, one coordinate at a time."""
    w = {name: p.detach().numpy() for name, p in optimizer.named_parameters()}
    units = len(w["rate_weight"]) - 2
    for p in range(len(theta)):
        h, c, i, f = np.zeros(units), np.zeros(units), 0.0, 0.0
        for grad, loss in zip(grads, losses, strict=True):
            x = np.array(prep(grad[p]) + prep(loss))
            z = w["lstm.from_input.0"] @ x + w["lstm.from_hidden.0"] @ h + w["lstm.bias.0"]
            into, keep, candidate, out = z.reshape(4, units)
            c = sigmoid(keep) * c + sigmoid(into) * np.tanh(candidate)
            h = sigmoid(out) * np.tanh(c)
            i = sigmoid(w["rate_weight"] @ np.array([*h, theta[p], i]) + w["rate_bias"][0])
            f = sigmoid(w["keep_weight"] @ np.array([*h, theta[p], f]) + w["keep_bias"][0])
            theta[p] = f * theta[p] - i * grad[p]
    return theta


@pytest.mark.parametrize("steps", [1, 3])
def test_the_equations_one_coordinate_at_a_time(steps: int) -> None:
    method, net = build_method_and_net(inner_steps=steps, lstm_units=4)
    support = task().support
    grads, losses = [], []
    for params in list(method.path(net, support))[:-1]:  # gradients by ordinary backpropagation at every state
        leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
        loss = F.cross_entropy(torch.func.functional_call(net.net, leaves, (support.x,)), support.y.double())
        grads.append(np.concatenate([g.flatten() for g in torch.autograd.grad(loss, list(leaves.values()))]))
        losses.append(float(loss.detach()))
    start = np.concatenate([p.detach().numpy().flatten() for p in net.net.parameters()])
    adapted = torch.cat([p.detach().flatten() for p in method.adapt(net, support).values()]).numpy()
    np.testing.assert_allclose(adapted, by_hand(net.optimizer, start, grads, losses), rtol=1e-10, atol=1e-12)


def slow_loss(net: nn.Module, task: Task, steps: int) -> Tensor:
    """The query loss by torch's own LSTM cell and autograd; gradients and losses count as constants."""
    o = net.optimizer
    units = o.lstm.hidden_size
    names = [name for name, _ in net.net.named_parameters()]
    shapes = [p.shape for p in net.net.parameters()]

    def loss_at(row: Tensor, part: Examples) -> Tensor:
        pieces = row.split([s.numel() for s in shapes])
        params = {name: piece.view(shape) for name, piece, shape in zip(names, pieces, shapes, strict=True)}
        return F.cross_entropy(torch.func.functional_call(net.net, params, (part.x,)), part.y.double())

    theta = torch.cat([p.flatten() for p in net.net.parameters()])
    h = c = torch.zeros(len(theta), units, dtype=torch.float64)
    i = f = torch.zeros(len(theta), dtype=torch.float64)
    zero = torch.zeros(4 * units, dtype=torch.float64)
    for _ in range(steps):
        leaf = theta.detach().requires_grad_()
        loss = loss_at(leaf, task.support)
        (grad,) = torch.autograd.grad(loss, leaf)
        x = torch.cat([log_and_sign(grad).T, log_and_sign(loss.detach()).expand(len(theta), 2)], 1)
        h, c = torch.lstm_cell(x, (h, c), o.lstm.from_input[0], o.lstm.from_hidden[0], o.lstm.bias[0], zero)
        i = torch.sigmoid(torch.cat([h, theta[:, None], i[:, None]], 1) @ o.rate_weight + o.rate_bias)
        f = torch.sigmoid(torch.cat([h, theta[:, None], f[:, None]], 1) @ o.keep_weight + o.keep_bias)
        theta = f * theta - i * grad
    return loss_at(theta, task.query)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_meta_gradient_takes_gradients_as_constants(steps: int) -> None:
    method, net = build_method_and_net(inner_steps=steps)
    one = task()
    actual = torch.autograd.grad(method.loss(net, one)[0], list(net.parameters()))
    expected = torch.autograd.grad(slow_loss(net, one, steps), list(net.parameters()))
    for (name, _), a, b in zip(net.named_parameters(), actual, expected, strict=True):
        assert float(b.abs().max()) > 1e-9 or steps == 1, name  # at the first step the memory is zero
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_permuted_units_take_permuted_steps() -> None:
    """Hidden units in another order give the same function, so the steps are the same in another order."""
    method, net = build_method_and_net(inner_steps=3)
    support, order = task().support, torch.tensor([3, 1, 4, 0, 2])
    original = method.adapt(net, support)
    with torch.no_grad():
        for p in (net.net.backbone[0].weight, net.net.backbone[0].bias, net.net.head.weight.T):
            p.copy_(p[order].clone())
    permuted = method.adapt(net, support)
    torch.testing.assert_close(
        permuted["backbone.0.weight"], original["backbone.0.weight"][order], rtol=1e-10, atol=1e-12
    )
    torch.testing.assert_close(permuted["backbone.0.bias"], original["backbone.0.bias"][order], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(permuted["head.weight"], original["head.weight"][:, order], rtol=1e-10, atol=1e-12)
    assert not torch.allclose(permuted["head.weight"], original["head.weight"], atol=1e-3)


def test_the_path_starts_at_the_network() -> None:
    method, net = build_method_and_net(inner_steps=4)
    path = list(method.path(net, task().support))
    assert len(path) == 5
    assert all(torch.equal(path[0][name], p) for name, p in net.net.named_parameters())


def test_frozen_weights_do_not_adapt() -> None:
    method, net = build_method_and_net()
    net.net.backbone.requires_grad_(False)
    assert set(method.adapt(net, task().support)) == {"head.weight", "head.bias"}


def test_starts_as_slow_descent() -> None:
    """Untrained gates are close to their settings, for every coordinate."""
    method = MetaLSTM(inner_steps=1, inner_lr=0.4, forget_bias=4.0)
    net = method.build(nn.Linear(4, 5), SPEC)
    row = torch.randn(50)
    weights, memory = net.optimizer(row, torch.randn(50), torch.tensor(1.0), net.optimizer.start(row))
    torch.testing.assert_close(memory.rate, torch.full((50,), 0.4), rtol=0.1, atol=0)
    torch.testing.assert_close(memory.keep, torch.full((50,), 1 / (1 + math.exp(-4))), rtol=0.01, atol=0)
    assert not torch.equal(weights, row)


def test_the_start_of_the_meta_learner() -> None:
    """The weights of the LSTM within ±1/√20, those of the gates within ±0.01, as the docstring says."""
    net = MetaLSTM().build(nn.Linear(4, 5), SPEC)
    lstm = torch.cat([p.detach().flatten() for p in net.optimizer.lstm.parameters()])
    gates = torch.cat([net.optimizer.rate_weight.detach(), net.optimizer.keep_weight.detach()])
    assert 0.2 < float(lstm.abs().max()) <= 1 / math.sqrt(20)
    assert 0.005 < float(gates.abs().max()) <= 0.01


def test_a_gate_is_below_one() -> None:
    with pytest.raises(ConfigError, match=r"^meta-lstm: inner_lr must be below 1, because it is a gate, got 1\.0\."):
        MetaLSTM(inner_lr=1.0)
