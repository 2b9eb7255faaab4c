from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.testing import assert_close

from tokay.core.task import TaskSpec
from tokay.errors import ConfigError, NetworkError
from tokay.networks import Embeddings, FieldVectors, list_networks

ROWS = torch.tensor([[[3, 0], [5, 7]], [[1, 0], [0, 0]]])  # [n, fields, values]


def test_is_registered() -> None:
    assert list_networks()["embeddings"] is Embeddings


def test_fields_stand_side_by_side_and_values_are_averaged() -> None:
    fields = FieldVectors(10, 4)
    output, weight = fields(ROWS), fields.weight
    assert_close(output[0], torch.cat([weight[3], (weight[5] + weight[7]) / 2]))
    assert_close(output[1], torch.cat([weight[1], torch.zeros(4)]))  # a field of padding


def test_padding_changes_nothing() -> None:
    fields = FieldVectors(10, 4)
    longer = torch.cat([ROWS, torch.zeros(2, 2, 3, dtype=torch.int64)], -1)
    assert_close(fields(longer), fields(ROWS))


def test_numbers_that_are_equal_modulo_the_buckets_share_a_vector() -> None:
    fields = FieldVectors(10, 4)
    assert_close(fields(torch.tensor([[[13]]])), fields(torch.tensor([[[3]]])))
    assert not torch.equal(fields(torch.tensor([[[10]]])), torch.zeros(1, 4))  # not padding


def test_it_can_be_mapped_over_tasks_with_weights_of_their_own() -> None:
    fields = FieldVectors(16, 4)
    weights, rows = torch.randn(5, 16, 4), torch.randint(0, 16, (5, 3, 2, 7))
    mapped = vmap(lambda weight, x: functional_call(fields, {"weight": weight}, (x,)))(weights, rows)
    for weight, x, output in zip(weights, rows, mapped, strict=True):
        assert_close(functional_call(fields, {"weight": weight}, (x,)), output)


@pytest.mark.parametrize("layers, features", [((), 12), ((5,), 5), ((7, 3), 3)])
def test_the_layers(layers: tuple[int, ...], features: int) -> None:
    net = Embeddings(buckets=16, vector=6, layers=layers).build((2, 2))
    assert net(ROWS).shape == (2, features)
    if layers:
        assert bool((net(ROWS) >= 0).all())  # relu after each, as in MeLU


def test_it_learns_which_category_counts() -> None:
    torch.manual_seed(0)
    spec = TaskSpec(x_shape=(2, 1), y_dim=1, kind="regression", x_type="integer")
    net = nn.Sequential(Embeddings(buckets=16, vector=4, layers=(8,)).build(spec.x_shape), nn.Linear(8, 1))
    x = torch.randint(1, 16, (64, 2, 1))
    y = (x[:, 0] % 2).float()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(300):
        optimizer.zero_grad()
        loss = (net(x) - y).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(loss.detach()) < 0.05


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"buckets": 0}, "embeddings: buckets and vector must be at least 1, got 0 and"),
        ({"vector": 0}, "buckets and vector must be at least 1"),
        ({"layers": (3, 0)}, r"embeddings: layers must be positive widths, got \(3, 0\)"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Embeddings(**settings)


def test_inputs_of_another_kind() -> None:
    with pytest.raises(ConfigError, match=r"must have fields with values, got shape \(3,\)"):
        Embeddings().build((3,))
    with pytest.raises(NetworkError, match=r"which are integers, got torch.float32"):
        Embeddings().build((2, 2))(ROWS.float())
