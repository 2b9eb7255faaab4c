"""Measures of inequality: against hand computations, against their axioms, and on equal losses."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tokay.algorithms.gradient.taml.inequality import atkinson, generalized_entropy, gini, theil, variance_of_logs

MEASURES: dict[str, Callable[[Tensor], Tensor]] = {
    "theil": theil,
    "generalized entropy, 2": lambda x: generalized_entropy(x, 2.0),
    "generalized entropy, 1": lambda x: generalized_entropy(x, 1.0),
    "generalized entropy, 0.5": lambda x: generalized_entropy(x, 0.5),
    "atkinson, 0.5": lambda x: atkinson(x, 0.5),
    "atkinson, 1": lambda x: atkinson(x, 1.0),
    "atkinson, 2": lambda x: atkinson(x, 2.0),
    "gini": gini,
    "variance of logs": variance_of_logs,
}
each_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
losses = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# (1, 3) has the mean 2, so the shares are 1/2 and 3/2.
BY_HAND = {
    "theil": (0.5 * math.log(0.5) + 1.5 * math.log(1.5)) / 2,
    "generalized entropy, 2": ((0.25 - 1) + (2.25 - 1)) / (2 * 2 * 1),
    "generalized entropy, 1": (0.5 * math.log(0.5) + 1.5 * math.log(1.5)) / 2,
    "generalized entropy, 0.5": ((math.sqrt(0.5) - 1) + (math.sqrt(1.5) - 1)) / (2 * 0.5 * -0.5),
    "atkinson, 0.5": 1 - ((1 + math.sqrt(3)) / 2) ** 2 / 2,
    "atkinson, 1": 1 - math.sqrt(3) / 2,
    "atkinson, 2": 1 - (2 / (1 + 1 / 3)) / 2,
    "gini": (2 + 2) / (2 * 4 * 2),
    "variance of logs": (math.log(3) / 2) ** 2,
}


@pytest.mark.parametrize("name", MEASURES)
def test_by_hand(name: str) -> None:
    assert float(MEASURES[name](double(1, 3))) == pytest.approx(BY_HAND[name], rel=1e-12)


def test_three_losses_by_hand() -> None:
    x = double(1, 2, 6)  # mean 3
    assert float(gini(x)) == pytest.approx((1 + 5 + 4) * 2 / (2 * 9 * 3))
    assert float(generalized_entropy(x, 2.0)) == pytest.approx(float(x.var(correction=0)) / 9 / 2)  # CV²/2
    geometric = 12 ** (1 / 3)
    assert float(atkinson(x, 1.0)) == pytest.approx(1 - geometric / 3)
    expected = sum(math.log(v / geometric) ** 2 for v in (1, 2, 6)) / 3
    assert float(variance_of_logs(x)) == pytest.approx(expected)


def test_the_limits_are_continuous() -> None:
    x = double(0.3, 1, 2, 5)
    assert float(generalized_entropy(x, 1 + 1e-6)) == pytest.approx(float(generalized_entropy(x, 1.0)), rel=1e-5)
    assert float(atkinson(x, 1 + 1e-6)) == pytest.approx(float(atkinson(x, 1.0)), rel=1e-5)
    assert float(generalized_entropy(x, 1.0)) == float(theil(x))


@each_measure
@settings(max_examples=30)
@given(values=losses, scale=st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(measure: Callable[[Tensor], Tensor], values: list[float], scale: float) -> None:
    x = double(*values)
    torch.testing.assert_close(measure(scale * x), measure(x), rtol=1e-8, atol=1e-10)


@each_measure
@settings(max_examples=30)
@given(values=losses, copies=st.integers(2, 3))
def test_copies_and_order_do_not_matter(measure: Callable[[Tensor], Tensor], values: list[float], copies: int) -> None:
    x = double(*values)
    torch.testing.assert_close(measure(x.repeat(copies)), measure(x), rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(measure(x.flip(0)), measure(x), rtol=1e-8, atol=1e-10)


@each_measure
@settings(max_examples=30)
@given(values=losses)
def test_never_negative_and_zero_only_for_equal_losses(
    measure: Callable[[Tensor], Tensor], values: list[float]
) -> None:
    x = double(*values)
    index = float(measure(x))
    assert index >= -1e-12
    if max(values) > 1.01 * min(values):
        assert index > 1e-8


@each_measure
def test_a_transfer_from_a_larger_to_a_smaller_loss_reduces_it(measure: Callable[[Tensor], Tensor]) -> None:
    assert float(measure(double(2, 4, 6))) < float(measure(double(1, 4, 7))) < float(measure(double(0.5, 4, 7.5)))


@each_measure
@pytest.mark.parametrize("value", [1.0, 1e-30, 1e30, 0.0])
def test_equal_losses_give_zero_and_a_finite_gradient(measure: Callable[[Tensor], Tensor], value: float) -> None:
    for dtype in (torch.float32, torch.float64):
        x = torch.full((4,), value, dtype=dtype, requires_grad=True)
        index = measure(x)
        assert float(index.detach()) == pytest.approx(0, abs=1e-6)
        (gradient,) = torch.autograd.grad(index, x)
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().max() * value) < 1e-5  # a small change has no effect


@each_measure
def test_a_task_with_zero_loss(measure: Callable[[Tensor], Tensor]) -> None:
    """The value and its gradient stay finite."""
    for dtype in (torch.float32, torch.float64):
        x = torch.tensor([0.0, 1.0, 2.0], dtype=dtype, requires_grad=True)
        index = measure(x)
        assert float(index.detach()) > 0.01
        assert bool(torch.isfinite(torch.autograd.grad(index, x)[0]).all())


@each_measure
def test_one_task_has_no_inequality(measure: Callable[[Tensor], Tensor]) -> None:
    assert float(measure(double(3.0))) == pytest.approx(0, abs=1e-12)


@each_measure
def test_gradients(measure: Callable[[Tensor], Tensor]) -> None:
    x = double(0.5, 1.5, 2.0, 4.0).requires_grad_()
    assert torch.autograd.gradcheck(measure, x)
