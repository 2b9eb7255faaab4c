"""What each inner step has of its own: rates, and the scales and shifts of the norm layers."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from tokay.algorithms.gradient.mamlpp.per_step import PerStep, split_steps
from tokay.core.inner.descent import trainable

NORMS = [
    (nn.BatchNorm1d(4, track_running_stats=False), (4,), 2),
    (nn.BatchNorm2d(4, track_running_stats=False), (4, 3, 3), 2),
    (nn.InstanceNorm2d(4, affine=True), (4, 3, 3), 2),
    (nn.GroupNorm(2, 4), (4, 3, 3), 2),
    (nn.LayerNorm(4), (4,), 2),
    (nn.LayerNorm(4, bias=False), (4,), 1),
    (nn.RMSNorm(4), (4,), 1),
    (nn.BatchNorm1d(4, affine=False, track_running_stats=False), (4,), 0),
]


@pytest.mark.parametrize("norm, x_shape, count", NORMS, ids=lambda value: type(value).__name__)
def test_every_norm_gives_up_its_scale_and_shift(norm: nn.Module, x_shape: tuple[int, ...], count: int) -> None:
    for p in norm.parameters():
        nn.init.normal_(p)
    bare, inside = PerStep(norm, steps=3, rate=0.5), PerStep(nn.Sequential(nn.Sequential(norm)), steps=3, rate=0.5)
    assert len(bare.norms) == len(inside.norms) == count
    assert set(bare.norms_at(0)) == {name for name, _ in norm.named_parameters()}
    assert set(inside.norms_at(0)) == {f"0.0.{name}" for name, _ in norm.named_parameters()}
    for net in (bare, inside):
        assert not trainable(net.net)
        assert all(len(stack) == 4 for stack in net.norms)
        for name, p in net.norms_at(2).items():
            assert torch.equal(p, norm.get_parameter(name.removeprefix("0.0.")))
        x = torch.randn(5, *x_shape)
        assert torch.equal(net(x), norm(x))


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))


def test_the_caller_keeps_its_network() -> None:
    given = net()
    before = dict(given.named_parameters())
    own = PerStep(given, steps=2, rate=0.1)
    assert dict(given.named_parameters()).keys() == before.keys()
    assert all(p is before[name] for name, p in given.named_parameters())
    assert not {id(p) for p in own.parameters()} & {id(p) for p in given.parameters()}


def test_one_rate_per_tensor_and_step() -> None:
    network, own = split_steps(PerStep(net(), steps=2, rate=0.3))
    assert list(trainable(network)) == list(own.rates_at(0)) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert all(rates.tolist() == pytest.approx([0.3, 0.3]) for rates in own.rates)
    assert all(rate.shape == () for rate in own.rates_at(1).values())


def test_each_step_has_its_own_and_later_ones_the_last() -> None:
    own = PerStep(net(), steps=2, rate=0.1)
    with torch.no_grad():
        for stack in (*own.norms, *own.rates):
            stack.copy_(torch.arange(float(len(stack))).reshape(-1, *[1] * (stack.ndim - 1)).expand_as(stack))
    assert [float(own.norms_at(step)["1.weight"].detach()[0]) for step in range(5)] == [0, 1, 2, 2, 2]
    assert [float(own.rates_at(step)["0.bias"].detach()) for step in range(4)] == [0, 1, 1, 1]


def test_a_step_takes_the_place_of_what_is_in_the_network() -> None:
    own = PerStep(net(), steps=2, rate=0.1)
    x = torch.randn(5, 3)
    with torch.no_grad():
        own.norms[0][1].fill_(3.0)
        own.norms[1][1].fill_(-1.0)
    first, _, last = own.net
    by_hand = last(3 * torch.nn.functional.layer_norm(first(x), (4,)) - 1)
    torch.testing.assert_close(functional_call(own.net, own.norms_at(1), (x,)), by_hand)
    assert not torch.equal(own(x), by_hand)


def test_asked_plainly_it_answers_as_before_any_step() -> None:
    own, x = PerStep(net(), steps=2, rate=0.1), torch.randn(5, 3)
    with torch.no_grad():
        own.norms[0][0].fill_(2.0)
    torch.testing.assert_close(own(x), functional_call(own.net, own.norms_at(0), (x,)))
    assert not torch.equal(own(x), own.net(x))


def test_a_checkpoint_holds_the_stacks_alone() -> None:
    own, again = (PerStep(net(), steps=2, rate=0.1) for _ in range(2))
    assert set(own.state_dict()) == {name for name, _ in own.named_parameters()}
    assert not [name for name in own.state_dict() if name.startswith("net.1.")]
    with torch.no_grad():
        own.norms[0].normal_()
    again.load_state_dict(own.state_dict())
    x = torch.randn(5, 3)
    assert torch.equal(again(x), own(x))
    assert next(iter(own.double().norms_at(0).values())).dtype == own.net[1].weight.dtype == torch.float64


def test_what_is_frozen_stays() -> None:
    given = net()
    given[1].requires_grad_(False)
    given[0].bias.requires_grad_(False)
    own = PerStep(given, steps=2, rate=0.1)
    assert not own.norms
    assert list(own.rates_at(0)) == ["0.weight", "2.weight", "2.bias"]
    assert isinstance(own.net[1].weight, nn.Parameter)


def test_a_network_without_steps_is_refused() -> None:
    with pytest.raises(TypeError, match="steps beside it, got Linear"):
        split_steps(nn.Linear(1, 1))
