import pytest
import torch

from tokay import ConfigError
from tokay.networks import MLP


def test_parameters_by_hand() -> None:
    """MAML's sinusoid network without its head: 1-40-40."""
    assert sum(p.numel() for p in MLP().build((1,)).parameters()) == (1 + 1) * 40 + (40 + 1) * 40


@pytest.mark.parametrize("activation, function", [("relu", torch.relu), ("tanh", torch.tanh)])
@pytest.mark.parametrize("x_shape", [(6,), (1, 2, 3), ()])
def test_by_hand(activation: str, function: object, x_shape: tuple[int, ...]) -> None:
    net = MLP(hidden=(5, 3), activation=activation).build(x_shape)  # type: ignore[arg-type]
    x = torch.randn(4, *x_shape)
    first, second = (layer for layer in net if isinstance(layer, torch.nn.Linear))
    out = x.reshape(4, -1)
    for layer in (first, second):
        out = function(out @ layer.weight.T + layer.bias)  # type: ignore[operator]
    if x_shape:
        torch.testing.assert_close(net(x), out)
        assert net(x).shape == (4, 3)
    else:
        assert first.in_features == 1


@pytest.mark.parametrize("widths", [(), (0,), (4, -1)])
def test_invalid_widths_raise_an_error(widths: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"^mlp: hidden must be one or more positive widths, got \("):
        MLP(hidden=widths)
