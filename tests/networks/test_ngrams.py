from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.testing import assert_close

from tokay.core.task import TaskSpec
from tokay.errors import ConfigError
from tokay.networks import HashBag, NGrams, list_networks

ROWS = torch.tensor([[3, 17, 2**31 - 1, 0], [5, 0, 0, 0], [0, 0, 0, 0]])


def test_is_registered() -> None:
    assert list_networks()["ngrams"] is NGrams


def test_the_mean_of_the_vectors_of_a_row() -> None:
    """As ``nn.EmbeddingBag`` computes it, which cannot be mapped."""
    bag = HashBag(16, 4)
    reference = nn.EmbeddingBag.from_pretrained(32 * bag.weight.detach(), mode="mean")
    numbers, offsets = torch.tensor([3, 17, 2**31 - 1, 5]) % 16, torch.tensor([0, 3])
    assert_close(bag(ROWS)[:2], reference(numbers, offsets))
    assert not bag(ROWS)[2].any()  # a row of padding


def test_padding_changes_nothing() -> None:
    bag = HashBag(16, 4)
    longer = torch.cat([ROWS, torch.zeros(3, 5, dtype=torch.int64)], 1)
    assert_close(bag(longer), bag(ROWS))


def test_it_can_be_mapped_over_tasks_with_weights_of_their_own() -> None:
    bag = HashBag(16, 4)
    weights, rows = torch.randn(5, 16, 4), torch.randint(0, 100, (5, 3, 7))
    mapped = vmap(lambda weight, x: functional_call(bag, {"weight": weight}, (x,)))(weights, rows)
    for weight, x, output in zip(weights, rows, mapped, strict=True):
        assert_close(functional_call(bag, {"weight": weight}, (x,)), output)


@pytest.mark.parametrize("layers, features", [((), 6), ((5,), 5), ((7, 3), 3)])
def test_the_layers_after_the_mean(layers: tuple[int, ...], features: int) -> None:
    net = NGrams(buckets=16, vector=6, layers=layers).build((4,))
    assert net(ROWS).shape == (3, features)
    assert bool((net(ROWS) < 0).any())  # no relu at the end


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"buckets": 0}, "ngrams: buckets and vector must be at least 1, got 0 and"),
        ({"vector": 0}, "buckets and vector must be at least 1"),
        ({"layers": (3, 0)}, r"ngrams: layers must be positive widths, got \(3, 0\)"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NGrams(**settings)


def test_inputs_that_are_no_hashes() -> None:
    with pytest.raises(ConfigError, match=r"an example must be a row of hashes, got shape \(3, 8, 8\)"):
        NGrams().build((3, 8, 8))
    from tokay import NetworkError, ProtoNet

    with pytest.raises(NetworkError, match="ngrams: inputs must be hashes"):
        ProtoNet().build(NGrams().build((8,)), TaskSpec(x_shape=(8,), y_dim=2))
