"""Second moments as meta-weights."""

import torch
from torch import nn

from tokay.algorithms.gradient.reptile.moments import WithMoments, not_negative, split_moments
from tokay.core.inner.descent import Moments


def test_a_plain_network_has_zero_moments() -> None:
    net = nn.Linear(2, 3)
    assert split_moments(net) == (net, Moments())


def test_moments_have_the_names_and_shapes_of_the_weights_and_start_at_zero() -> None:
    inner = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False))
    net = WithMoments(inner)
    plain, moments = split_moments(net)
    assert plain is inner
    assert {name: p.shape for name, p in moments.second.items()} == {n: p.shape for n, p in inner.named_parameters()}
    assert all(not p.any() for p in moments.second.values())
    assert moments.second_weight is net.seen
    assert moments.step == 0
    x = torch.randn(4, 2)
    assert torch.equal(net(x), inner(x))


def test_moments_are_parameters() -> None:
    net = WithMoments(nn.Linear(2, 3))
    assert set(net.state_dict()) == {"net.weight", "net.bias", "second.0", "second.1", "seen"}
    assert all(p.requires_grad for p in net.parameters())


def test_below_zero_counts_as_zero() -> None:
    moments = Moments(second={"w": torch.tensor([-1.0, 2.0])}, second_weight=torch.tensor(-0.5))
    clamped = not_negative(moments)
    assert clamped.second["w"].tolist() == [0.0, 2.0]
    assert float(clamped.second_weight) == 0.0
    assert not_negative(Moments()) == Moments()
