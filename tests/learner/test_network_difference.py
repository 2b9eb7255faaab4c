"""Networks of the same weights that are not the same."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from tokay import LEO, MAML, VERSA, ConfigError, Learner, RelationNet, Siamese, TaskSpec, load, save
from tokay.learner.network_difference import find_difference
from tokay.networks import MLP

SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def chain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), *layers)


def test_a_copy_is_the_same() -> None:
    net = chain(nn.BatchNorm1d(4), nn.LSTMCell(4, 4), nn.Dropout(0.5))
    assert find_difference(net, deepcopy(net)) is None
    with torch.no_grad():
        other = deepcopy(net)
        other[0].weight.add_(1)
    assert find_difference(net, other) is None  # saved weights do not count


def altered(attribute: str, value: Any) -> nn.Module:
    net = chain(nn.Dropout(0.5))
    setattr(net[1], attribute, value)
    return net


def test_what_differs_is_named() -> None:
    shared, random = nn.Linear(4, 4), [chain(nn.Identity()) for _ in range(2)]
    for net, value in zip(random, (1.0, 2.0), strict=True):
        net.register_buffer("mask", torch.tensor(value), persistent=False)
    cases = [
        (chain(nn.Tanh()), chain(nn.ReLU()), "1 is a Tanh, the recipe makes a ReLU"),
        (chain(nn.Tanh()), chain(), "the layer 1 is only in the network"),
        (chain(nn.Dropout(0.5)), chain(nn.Dropout(0.25)), "1 has another p"),
        (altered("scale", 50), chain(nn.Dropout(0.5)), "1 has another scale"),
        (altered("act", torch.tanh), altered("act", torch.relu), "1 has another act"),
        (altered("sizes", {1: [2]}), altered("sizes", {1: [3]}), "1 has another sizes"),
        (*random, "the network has another mask"),
        (chain(shared, shared), chain(nn.Linear(4, 4), nn.Linear(4, 4)), "share weights"),
    ]
    for net, other, message in cases:
        assert message in str(find_difference(net, other))


@pytest.mark.parametrize("method", [MAML(), LEO(), VERSA(), RelationNet(), Siamese()], ids=lambda method: method.name)
def test_a_factory_of_another_activation_is_refused(method: Any, tmp_path: Any) -> None:
    """Also where the network is a container that cannot be called."""
    net = method.build(MLP(activation="tanh").build((4,)), SPEC)
    with pytest.raises(ConfigError, match="is a Tanh, the recipe makes a ReLU"):
        save(Learner(method, net), net, tmp_path / "mine", factory=MLP(), spec=SPEC)
    save(Learner(method, net), net, tmp_path / "mine", factory=MLP(activation="tanh"), spec=SPEC)


def test_a_layer_that_is_used_twice_is_built_twice(tmp_path: Any) -> None:
    act = nn.ReLU()
    net = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act)
    save(MAML(), net, tmp_path / "mine")
    assert str(load(tmp_path / "mine").net) == str(net)
