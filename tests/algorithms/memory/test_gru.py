"""The GRU against the recurrence of its paper, written out in NumPy from the network's weights."""

import numpy as np
import pytest
import torch
from torch import nn

from tokay import GRU, Examples, TaskSpec, one_hot
from tokay.core.readers.recurrent import GRUMemory

from .helpers import Array, check_against_oracle, linear, network, sigma, small_task


class _Oracle:
    """Cho et al. 2014, eq. 5 to 8: r acts on the memory before the product with U. Then the head."""

    def __init__(self, net: nn.Module, units: int, label_scale: float) -> None:
        self.net, self.label_scale, self.h = net, label_scale, np.zeros(units)

    @property
    def memory(self) -> list[Array]:
        return [self.h]

    def step(self, features: Array, label: Array) -> Array:
        cell, h = self.net.cell, self.h
        reset_x, keep_x, new_x = np.split(
            linear(cell.from_input, np.concatenate([features, self.label_scale * label])), 3
        )
        reset_h, keep_h = np.split(cell.from_hidden.weight.detach().numpy() @ h, 2)
        r, z = sigma(reset_x + reset_h), sigma(keep_x + keep_h)
        self.h = z * h + (1 - z) * np.tanh(new_x + cell.from_picked.weight.detach().numpy() @ (r * h))
        return linear(self.net.head, self.h)


@pytest.mark.parametrize(("standardise", "label_scale"), [(False, 1.0), (False, 0.5), (True, 1.0), (True, 0.5)])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_it_is_the_recurrence(kind: str, standardise: bool, label_scale: float) -> None:
    method = GRU(units=7, standardise=standardise, label_scale=label_scale, keep_spread=2.0)
    net = network(method, kind)
    assert isinstance(net.cell, GRUMemory)
    check_against_oracle(method, net, lambda: _Oracle(net, 7, label_scale), small_task(kind))


def test_no_query_sees_another() -> None:
    method, (support, query) = GRU(), small_task()
    net = network(method)
    state = method.adapt(net, support)
    singly = torch.cat([method.predict(net, state, x[None]) for x in query.x])
    torch.testing.assert_close(method.predict(net, state, query.x), singly)


def test_settings() -> None:
    assert GRU.ordered
    assert GRU().units == 200
    cell = GRU().build(nn.Flatten(), TaskSpec(x_shape=(4,), y_dim=2)).cell
    assert cell.from_input.weight.shape == (3 * 200, 4 + 2)
    spread_cell = GRU(keep_spread=4.0).build(nn.Flatten(), TaskSpec(x_shape=(4,), y_dim=2)).cell
    assert spread_cell.from_input.bias.detach().abs().max() > 3


def test_label_scale_multiplies_the_labels() -> None:
    """Labels twice as large with half the weights give the same predictions."""
    x, y = torch.randn(6, 4), one_hot(torch.arange(6) % 2, 2)
    spec = TaskSpec(x_shape=(4,), y_dim=2)
    single, double = (GRU(label_scale=scale).build(nn.Flatten(), spec) for scale in (1.0, 2.0))
    double.load_state_dict(single.state_dict())
    with torch.no_grad():
        double.cell.from_input.weight[:, 4:] /= 2
    torch.testing.assert_close(GRU().predict_along(double, Examples(x, y)), GRU().predict_along(single, Examples(x, y)))
