"""The networks of LEO, one pair at a time; the orthogonality penalty."""

import math

import torch
from torch import Tensor, nn

from tokay import one_hot
from tokay.algorithms.bayesian.leo.latent_head import LatentHead, orthogonality

FEATURES, LATENTS = 5, 3


def head() -> LatentHead:
    return LatentHead(nn.Identity(), FEATURES, LATENTS, latent_lr=2.0, tuning_lr=0.5).double()


def features(n: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(n, FEATURES, dtype=torch.float64), one_hot(torch.arange(n) % 2, 2)


def test_features_have_length_one() -> None:
    x = torch.randn(4, FEATURES, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(head().features(3 * x), x / x.norm(dim=1, keepdim=True), rtol=1e-12, atol=1e-12)
    blank = torch.zeros(2, FEATURES, requires_grad=True)
    head().features(blank).sum().backward()
    assert not bool(head().features(blank).any())
    assert blank.grad is not None
    assert bool(torch.isfinite(blank.grad).all())


def test_codes_are_means_over_all_pairs() -> None:
    net, (z, y) = head(), features()
    first, _, second, _, third = (getattr(layer, "weight", None) for layer in net.relation)
    encoded = [net.encoder.weight @ row for row in z]
    relations = []
    for anchor in encoded:
        rows = [third @ (second @ (first @ torch.cat([anchor, right])).clamp_min(0)).clamp_min(0) for right in encoded]
        relations.append(sum(rows) / len(rows))
    mean, log_std = net.codes(z, y)
    for c in range(2):
        expected = sum(row for row, label in zip(relations, y, strict=True) if label[c]) / 3
        torch.testing.assert_close(torch.cat([mean[c], log_std[c]]), expected, rtol=1e-12, atol=1e-12)


def test_order_of_a_pair_matters() -> None:
    """An example is the left one of its pairs. With left and right swapped, all examples would have the same code."""
    net, (z, y) = head(), features()
    with torch.no_grad():
        net.relation[0].weight[:, LATENTS:] = 0  # the right one has no influence
    singles = [
        torch.cat(net.codes(row[None], label[None]), 1)
        for row, label in zip(z, one_hot(torch.zeros(6), 1), strict=True)
    ]
    mean, log_std = net.codes(z, y)
    torch.testing.assert_close(
        torch.cat([mean, log_std], 1)[0], torch.cat(singles[::2]).mean(0), rtol=1e-12, atol=1e-12
    )


def test_padding_relates_to_nobody() -> None:
    net, (z, y) = head(), features()
    padded = net.codes(
        torch.cat([z, 10 * torch.randn(2, FEATURES, dtype=torch.float64)]), torch.cat([y, y[:2] & False])
    )
    torch.testing.assert_close(padded, net.codes(z, y), rtol=1e-12, atol=1e-12)


def test_rows_start_as_wide_as_glorots() -> None:
    """A code of zeros decodes to mean 0 and the standard deviation of Glorot's initialisation."""
    mean, log_std = head().decode(torch.zeros(7, LATENTS, dtype=torch.float64))
    assert not bool(mean.any())
    torch.testing.assert_close(log_std.exp(), torch.full_like(log_std, math.sqrt(2 / (7 + FEATURES))))


def test_decodes_by_one_linear_map() -> None:
    """The spread is exp(u) if u < 0, else 1 + u."""
    net, codes = head(), 3 * torch.randn(4, LATENTS, dtype=torch.float64)
    mean, log_std = net.decode(codes)
    both = torch.stack([net.decoder.weight @ code for code in codes])
    torch.testing.assert_close(mean, both[:, :FEATURES])
    u = both[:, FEATURES:].detach()
    assert float(u.min()) < -0.5 < 0.5 < float(u.max())
    spread = torch.tensor([[math.exp(v) if v < 0 else 1 + v for v in row] for row in u.tolist()], dtype=torch.float64)
    torch.testing.assert_close(log_std.exp(), math.sqrt(2 / (4 + FEATURES)) * spread)


def test_the_spread_of_a_row_has_a_slope_where_its_two_halves_meet() -> None:
    net, zero = head(), torch.zeros(1, LATENTS, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(net.decode(zero)[1].sum(), zero)
    torch.testing.assert_close(slope[0], net.decoder.weight[FEATURES:].sum(0))


def test_rates_and_penalty() -> None:
    net = head()
    assert net.latent_rate.tolist() == [2.0] * LATENTS
    assert net.tuning_rate.tolist() == [0.5] * FEATURES
    weights = [p for name, p in net.named_parameters() if name.endswith("weight")]
    assert len(weights) == 5
    torch.testing.assert_close(net.penalty(), sum((p**2).sum() for p in weights) / 2)


def test_orthogonal_vectors_cost_nothing_and_others_by_their_angle() -> None:
    basis, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    assert float(orthogonality(basis[:4] * torch.tensor([[1.0], [5.0], [0.1], [2.0]]))) < 1e-30
    angle = math.radians(60)
    pair = torch.tensor([[1.0, 0.0], [3 * math.cos(angle), 3 * math.sin(angle)]], dtype=torch.float64)
    torch.testing.assert_close(float(orthogonality(pair)), 2 * 0.5**2 / 4)  # two of the four correlations are 1/2
    torch.testing.assert_close(float(orthogonality(torch.ones(3, 2))), 6 / 9)
