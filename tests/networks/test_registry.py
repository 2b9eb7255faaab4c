from collections.abc import Iterator
from dataclasses import FrozenInstanceError, asdict, dataclass, fields
from typing import Any

import pytest
import torch
from torch import nn

from tokay import ConfigError
from tokay.networks import MLP, Network, list_networks, registry


@pytest.fixture
def _clean_registry() -> Iterator[None]:
    networks = dict(registry._networks._classes)
    yield
    registry._networks._classes.clear()
    registry._networks._classes.update(networks)


def define(name: str, qualname: str = "Mine") -> Any:
    body = {"summary": "mine", "build": lambda self, x_shape: nn.Flatten(), "__qualname__": qualname}
    return dataclass(frozen=True, kw_only=True)(type(Network)(qualname, (Network,), body, name=name))


@pytest.mark.usefixtures("_clean_registry")
def test_a_new_class_is_registered() -> None:
    mine = define("mine")
    assert list_networks()["mine"] is mine
    assert mine.name == "mine"
    define("mine")
    with pytest.raises(ConfigError, match=r"^network: the name 'mine' is taken by .*\.Mine\. Choose another"):
        define("mine", "Other")


def test_list_networks_returns_a_copy() -> None:
    list_networks().clear()
    assert list_networks()["mlp"] is MLP


@pytest.mark.parametrize("name", sorted(list_networks()))
def test_every_network(name: str) -> None:
    """Frozen settings with a summary. ``build`` maps ``[n, *x_shape]`` to features or maps, and makes a new module each time."""
    network = list_networks()[name]()
    assert network.name == name
    assert network.summary
    assert type(network)(**asdict(network)) == network
    for field in fields(network):
        with pytest.raises(FrozenInstanceError):
            setattr(network, field.name, getattr(network, field.name))
    integers = {"ngrams": torch.randint(0, 99, (2, 20)), "embeddings": torch.randint(0, 99, (2, 3, 4))}
    x = integers.get(name, torch.randn(2, 1, network.side, network.side))
    nets = [network.build(tuple(x.shape[1:])) for _ in range(2)]
    assert all(net(x).ndim in (2, 4) for net in nets)
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        is_random = one.ndim > 1 and bool(one.any())  # a layer may begin at zero
        assert not is_random or not torch.equal(one, other)
