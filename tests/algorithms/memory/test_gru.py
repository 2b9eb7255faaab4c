"""A gated recurrent unit that reads: what is its own; ``tests/core`` holds the reading and the cell."""

import torch
from torch import nn

from tokay import GRU, Examples, Task, TaskSpec, one_hot
from tokay.core.readers.recurrent import GRUMemory
from tokay.core.readers.sequence import ask, read, sequence_loss

SPEC = TaskSpec(x_shape=(4,), y_dim=2)


def task(n: int = 6, m: int = 3) -> Task:
    x, y = torch.randn(n + m, 4), one_hot(torch.arange(n + m) % 2, 2)
    return Task(Examples(x[:n], y[:n]), Examples(x[n:], y[n:]))


def test_it_is_a_sequence_read_by_a_gru() -> None:
    method, (support, query) = GRU(units=7), task()
    net = method.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC)
    assert isinstance(net.cell, GRUMemory)
    assert net.cell.from_input.weight.shape == (3 * 7, 5 + 2)
    state = method.adapt(net, support)
    seen, along = read(net, support)
    torch.testing.assert_close(state, seen)
    assert state.memory.shape == (7,)
    assert state.label.tolist() == support.y[-1].tolist()
    torch.testing.assert_close(method.predict(net, state, query.x), ask(net, seen, query.x))
    torch.testing.assert_close(method.along(net, support), along)
    cost, measured = method.loss(net, Task(support, query))
    expected, expected_metrics = sequence_loss(net, Task(support, query))
    torch.testing.assert_close(cost, expected)
    torch.testing.assert_close(dict(measured), dict(expected_metrics))


def test_no_query_sees_another() -> None:
    method, (support, query) = GRU(), task()
    net = method.build(nn.Flatten(), SPEC)
    state = method.adapt(net, support)
    alone = torch.cat([method.predict(net, state, x[None]) for x in query.x])
    torch.testing.assert_close(method.predict(net, state, query.x), alone)


def test_settings() -> None:
    assert GRU.ordered
    assert GRU().units == 200


def test_labels_are_read_as_large_as_told() -> None:
    """Twice as large with half the weights is the same."""
    x, y = torch.randn(6, 4), one_hot(torch.arange(6) % 2, 2)
    once, twice = (GRU(label_scale=scale).build(nn.Flatten(), TaskSpec(x_shape=(4,), y_dim=2)) for scale in (1.0, 2.0))
    twice.load_state_dict(once.state_dict())
    with torch.no_grad():
        twice.cell.from_input.weight[:, 4:] /= 2
    torch.testing.assert_close(GRU().along(twice, Examples(x, y)), GRU().along(once, Examples(x, y)))
