"""Second moments beside the weights."""

import torch
from torch import nn

from tokay.algorithms.gradient.reptile.moments import WithMoments, not_negative, split_moments
from tokay.core.inner.descent import Moments


def test_a_plain_network_starts_from_nothing() -> None:
    net = nn.Linear(2, 3)
    assert split_moments(net) == (net, Moments())


def test_moments_have_the_names_and_shapes_of_the_weights_and_begin_at_zero() -> None:
    inner = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False))
    net = WithMoments(inner)
    plain, moments = split_moments(net)
    assert plain is inner
    assert {name: p.shape for name, p in moments.second.items()} == {n: p.shape for n, p in inner.named_parameters()}
    assert all(not p.any() for p in moments.second.values())
    assert moments.seen is net.seen
    assert moments.step == 0
    x = torch.randn(4, 2)
    assert torch.equal(net(x), inner(x))


def test_they_are_weights_like_others() -> None:
    net = WithMoments(nn.Linear(2, 3))
    assert set(net.state_dict()) == {"net.weight", "net.bias", "second.0", "second.1", "seen"}
    assert all(p.requires_grad for p in net.parameters())


def test_below_zero_counts_as_zero() -> None:
    given = Moments(second={"w": torch.tensor([-1.0, 2.0])}, seen=torch.tensor(-0.5))
    found = not_negative(given)
    assert found.second["w"].tolist() == [0.0, 2.0]
    assert float(found.seen) == 0.0
    assert not_negative(Moments()) == Moments()
