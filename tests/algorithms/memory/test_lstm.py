"""An LSTM that reads: what is its own; ``tests/core/test_sequence.py`` holds the reading, ``test_recurrent.py`` the cell."""

import math

import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import LSTM, Examples, FitConfig, Task, TaskSpec, one_hot
from tokay.core.readers.recurrent import LSTMMemory
from tokay.core.readers.sequence import ask, read, sequence_loss

SPEC = TaskSpec(x_shape=(4,), y_dim=2)


def task(n: int = 6, m: int = 3) -> Task:
    x, y = torch.randn(n + m, 4), one_hot(torch.arange(n + m) % 2, 2)
    return Task(Examples(x[:n], y[:n]), Examples(x[n:], y[n:]))


def test_it_is_a_sequence_read_by_an_lstm() -> None:
    method, (support, query) = LSTM(cells=7), task()
    net = method.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC)
    assert isinstance(net.cell, LSTMMemory)
    assert net.cell.from_input.weight.shape == (4 * 7, 5 + 2)
    state = method.adapt(net, support)
    seen, along = read(net, support)
    torch.testing.assert_close(state, seen)
    assert [part.shape for part in state.memory] == [(7,), (7,)]
    assert state.label.tolist() == support.y[-1].tolist()
    torch.testing.assert_close(method.predict(net, state, query.x), ask(net, seen, query.x))
    torch.testing.assert_close(method.along(net, support), along)
    cost, measured = method.loss(net, Task(support, query))
    expected, expected_metrics = sequence_loss(net, Task(support, query))
    torch.testing.assert_close(cost, expected)
    torch.testing.assert_close(dict(measured), dict(expected_metrics))


def test_no_query_sees_another() -> None:
    method, (support, query) = LSTM(), task()
    net = method.build(nn.Flatten(), SPEC)
    state = method.adapt(net, support)
    alone = torch.cat([method.predict(net, state, x[None]) for x in query.x])
    torch.testing.assert_close(method.predict(net, state, query.x), alone)


class _Constants:
    """Regression as hard as binding can be: y is one number per task, x says nothing."""

    spec = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        def part(n: int, value: Tensor) -> Examples:
            return Examples(torch.zeros(tasks, n, 1), value.expand(tasks, n, 1).clone())

        value = torch.randn(tasks, 1, 1, generator=generator)
        return Task(part(3, value), part(1, value))


def test_it_learns_to_remember_a_label() -> None:
    """The first prediction is the mean (error 1), all others are the label that was seen (error 0)."""
    torch.manual_seed(0)
    method, source = LSTM(cells=16), _Constants()
    net = method.build(nn.Flatten(), source.spec)
    for _ in tokay.fit(method, net, source, FitConfig(steps=150, lr=0.02, validate_every=0)):
        pass
    tasks = source.sample(200, torch.Generator().manual_seed(1))
    along = tokay.over_tasks(lambda task: method.along(net, task.support), tasks)
    error = (along.detach() - tasks.support.y).square().mean((0, 2))
    assert float(error[0]) == pytest.approx(1, abs=0.3)
    assert float(error[1:].max()) < 0.1


def test_settings() -> None:
    assert LSTM.ordered
    assert LSTM().cells == 200
    assert LSTM().build(nn.Flatten(), SPEC).cell.from_input.weight.detach().abs().max() <= 1 / math.sqrt(200)
