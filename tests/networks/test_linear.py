import pytest
import torch

from tokay import ConfigError
from tokay.networks import Linear


@pytest.mark.parametrize("x_shape", [(6,), (1, 2, 3)])
def test_returns_the_flattened_inputs(x_shape: tuple[int, ...]) -> None:
    net, x = Linear().build(x_shape), torch.randn(4, *x_shape)
    assert torch.equal(net(x), x.reshape(4, 6))
    assert not list(net.parameters())


def test_an_example_without_numbers_raises_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^linear: examples must have at least one number, got shape \(0,\)"):
        Linear().build((0,))
