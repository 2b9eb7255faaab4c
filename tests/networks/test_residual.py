from typing import Any

import pytest
import torch
from torch.testing import assert_close

from tokay.errors import ConfigError
from tokay.networks import Residual, list_networks


def test_is_registered() -> None:
    assert list_networks()["residual"] is Residual


def test_it_begins_as_the_inputs_times_the_factor() -> None:
    x = torch.randn(3, 2, 4)
    assert_close(Residual(factor=2.0).build((2, 4))(x), 2 * x.flatten(1))


def test_every_weight_can_be_trained() -> None:
    """After one step from zero also the first layer has a gradient."""
    net = Residual(bottleneck=8).build((4,))
    optimizer, x = torch.optim.SGD(net.parameters(), lr=0.1), torch.randn(5, 4)
    for _ in range(2):
        optimizer.zero_grad()
        (net(x) ** 2).mean().backward()
        optimizer.step()
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())


@pytest.mark.parametrize("settings", [{"bottleneck": 0}, {"factor": 0.0}, {"factor": -1.0}])
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="residual: bottleneck and factor must be positive"):
        Residual(**settings)


def test_inputs_without_numbers() -> None:
    with pytest.raises(ConfigError, match=r"examples must have at least one number, got shape \(3, 0\)"):
        Residual().build((3, 0))
