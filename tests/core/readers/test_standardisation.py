"""Standardised features: by hand, and their invariances."""

import torch
from hypothesis import given, strategies as st

from tokay.core.readers.standardisation import fit_standardiser, identity_standardiser


def test_by_hand() -> None:
    """Two features of three examples, of which the last is padding: variances 4 and 1, their mean 2.5."""
    features = torch.tensor([[0.0, 6.0], [4.0, 4.0], [100.0, -100.0]])
    standardiser = fit_standardiser(features, torch.tensor([True, True, False]))
    assert standardiser.centre.tolist() == [2.0, 5.0]
    torch.testing.assert_close(standardiser.spread, torch.tensor(2.51).sqrt())
    expected = torch.tensor([[-2.0, 1.0], [2.0, -1.0]]) / 2.51**0.5
    torch.testing.assert_close(standardiser.apply(features[:2]), expected)


@given(st.integers(0, 1000), st.floats(-100, 100), st.floats(10, 1000))
def test_shift_and_unit_make_no_difference(seed: int, shift: float, unit: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    features, queries = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    real = torch.ones(5, dtype=torch.bool)
    plain, rescaled = fit_standardiser(10 * features, real), fit_standardiser(unit * features + shift, real)
    torch.testing.assert_close(rescaled.apply(unit * queries + shift), plain.apply(10 * queries), rtol=1e-2, atol=1e-2)


def test_mean_and_variance_are_0_and_1() -> None:
    features = 100 * torch.randn(7, 3, dtype=torch.float64) + 5
    z = fit_standardiser(features, torch.ones(7, dtype=torch.bool)).apply(features)
    torch.testing.assert_close(z.mean(0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(z.var(0, unbiased=False).mean(), torch.ones((), dtype=torch.float64), rtol=0, atol=1e-4)


def test_one_example_or_none_has_a_finite_gradient() -> None:
    for real in (torch.tensor([True]), torch.tensor([False])):
        features = torch.tensor([[3.0, -1.0]], requires_grad=True)
        standardiser = fit_standardiser(features, real)
        assert float(standardiser.spread.detach()) == torch.tensor(0.01).sqrt()
        (gradient,) = torch.autograd.grad(standardiser.apply(features).square().sum(), features)
        assert bool(torch.isfinite(gradient).all())


def test_the_identity_changes_nothing() -> None:
    features = torch.randn(4, 3, dtype=torch.float64)
    assert torch.equal(identity_standardiser(features).apply(features), features)
    assert identity_standardiser(features).spread.dtype == torch.float64
