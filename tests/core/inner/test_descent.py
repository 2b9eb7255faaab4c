"""Inner loops against closed forms, and weights in one row against separate weights."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import Examples, gradient_descent, one_hot
from tokay.core.inner import descent as inner
from tokay.core.inner.descent import (
    SGD,
    Adam,
    Clipped,
    Moments,
    Params,
    examples_loss,
    forward,
    last,
    optimize,
    trainable,
)

from .test_optimizers import PAIRS, batches, loss, start


def test_gradient_descent_in_closed_form() -> None:
    """On w²/2 each step multiplies w by 1 - lr, so d result / d w = (1 - lr)^steps."""
    w = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    lr = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def half_square(params: Params) -> Tensor:
        return params["w"].square().sum() / 2

    end = gradient_descent(half_square, {"w": w}, lr={"w": lr}, steps=3)["w"]
    torch.testing.assert_close(end, 0.7**3 * w.detach(), check_dtype=False)
    by_w, by_lr = torch.autograd.grad(end, (w, lr), retain_graph=True)
    assert float(by_w) == pytest.approx(0.7**3)
    assert float(by_lr) == pytest.approx(-3 * 0.7**2 * 2.0)
    (first_order,) = torch.autograd.grad(
        gradient_descent(half_square, {"w": w}, lr=0.3, steps=3, first_order=True)["w"], w
    )
    assert float(first_order) == 1.0
    assert gradient_descent(half_square, {"w": w}, lr=0.3, steps=0)["w"] is w


def test_last_returns_the_last_state() -> None:
    numbers: list[int] = []

    def states() -> Any:
        for i in range(5):
            numbers.append(i)
            yield i

    assert last(states()) == 4
    assert numbers == [0, 1, 2, 3, 4]


def test_trainable_excludes_frozen_parameters() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    assert list(trainable(net)) == ["1.weight", "1.bias"]


def test_forward_uses_the_given_parameters() -> None:
    net, x = nn.Linear(2, 3), torch.randn(4, 2)
    weight, bias = torch.randn(3, 2), torch.randn(3)
    original = net.weight.clone()
    torch.testing.assert_close(forward(net, {"weight": weight, "bias": bias}, x), x @ weight.T + bias)
    torch.testing.assert_close(forward(net, {"weight": weight}, x), x @ weight.T + net.bias)
    assert torch.equal(net.weight, original)


def test_shared_weights_stay_shared() -> None:
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    x, weight = torch.randn(3, 2), torch.randn(2, 2)
    assert list(trainable(net)) == ["0.weight"]
    torch.testing.assert_close(forward(net, {"0.weight": weight}, x), x @ weight.T @ weight.T)


def test_examples_loss_is_the_objective() -> None:
    net, x, labels = nn.Linear(3, 4), torch.randn(5, 3), torch.randint(4, (5,))
    classes = examples_loss(net)({}, Examples(x, one_hot(labels, 4)))
    torch.testing.assert_close(classes, nn.functional.cross_entropy(net(x), labels))
    y = torch.randn(5, 4)
    torch.testing.assert_close(examples_loss(net)({}, Examples(x, y)), nn.functional.mse_loss(net(x), y))


@pytest.mark.parametrize("name", [name for name, (optimizer, _) in PAIRS.items() if optimizer.is_uniform])
@pytest.mark.parametrize("first_order", [False, True])
def test_weights_in_one_row_move_as_separate_weights(
    name: str, first_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU uses one row. Weights, moments and derivatives must be the same, up to rounding."""
    optimizer, params, data = PAIRS[name][0], start(), batches(3)

    def run() -> tuple[list[Params], Moments, list[Tensor]]:
        initial = {key: p.clone().requires_grad_() for key, p in params.items()}
        states = list(optimize(loss, initial, data, optimizer, first_order=first_order))
        end = states[-1][0]
        grads = torch.autograd.grad(sum((p**3).sum() for p in end.values()), list(initial.values()))  # type: ignore[arg-type]
        return [state for state, _ in states], states[-1][1], list(grads)

    expected, expected_moments, expected_grads = run()
    calls: list[bool] = []

    def always(params: Params, moments: Moments) -> bool:
        calls.append(len(params) > 1)
        return len(params) > 1

    monkeypatch.setattr(inner, "_in_one_row", always)
    states, moments, grads = run()
    assert any(calls)
    torch.testing.assert_close(states, expected, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(dict(moments.second), dict(expected_moments.second), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(grads, expected_grads, rtol=1e-12, atol=1e-12)


def test_per_parameter_rates_do_not_use_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner, "_in_one_row", lambda params, moments: pytest.fail("must not be called"))
    rates = {"w": torch.tensor(0.1), "b": torch.tensor(0.2)}
    for optimizer in (SGD(rates), Adam(rates), Clipped(SGD(rates), 1.0)):
        assert not optimizer.is_uniform
        list(optimize(loss, {n: p.float() for n, p in start().items()}, [b.float() for b in batches(1)], optimizer))
