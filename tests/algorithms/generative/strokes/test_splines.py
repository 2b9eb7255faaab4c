"""B-splines against their definition, and against curves that they can reproduce."""

import pytest
import torch

from tokay.algorithms.generative.strokes.splines import fit_spline, relative_length, sample_spline, spline_basis

EVEN = torch.linspace(0, 1, 41, dtype=torch.float64)


@pytest.mark.parametrize("controls", [4, 5, 9])
def test_the_basis_is_a_partition_of_one(controls: int) -> None:
    values = spline_basis(EVEN, controls)
    assert bool((values >= 0).all())
    torch.testing.assert_close(values.sum(1), torch.ones_like(EVEN))
    assert bool(((values > 0).sum(1) <= 4).all())
    assert values[0, 0] == values[-1, -1] == 1


def test_four_controls_are_a_bezier_curve() -> None:
    t = EVEN
    bernstein = torch.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)
    torch.testing.assert_close(spline_basis(t, 4), bernstein)


@pytest.mark.parametrize("controls", [4, 5, 8])
def test_the_basis_spans_all_cubics(controls: int) -> None:
    powers = torch.stack([EVEN**k for k in range(4)], 1)
    values = spline_basis(EVEN, controls)
    fitted = values @ torch.linalg.lstsq(values, powers).solution
    torch.testing.assert_close(fitted, powers)


def test_a_curve_is_smooth_at_its_knots() -> None:
    """Second differences of a C² curve go to zero with the step, also across knots."""
    control = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for step, bound in ((1e-3, 10.0), (1e-4, 1.0)):
        around = 0.4 + step * torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=torch.float64)
        third = torch.diff(spline_basis(around, 8) @ control, n=3, dim=0) / step**2
        assert float(third.abs().max()) < bound


def test_a_fit_reproduces_a_cubic() -> None:
    """A cubic whose parameter is nearly its length, as the fit assumes: the fit reproduces its points."""
    t = EVEN
    curve = torch.stack([t, 0.5 * t - 0.8 * t**2 + 0.4 * t**3], 1)
    control = fit_spline(curve, 5)
    fitted = spline_basis(relative_length(curve), 5) @ control
    torch.testing.assert_close(fitted, curve, rtol=0, atol=2e-3)
    straight = torch.stack([t, 2 * t + 1], 1)
    torch.testing.assert_close(spline_basis(t, 6) @ fit_spline(straight, 6), straight, rtol=0, atol=1e-4)


def test_known_controls_are_found_again() -> None:
    control = torch.stack(
        [torch.linspace(0, 3, 4), torch.zeros(4)], 1
    ).double()  # even distances on a line: t is the length
    torch.testing.assert_close(fit_spline(spline_basis(EVEN, 4) @ control, 4), control, rtol=0, atol=1e-4)


def test_few_points_are_enough() -> None:
    dot = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    torch.testing.assert_close(fit_spline(dot, 5), dot.expand(5, 2))
    ends = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    fitted = spline_basis(EVEN, 5) @ fit_spline(ends, 5)
    torch.testing.assert_close(fitted[[0, -1]], ends, rtol=0, atol=1e-3)
    assert float((fitted[:, 0] - fitted[:, 1]).abs().max()) < 1e-9


def test_length_along_a_line() -> None:
    bent = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    assert relative_length(bent).tolist() == [0, 0.75, 1]
    assert relative_length(bent[:1]).tolist() == [0]


def test_beads_are_at_even_distances() -> None:
    control = torch.tensor([[0.0, 0.0], [0.0, 0.1], [0.0, 0.2], [1.0, 1.0], [2.0, 0.0]], dtype=torch.float64)
    beads = sample_spline(control, 30)
    steps = (beads[1:] - beads[:-1]).norm(dim=1)
    assert float(steps.max() / steps.min()) < 1.02
    torch.testing.assert_close(beads[[0, -1]], control[[0, -1]])
