"""The measure of features: by hand, and what it must not change."""

import torch
from hypothesis import given, strategies as st

from tokay.core.readers.standardisation import as_it_is, measured_by


def test_by_hand() -> None:
    """Two features of three examples, of which the last is padding: variances 4 and 1, their mean 2.5."""
    features = torch.tensor([[0.0, 6.0], [4.0, 4.0], [100.0, -100.0]])
    measure = measured_by(features, torch.tensor([True, True, False]))
    assert measure.centre.tolist() == [2.0, 5.0]
    torch.testing.assert_close(measure.spread, torch.tensor(2.51).sqrt())
    expected = torch.tensor([[-2.0, 1.0], [2.0, -1.0]]) / 2.51**0.5
    torch.testing.assert_close(measure.of(features[:2]), expected)


@given(st.integers(0, 1000), st.floats(-100, 100), st.floats(10, 1000))
def test_where_zero_is_and_the_unit_make_no_difference(seed: int, shift: float, unit: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    features, asked = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    real = torch.ones(5, dtype=torch.bool)
    plain, moved = measured_by(10 * features, real), measured_by(unit * features + shift, real)
    torch.testing.assert_close(moved.of(unit * asked + shift), plain.of(10 * asked), rtol=1e-2, atol=1e-2)


def test_mean_and_variance_are_0_and_1() -> None:
    features = 100 * torch.randn(7, 3, dtype=torch.float64) + 5
    z = measured_by(features, torch.ones(7, dtype=torch.bool)).of(features)
    torch.testing.assert_close(z.mean(0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(z.var(0, unbiased=False).mean(), torch.ones((), dtype=torch.float64), rtol=0, atol=1e-4)


def test_one_example_or_none_has_a_measure_and_a_slope() -> None:
    for real in (torch.tensor([True]), torch.tensor([False])):
        features = torch.tensor([[3.0, -1.0]], requires_grad=True)
        measure = measured_by(features, real)
        assert float(measure.spread.detach()) == torch.tensor(0.01).sqrt()
        (slope,) = torch.autograd.grad(measure.of(features).square().sum(), features)
        assert bool(torch.isfinite(slope).all())


def test_as_it_is_changes_nothing() -> None:
    features = torch.randn(4, 3, dtype=torch.float64)
    assert torch.equal(as_it_is(features).of(features), features)
    assert as_it_is(features).spread.dtype == torch.float64
