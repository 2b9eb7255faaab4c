"""The layer that the sequence methods share."""

import inspect
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import nn

import tokay
from tokay import Examples, Task, TaskSpec, one_hot
from tokay.core.algorithm import Algorithm
from tokay.core.readers.sequence_net import predict_queries, read_support, sequence_loss
from tokay.core.readers.sequence_reader import SequenceReader

READERS = [kind for kind in tokay.list_algorithms().values() if issubclass(kind, SequenceReader)]
each_reader = pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.name)


def examples(n: int) -> Examples:
    return Examples(torch.randn(n, 4, dtype=torch.float64), one_hot(torch.arange(n) % 3, 3))


def network(method: Any) -> nn.Module:
    return method.build(nn.Flatten(), TaskSpec(x_shape=(4,), y_dim=3)).double()


def test_it_is_an_abstract_layer_without_a_name() -> None:
    assert inspect.isabstract(SequenceReader)
    assert "name" not in vars(SequenceReader)
    assert "__dataclass_fields__" not in vars(SequenceReader)
    assert sorted(kind.name for kind in READERS) == ["gru", "lstm", "mann", "ntm"]


def test_fields_keep_their_order() -> None:
    names = {kind.name: [field.name for field in fields(kind)] for kind in READERS}
    assert names == {
        "lstm": ["cells", "standardise"],
        "gru": ["units", "standardise", "label_scale", "keep_spread"],
        "mann": ["cells", "slots", "width", "heads", "decay", "standardise"],
        "ntm": ["controller", "cells", "slots", "width", "heads", "reach", "standardise"],
    }


@each_reader
def test_the_methods_share_one_way_of_reading(kind: Any) -> None:
    method, support, query = kind(), examples(6), examples(4)
    net = network(method)
    state, predictions = read_support(net, support)
    torch.testing.assert_close(method.adapt(net, support), state, rtol=0, atol=0)
    torch.testing.assert_close(method.predict_along(net, support), predictions, rtol=0, atol=0)
    torch.testing.assert_close(
        method.predict(net, state, query.x), predict_queries(net, state, query.x), rtol=0, atol=0
    )
    loss, measured = method.loss(net, Task(support, query))
    expected_loss, expected_metrics = sequence_loss(net, Task(support, query))
    torch.testing.assert_close(loss, expected_loss, rtol=0, atol=0)
    torch.testing.assert_close(dict(measured), dict(expected_metrics), rtol=0, atol=0)


@each_reader
@pytest.mark.parametrize("standardise", [False, True])
def test_each_support_example_is_predicted_from_its_prefix(kind: Any, standardise: bool) -> None:
    method, support = kind(standardise=standardise), examples(6)
    net = network(method)
    expected = Algorithm.predict_along(method, net, support)
    torch.testing.assert_close(method.predict_along(net, support), expected, rtol=1e-10, atol=1e-12)


@each_reader
def test_a_standardised_method_takes_no_sequence_tasks(kind: Any) -> None:
    assert kind().takes() == ("classification", "regression", "sequence")
    assert kind(standardise=True).takes() == ("classification", "regression")


@each_reader
def test_the_network_has_the_settings_of_the_method(kind: Any) -> None:
    assert not network(kind()).standardise
    assert network(kind(standardise=True)).standardise
    assert network(kind()).label_gain == 1.0
    assert network(kind(standardise=True)).label_gain == 2.0  # √4 features
