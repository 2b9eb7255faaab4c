"""MANN against a slow loop in NumPy over steps, heads and slots."""

import numpy as np
import pytest
import torch
from torch import nn

from tokay import MANN, ConfigError, Examples, Task, TaskSpec, one_hot
from tokay.algorithms.memory.mann import LRUMemory

from .helpers import Array, linear, network, sigma

SMALL = {"cells": 5, "slots": 6, "width": 3, "heads": 2}


def support(n: int = 9, ways: int = 3) -> Examples:
    return Examples(torch.randn(n, 4, dtype=torch.float64), one_hot(torch.arange(n) % ways, ways))


class _Oracle:
    """The memory and its controller, from the equations of the paper."""

    def __init__(self, net: nn.Module, method: MANN) -> None:
        self.net, self.m = net, method
        self.memory = np.full((method.slots, method.width), 1e-6)
        self.h = self.c = np.zeros(method.cells)
        self.read = np.zeros(method.heads * method.width)
        self.w_r = np.zeros((method.heads, method.slots))
        self.w_r[:, 0] = 1
        self.w_u = np.zeros(method.slots)
        self.w_u[0] = 1
        self.blanked_slots: list[int] = []

    def step(self, x: Array, label: Array) -> Array:
        m, cell = self.m, self.net.cell
        gates = linear(cell.controller.from_input, np.concatenate([x, label, self.read]))
        i, f, g, o = np.split(gates + linear(cell.controller.from_hidden, self.h), 4)
        self.c = sigma(f) * self.c + sigma(i) * np.tanh(g)
        self.h = sigma(o) * np.tanh(self.c)
        keys = np.tanh(linear(cell.keys, self.h)).reshape(m.heads, m.width)
        vectors = np.tanh(linear(cell.vectors, self.h)).reshape(m.heads, m.width)
        alpha = sigma(linear(cell.gates, self.h))
        order = np.argsort(self.w_u, kind="stable")
        w_w = np.zeros_like(self.w_r)
        self.memory[order[0]] = 0
        self.blanked_slots.append(int(order[0]))
        for head in range(m.heads):
            for slot in range(m.slots):
                w_lu = float(slot == order[head])
                w_w[head, slot] = alpha[head] * self.w_r[head, slot] + (1 - alpha[head]) * w_lu
        for head in range(m.heads):
            for slot in range(m.slots):
                self.memory[slot] += w_w[head, slot] * vectors[head]
        for head in range(m.heads):
            k = keys[head]
            cos = [k @ s / np.sqrt((k @ k + 1e-6) * (s @ s + 1e-6)) for s in self.memory]
            self.w_r[head] = np.exp(cos) / np.exp(cos).sum()
        self.read = np.concatenate([self.w_r[head] @ self.memory for head in range(m.heads)])
        self.w_u = m.decay * self.w_u + self.w_r.sum(0) + w_w.sum(0)
        return linear(self.net.head, np.concatenate([self.h, self.read]))


def test_it_follows_the_equations_of_the_paper() -> None:
    """With enough steps to use some slots twice."""
    method, (x, y) = MANN(**SMALL, decay=0.8), support()
    net = network(method)
    oracle, label = _Oracle(net, method), np.zeros(3)
    for t, prediction in enumerate(method.predict_along(net, Examples(x, y)).detach().numpy()):
        np.testing.assert_allclose(prediction, oracle.step(x[t].numpy(), label), rtol=1e-9)
        label = y[t].double().numpy()
    memory = method.adapt(net, Examples(x, y)).memory
    # The order of unused slots is free, so compare slots in the order of their usage.
    ours, theirs = np.argsort(memory.usage.numpy()), np.argsort(oracle.w_u)
    np.testing.assert_allclose(memory.usage.numpy()[ours], oracle.w_u[theirs], rtol=1e-9)
    np.testing.assert_allclose(memory.slots.detach().numpy()[ours], oracle.memory[theirs], rtol=1e-9)
    np.testing.assert_allclose(memory.weights.detach().numpy()[:, ours], oracle.w_r[:, theirs], rtol=1e-9)
    assert len(set(oracle.blanked_slots)) > 3
    assert len(set(oracle.blanked_slots)) < len(oracle.blanked_slots)


def test_no_query_sees_another_or_changes_the_memory() -> None:
    method, examples = MANN(**SMALL), support()
    net, query = network(method), support(4)
    state = method.adapt(net, examples)
    slots = state.memory.slots.clone()
    predictions = method.predict(net, state, query.x)
    singly = torch.cat([method.predict(net, state, x[None]) for x in query.x])
    torch.testing.assert_close(predictions, singly, rtol=1e-12, atol=1e-12)
    assert torch.equal(state.memory.slots, slots)


def test_padding_does_not_change_the_memory() -> None:
    method, (x, y) = MANN(**SMALL), support()
    net = network(method)
    filled = Examples(torch.cat([x[:3], 9 * x[:2], x[3:]]), torch.cat([y[:3], torch.zeros_like(y[:2]), y[3:]]))
    torch.testing.assert_close(
        method.adapt(net, filled).memory, method.adapt(net, Examples(x, y)).memory, rtol=1e-12, atol=1e-12
    )


def test_predictions_depend_on_the_memory() -> None:
    """The head reads the memory, and the layers that write to it get gradients."""
    method, part = MANN(**SMALL), support()
    net = network(method)
    cost, _ = method.loss(net, Task(part, support(3)))
    cost.backward()  # type: ignore[no-untyped-call]
    for layer in (net.cell.vectors, net.cell.keys, net.cell.gates):
        assert float(layer.weight.grad.abs().max()) > 1e-6
    state = method.adapt(net, part)
    other = state._replace(memory=state.memory._replace(slots=-state.memory.slots))
    assert not torch.allclose(method.predict(net, state, part.x), method.predict(net, other, part.x))


def test_settings() -> None:
    cell = MANN().build(nn.Flatten(), TaskSpec(x_shape=(400,), y_dim=5)).cell
    assert isinstance(cell, LRUMemory)
    assert (cell.slots, cell.width, cell.heads, cell.decay) == (128, 40, 4, 0.95)
    assert cell.controller.from_input.weight.shape == (4 * 200, 400 + 5 + 4 * 40)
    (recipe,) = MANN.recipes
    published = {check.instance: check.published for check in recipe.checks if check.published}
    assert published == {2: "82.8", 5: "94.9"}
    with pytest.raises(ConfigError, match="decay must be at most 1"):
        MANN(decay=1.5)
    with pytest.raises(ConfigError, match="no more than the 3 slots"):
        MANN(heads=4, slots=3)
