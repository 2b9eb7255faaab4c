"""The mixture over stroke shapes against torch's mixture, and what a shape leaves out."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from tokay.algorithms.generative.strokes.prior import NUMBERS, StrokePrior, stroke_shapes


def test_log_p_is_that_of_torchs_mixture() -> None:
    prior = StrokePrior(3).double()
    with torch.no_grad():
        for p in prior.parameters():
            p.add_(torch.randn_like(p))
    shapes = torch.randn(2, 5, NUMBERS, dtype=torch.float64)
    parts = Independent(Normal(prior.mean, prior.log_std.exp()), 1)
    expected = MixtureSameFamily(Categorical(logits=prior.share), parts).log_prob(shapes)
    torch.testing.assert_close(prior(shapes), expected)


def test_shapes_know_neither_place_nor_size() -> None:
    control = torch.randn(4, 5, 2, dtype=torch.float64)
    shapes, scaled_shapes = stroke_shapes(control), stroke_shapes(3 * control + 7)
    torch.testing.assert_close(scaled_shapes[:, :-1], shapes[:, :-1], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(scaled_shapes[:, -1], shapes[:, -1] + math.log(3), rtol=0, atol=1e-3)


def test_a_shape_by_hand() -> None:
    """A dash of length 4 along x: x - mean = -2 .. 2, root mean square size √2."""
    control = torch.stack([torch.arange(5.0), torch.zeros(5)], 1).double()
    expected = [x / math.sqrt(2) for i in range(5) for x in (i - 2, 0)] + [math.log(2) / 2]
    torch.testing.assert_close(stroke_shapes(control), torch.tensor(expected).double(), rtol=1e-4, atol=1e-4)


def test_a_dot_has_a_shape() -> None:
    control = torch.zeros(5, 2, dtype=torch.float64, requires_grad=True)
    shape = stroke_shapes(control)
    assert shape[:-1].tolist() == [0] * 10
    assert shape[-1].detach().item() == pytest.approx(math.log(0.01))
    (gradient,) = torch.autograd.grad(shape.sum(), control)
    assert bool(torch.isfinite(gradient).all())


def test_the_prior_learns_what_strokes_are_like() -> None:
    """Training on the likelihood alone makes it prefer the two shapes in the data."""
    dash, dot = (stroke_shapes(c) for c in (torch.stack([torch.arange(5.0), torch.zeros(5)], 1), torch.zeros(5, 2)))
    data = torch.stack([dash, dot] * 8) + 0.05 * torch.randn(16, NUMBERS)
    prior = StrokePrior(4)
    initial = prior(data).mean().item()
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        (-prior(data).mean()).backward()
        optimizer.step()
    assert prior(data).mean().item() > initial + 10
    assert prior(torch.stack([dash, dot])).min().item() > prior((dash + dot) / 2).item() + 3
