"""Networks with learned inner learning rates."""

import pytest
import torch
from torch import nn

from tokay.core.inner.descent import SGD, Moments, trainable
from tokay.core.inner.rates import WithRates, split_rates


def test_one_rate_per_trainable_parameter() -> None:
    inner = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    inner[0].bias.requires_grad_(False)
    net = WithRates(inner, lambda p: torch.full_like(p, 0.3))
    network, rates = split_rates(net)
    assert network is inner
    assert list(rates) == list(trainable(inner))
    assert all(rate.shape == inner.get_parameter(name).shape for name, rate in rates.items())
    assert all(isinstance(rate, nn.Parameter) and rate.requires_grad for rate in rates.values())
    x = torch.randn(4, 3)
    assert torch.equal(net(x), inner(x))


def test_rates_move_and_save_with_the_network() -> None:
    net = WithRates(nn.Linear(2, 1), lambda p: torch.full((3,), 0.1)).double()
    assert split_rates(net)[1]["bias"].dtype == torch.float64
    copy = WithRates(nn.Linear(2, 1), lambda p: torch.zeros(3)).double()
    copy.load_state_dict(net.state_dict())
    assert torch.equal(split_rates(copy)[1]["weight"], torch.full((3,), 0.1).double())


def test_an_inner_step_uses_the_rates() -> None:
    net = WithRates(nn.Linear(2, 1, bias=False), lambda p: torch.tensor([[0.5, 0.0]]))
    network, rates = split_rates(net)
    start = trainable(network)
    new_params, _ = SGD(rates).update(start, {"weight": torch.ones(1, 2)}, Moments())
    torch.testing.assert_close(new_params["weight"], start["weight"] - torch.tensor([[0.5, 0.0]]))


def test_a_network_without_rates_is_refused() -> None:
    with pytest.raises(TypeError, match="rates beside it, got Linear"):
        split_rates(nn.Linear(1, 1))
