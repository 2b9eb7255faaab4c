"""Meta-weights per inner step: rates, and the scales and shifts of the norm layers."""

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
def test_the_scale_and_shift_of_every_norm_become_stacks(norm: nn.Module, x_shape: tuple[int, ...], count: int) -> None:
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


def test_the_original_network_stays_unchanged() -> None:
    original = net()
    initial = dict(original.named_parameters())
    per_step = PerStep(original, steps=2, rate=0.1)
    assert dict(original.named_parameters()).keys() == initial.keys()
    assert all(p is initial[name] for name, p in original.named_parameters())
    assert not {id(p) for p in per_step.parameters()} & {id(p) for p in original.parameters()}


def test_one_rate_per_tensor_and_step() -> None:
    network, per_step = split_steps(PerStep(net(), steps=2, rate=0.3))
    assert list(trainable(network)) == list(per_step.rates_at(0)) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert all(rates.tolist() == pytest.approx([0.3, 0.3]) for rates in per_step.rates)
    assert all(rate.shape == () for rate in per_step.rates_at(1).values())


def test_later_steps_use_the_last_entry() -> None:
    per_step = PerStep(net(), steps=2, rate=0.1)
    with torch.no_grad():
        for stack in (*per_step.norms, *per_step.rates):
            stack.copy_(torch.arange(float(len(stack))).reshape(-1, *[1] * (stack.ndim - 1)).expand_as(stack))
    assert [float(per_step.norms_at(step)["1.weight"].detach()[0]) for step in range(5)] == [0, 1, 2, 2, 2]
    assert [float(per_step.rates_at(step)["0.bias"].detach()) for step in range(4)] == [0, 1, 1, 1]


def test_the_norms_of_a_step_replace_those_in_the_network() -> None:
    per_step = PerStep(net(), steps=2, rate=0.1)
    x = torch.randn(5, 3)
    with torch.no_grad():
        per_step.norms[0][1].fill_(3.0)
        per_step.norms[1][1].fill_(-1.0)
    first, _, last = per_step.net
    by_hand = last(3 * torch.nn.functional.layer_norm(first(x), (4,)) - 1)
    torch.testing.assert_close(functional_call(per_step.net, per_step.norms_at(1), (x,)), by_hand)
    assert not torch.equal(per_step(x), by_hand)


def test_a_plain_call_uses_the_norms_before_any_step() -> None:
    per_step, x = PerStep(net(), steps=2, rate=0.1), torch.randn(5, 3)
    with torch.no_grad():
        per_step.norms[0][0].fill_(2.0)
    torch.testing.assert_close(per_step(x), functional_call(per_step.net, per_step.norms_at(0), (x,)))
    assert not torch.equal(per_step(x), per_step.net(x))


def test_a_checkpoint_holds_only_the_stacks() -> None:
    per_step, again = (PerStep(net(), steps=2, rate=0.1) for _ in range(2))
    assert set(per_step.state_dict()) == {name for name, _ in per_step.named_parameters()}
    assert not [name for name in per_step.state_dict() if name.startswith("net.1.")]
    with torch.no_grad():
        per_step.norms[0].normal_()
    again.load_state_dict(per_step.state_dict())
    x = torch.randn(5, 3)
    assert torch.equal(again(x), per_step(x))
    assert next(iter(per_step.double().norms_at(0).values())).dtype == per_step.net[1].weight.dtype == torch.float64


def test_frozen_parameters_stay() -> None:
    original = net()
    original[1].requires_grad_(False)
    original[0].bias.requires_grad_(False)
    per_step = PerStep(original, steps=2, rate=0.1)
    assert not per_step.norms
    assert list(per_step.rates_at(0)) == ["0.weight", "2.weight", "2.bias"]
    assert isinstance(per_step.net[1].weight, nn.Parameter)


def test_another_network_is_refused() -> None:
    with pytest.raises(TypeError, match=r"PerStep that MAMLPlusPlus\(\)\.build returns, got Linear"):
        split_steps(nn.Linear(1, 1))
