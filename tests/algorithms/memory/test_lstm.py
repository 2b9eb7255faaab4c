"""The LSTM against its recurrence, written out in NumPy from the network's weights."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import LSTM, Examples, FitConfig, Task, TaskSpec
from tokay.core.readers.recurrent import LSTMMemory

from .helpers import Array, check_against_oracle, linear, network, sigma, small_task


class _Oracle:
    """The recurrence: gates in the order i, f, g, o, then the cell, the output and the head."""

    def __init__(self, net: nn.Module, cells: int) -> None:
        self.net, self.h, self.c = net, np.zeros(cells), np.zeros(cells)

    @property
    def memory(self) -> list[Array]:
        return [self.h, self.c]

    def step(self, features: Array, label: Array) -> Array:
        cell = self.net.cell
        gates = linear(cell.from_input, np.concatenate([features, label])) + linear(cell.from_hidden, self.h)
        i, f, g, o = np.split(gates, 4)
        self.c = sigma(f) * self.c + sigma(i) * np.tanh(g)
        self.h = sigma(o) * np.tanh(self.c)
        return linear(self.net.head, self.h)


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_it_is_the_recurrence(kind: str, standardise: bool) -> None:
    method = LSTM(cells=7, standardise=standardise)
    net = network(method, kind)
    assert isinstance(net.cell, LSTMMemory)
    check_against_oracle(method, net, lambda: _Oracle(net, 7), small_task(kind))


def test_no_query_sees_another() -> None:
    method, (support, query) = LSTM(), small_task()
    net = network(method)
    state = method.adapt(net, support)
    singly = torch.cat([method.predict(net, state, x[None]) for x in query.x])
    torch.testing.assert_close(method.predict(net, state, query.x), singly)


class _Constants:
    """Regression of a constant: y is one number per task, and x is always zero."""

    spec = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        def part(n: int, value: Tensor) -> Examples:
            return Examples(torch.zeros(tasks, n, 1), value.expand(tasks, n, 1).clone())

        value = torch.randn(tasks, 1, 1, generator=generator)
        return Task(part(3, value), part(1, value))


def test_it_learns_to_remember_a_label() -> None:
    """The first prediction is the mean (error 1), all others are the label that it read (error 0)."""
    torch.manual_seed(0)
    method, source = LSTM(cells=16), _Constants()
    net = method.build(nn.Flatten(), source.spec)
    for _ in tokay.fit(method, net, source, FitConfig(steps=150, lr=0.02, validate_every=0)):
        pass
    tasks = source.sample(200, torch.Generator().manual_seed(1))
    predictions = tokay.over_tasks(lambda task: method.predict_along(net, task.support), tasks)
    error = (predictions.detach() - tasks.support.y).square().mean((0, 2))
    assert float(error[0]) == pytest.approx(1, abs=0.3)
    assert float(error[1:].max()) < 0.1


def test_settings() -> None:
    assert LSTM.ordered
    assert LSTM().cells == 200
    cell = LSTM().build(nn.Flatten(), TaskSpec(x_shape=(4,), y_dim=2)).cell
    assert cell.from_input.weight.shape == (4 * 200, 4 + 2)
    assert cell.from_input.weight.detach().abs().max() <= 1 / math.sqrt(200)
