"""Recipes of networks: layers of torch are described by their attributes, and built alike."""

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from tokay import ConfigError, DataError, ProtoNet, TaskSpec
from tokay.learner.network_recipe import build, describe
from tokay.networks import Conv4, Conv4Mean, Conv4Pool, Koch, Network, list_networks


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(3, 4, bias=False),
        nn.Conv2d(1, 2, (3, 5), stride=2, padding=1, bias=False),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.LayerNorm((2, 3), bias=False),
        nn.GroupNorm(2, 4),
        nn.Embedding(5, 2),
        nn.LSTMCell(2, 3),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Sequential(OrderedDict(first=nn.Linear(2, 2), second=nn.Tanh())),
        nn.ModuleDict({"a": nn.Linear(2, 2)}),
        nn.ModuleList([nn.Linear(2, 2), nn.ReLU()]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_torch(layer: nn.Module) -> None:
    again = build(describe(layer, None, None), ProtoNet(), "file")
    assert str(again) == str(layer)
    assert {n: t.shape for n, t in again.state_dict().items()} == {n: t.shape for n, t in layer.state_dict().items()}


@pytest.mark.parametrize("kind", [Conv4, Conv4Mean, Conv4Pool], ids=lambda kind: kind.name)
def test_tokays_networks_need_no_factory(kind: type[Network]) -> None:
    net = kind().build((1, 28, 28))
    assert str(build(describe(net, None, None), ProtoNet(), "file")) == str(net)


def test_a_registered_network_as_factory() -> None:
    spec = TaskSpec(x_shape=(1, 105, 105), y_dim=3)
    recipe = describe(nn.Identity(), Koch(features=8), spec)
    assert str(build(recipe, ProtoNet(), "file")) == str(Koch(features=8).build(spec.x_shape))
    recipe["network"]["name"] = "none of them"
    assert "none of them" not in list_networks()
    with pytest.raises(DataError, match="the network 'none of them' is not known here"):
        build(recipe, ProtoNet(), "file")


def test_a_class_that_is_no_module() -> None:
    recipe: Any = {"module": {"class": "tokay.core.task:TaskSpec", "keywords": {}}}
    with pytest.raises(DataError, match=r"must be an nn\.Module"):
        build(recipe, ProtoNet(), "file")


def test_an_argument_that_is_no_plain_value() -> None:
    layer = nn.Dropout(0.5)
    layer.p = torch.device("cpu")  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=r"an argument of the network .* must consist of tensors, numbers"):
        describe(layer, None, None)
