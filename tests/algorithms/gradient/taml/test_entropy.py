"""The entropy of predictions: by hand, at its limits, and independent of padding and of the true classes."""

import math

import pytest
import torch

from tokay.algorithms.gradient.taml.entropy import entropy

YES = torch.ones(1, 3, dtype=torch.bool)


def test_by_hand() -> None:
    p = torch.tensor([[0.5, 0.25, 0.25], [0.9, 0.1, 1e-12]], dtype=torch.float64)
    first = 0.5 * math.log(2) + 0.5 * math.log(4)
    second = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    y = torch.eye(3, dtype=torch.bool)[:2]
    assert float(entropy(p.log(), y)) == pytest.approx((first + second) / 2)
    assert float(entropy(p.log() + 5, y)) == pytest.approx((first + second) / 2)


def test_limits() -> None:
    assert float(entropy(torch.zeros(1, 3), YES)) == pytest.approx(math.log(3))
    logits = torch.tensor([[1e4, 0.0, -1e4]], requires_grad=True)
    certain = entropy(logits, YES)
    assert float(certain.detach()) == 0
    assert bool(torch.isfinite(torch.autograd.grad(certain, logits)[0]).all())


def test_padding_and_the_true_class_do_not_matter() -> None:
    logits = torch.randn(4, 3, dtype=torch.float64)
    y = torch.eye(3, dtype=torch.bool)[[0, 1, 2, 0]]
    expected = entropy(logits, y)
    assert torch.equal(entropy(logits, y.roll(1, 1)), expected)
    padded = torch.cat([y, torch.zeros(2, 3, dtype=torch.bool)])
    torch.testing.assert_close(entropy(torch.cat([logits, torch.randn(2, 3).double()]), padded), expected)


def test_gradient() -> None:
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    y = torch.eye(3, dtype=torch.bool)[[0, 1, 2, 0]]
    assert torch.autograd.gradcheck(lambda logits: entropy(logits, y), logits)
