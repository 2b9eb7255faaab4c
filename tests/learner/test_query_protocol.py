"""How queries are answered: together where rows are independent, with fixed statistics, or beside the support set."""

import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import Examples, one_hot
from tokay.learner.query_protocol import query_protocol

X = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
SUPPORT = Examples(X, one_hot(torch.arange(6) % 3, 3))


class Calls(nn.Module):
    """Counts the rows of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(len(x))
        return x


class Centred(nn.Module):
    """Mixes the rows of a batch, and not by a batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


def rows_per_query(*layers: nn.Module) -> tuple[list[int], bool]:
    """The rows of each call of the network for two queries, and whether they are answered with fixed statistics."""
    counter = Calls()
    net = nn.Sequential(counter, *layers)
    method = tokay.ProtoNet()
    state = method.adapt(net, SUPPORT)
    protocol = query_protocol(method, net, state, X)
    counter.rows.clear()
    protocol.predict(method, net, state, torch.randn(2, 2))
    return counter.rows, bool(protocol.statistics)


@pytest.mark.parametrize("layer", [nn.Identity(), nn.LayerNorm(2), nn.Linear(2, 3)])
def test_independent_rows_take_one_pass(layer: nn.Module) -> None:
    assert rows_per_query(layer) == ([2], False)


def test_batch_norm_takes_one_pass_with_the_statistics_of_the_support_set() -> None:
    assert rows_per_query(nn.BatchNorm1d(2, track_running_stats=False)) == ([2], True)


def test_other_mixing_is_asked_beside_the_support_set() -> None:
    assert rows_per_query(Centred()) == ([7, 7], False)
    assert rows_per_query(nn.BatchNorm1d(2, track_running_stats=False), Centred()) == ([7, 7], False)


def test_the_statistics_are_those_of_the_support_set() -> None:
    net, method = nn.BatchNorm1d(2, affine=False, track_running_stats=False), tokay.ProtoNet()
    state = method.adapt(net, SUPPORT)
    query = torch.randn(1, 2)
    normed = (X - X.mean(0)) / (X.var(0, correction=0) + 1e-5).sqrt()
    means = torch.stack([normed[c::3].mean(0) for c in range(3)])
    expected = -(((query - X.mean(0)) / (X.var(0, correction=0) + 1e-5).sqrt() - means) ** 2).sum(1)
    answer = query_protocol(method, net, state, X).predict(method, net, state, query)[0]
    torch.testing.assert_close(answer.softmax(0), expected.softmax(0))
