"""NTM against a slow loop in NumPy over steps, heads and slots; and one with weights set by hand."""

from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn

from tokay import NTM, ConfigError, Examples, FitConfig, Sizes, TaskSpec, evaluate, fit, one_hot
from tokay.algorithms.memory.ntm import Controller, TuringMachine
from tokay.tasks import NTMCopy

from .helpers import Array, linear, network, sigma

SMALL: dict[str, Any] = {"cells": 5, "slots": 6, "width": 3, "heads": 2, "reach": 2}


def softplus(v: Array) -> Array:
    return np.log1p(np.exp(v))


class _Oracle:
    """The memory, its heads and the controller, from the equations of the paper."""

    def __init__(self, net: nn.Module, method: NTM) -> None:
        self.net, self.m = net, method
        self.memory = np.full((method.slots, method.width), 1e-6)
        self.h = self.c = np.zeros(method.cells)
        self.vectors = np.zeros(method.heads * method.width)
        self.writing = np.zeros((method.heads, method.slots))
        self.writing[:, 0] = 1
        self.reading = self.writing.copy()

    def address(self, layer: nn.Linear, previous: Array) -> Array:
        m, weights = self.m, np.zeros_like(previous)
        for head, signals in enumerate(linear(layer, self.h).reshape(m.heads, -1)):
            key, beta, g = signals[: m.width], softplus(signals[m.width]), sigma(signals[m.width + 1])
            shift, gamma = signals[m.width + 2 : -1], 1 + softplus(signals[-1])
            shift = np.exp(shift) / np.exp(shift).sum()
            cos = [key @ s / np.sqrt((key @ key + 1e-6) * (s @ s + 1e-6)) for s in self.memory]
            content = np.exp(beta * np.array(cos)) / np.exp(beta * np.array(cos)).sum()
            gated = g * content + (1 - g) * previous[head]
            for i in range(m.slots):
                for j in range(-m.reach, m.reach + 1):
                    weights[head, i] += gated[(i - j) % m.slots] * shift[j + m.reach]
            weights[head] = weights[head] ** gamma / (weights[head] ** gamma).sum()
        return weights

    def step(self, x: Array, label: Array) -> Array:
        m, cell = self.m, self.net.cell
        inputs = np.concatenate([x, label, self.vectors])
        if m.controller == "lstm":
            gates = linear(cell.controller.from_input, inputs) + linear(cell.controller.from_hidden, self.h)
            i, f, g, o = np.split(gates, 4)
            self.c = sigma(f) * self.c + sigma(i) * np.tanh(g)
            self.h = sigma(o) * np.tanh(self.c)
        else:
            self.h = np.tanh(linear(cell.controller.layer, inputs))
        erase = sigma(linear(cell.erase, self.h)).reshape(m.heads, m.width)
        add = linear(cell.add, self.h).reshape(m.heads, m.width)
        self.writing = self.address(cell.writers.linear, self.writing)
        for slot in range(m.slots):
            for head in range(m.heads):
                self.memory[slot] *= 1 - self.writing[head, slot] * erase[head]
        for slot in range(m.slots):
            for head in range(m.heads):
                self.memory[slot] += self.writing[head, slot] * add[head]
        self.reading = self.address(cell.readers.linear, self.reading)
        self.vectors = np.concatenate([self.reading[head] @ self.memory for head in range(m.heads)])
        return linear(self.net.head, np.concatenate([self.h, self.vectors]))


@pytest.mark.parametrize("controller", get_args(Controller))
def test_it_follows_the_equations_of_the_paper(controller: Controller) -> None:
    method = NTM(**SMALL, controller=controller)
    net, n = network(method), 9
    x, y = torch.randn(n, 4, dtype=torch.float64), one_hot(torch.arange(n) % 3, 3)
    oracle, label = _Oracle(net, method), np.zeros(3)
    for t, prediction in enumerate(method.predict_along(net, Examples(x, y)).detach().numpy()):
        np.testing.assert_allclose(prediction, oracle.step(x[t].numpy(), label), rtol=1e-7)
        label = y[t].double().numpy()
    tape = method.adapt(net, Examples(x, y)).memory
    np.testing.assert_allclose(tape.slots.detach().numpy(), oracle.memory, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(tape.writing.detach().numpy(), oracle.writing, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(tape.reading.detach().numpy(), oracle.reading, rtol=1e-7, atol=1e-9)


def _backwards(bits: int) -> tuple[NTM, nn.Module]:
    """A feed-forward NTM with weights set by hand. It outputs a sequence in reverse order.

    The write head moves one slot per step, and writes its input: the bits, and a flag for the delimiter. At the delimiter
    the read head jumps to the slot with the flag, which was just written. From there it moves back one slot per step.
    """
    method = NTM(controller="feedforward", cells=bits + 1, slots=128, width=bits + 1, heads=1)
    net = method.build(nn.Flatten(), TaskSpec(x_shape=(bits + 1,), y_dim=bits, kind="sequence"))
    cell: Any = net.cell
    far = 200.0
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
        # Cells of the controller: the bits and the delimiter, as -1 or 1.
        cell.controller.layer.bias[:] = -far
        for b in range(bits + 1):
            cell.controller.layer.weight[b, b] = 2 * far
        key, (strength, gate, backward, stay, forward, power) = slice(bits + 1), range(bits + 1, bits + 7)
        for head in (cell.writers.linear, cell.readers.linear):
            head.bias[power], head.bias[strength] = 50.0, far
        # Writing: never by content, always one slot forward. It erases the slot and adds the input.
        cell.writers.linear.bias[gate] = -far
        cell.writers.linear.bias[forward] = far
        cell.erase.bias[:] = far
        for b in range(bits):
            cell.add.weight[b, b] = 1.0
        cell.add.weight[bits, bits] = 1.0
        # Reading: at the delimiter by content, without a move; otherwise one slot back.
        cell.readers.linear.bias[key] = torch.tensor([0.0] * bits + [1.0])
        cell.readers.linear.weight[gate, bits] = far
        cell.readers.linear.weight[stay, bits] = far
        cell.readers.linear.weight[backward, bits] = -far
        for b in range(bits):
            net.head.weight[b, bits + 1 + b] = 20.0
    return method, net


def test_weights_set_by_hand_reverse_a_sequence() -> None:
    """Content finds the delimiter, and shifts move back from it. So this needs every part of the addressing."""
    bits = 4
    method, net = _backwards(bits)
    for length in (1, 5, 40):
        task = NTMCopy(bits=bits).tasks("test", Sizes(shots=length)).sample(1, torch.Generator().manual_seed(length))
        support, query = (Examples(part.x[0], part.y[0]) for part in task)
        logits = method.predict(net, method.adapt(net, support), query.x).detach()
        assert torch.equal((logits > 0).byte(), query.y.flip(0)), length
        assert float(logits.abs().min()) > 5


def _copying(method: NTM, *, bits: int, rows: int, steps: int) -> list[float]:
    """Bits per sequence after training on copies of up to ``rows`` rows: for ``rows`` rows, and for twice as many."""
    torch.manual_seed(0)
    source = NTMCopy(bits=bits)
    training = source.tasks("train", Sizes(shots=rows))
    net = method.build(nn.Flatten(), training.spec)
    config = FitConfig(steps=steps, optimizer="adam", lr=3e-3, schedule="linear", validate_every=0)
    for _ in fit(method, net, training, config):
        pass
    tests = (source.tasks("test", Sizes(shots=n)) for n in (rows, 2 * rows))
    return [evaluate(method, net, test, tasks=100)["bits"].mean for test in tests]


def test_it_learns_to_copy() -> None:
    """Three rows of three bits. Guessing costs nine bits; a few seconds of training reach 2 to 6."""
    method = NTM(controller="feedforward", cells=32, slots=16, width=8)
    assert _copying(method, bits=3, rows=3, steps=500)[0] < 7.5


@pytest.mark.slow
def test_it_learns_to_copy_sequences_twice_as_long_as_in_training() -> None:
    """Eight rows of four bits: it loses nearly none of 32 bits, and less than a twentieth of the 64 bits of sixteen rows.

    A feed-forward controller has no memory except the slots. (Six seeds: 0.005 to 0.07 bits, and 0.01 to 1.8.)
    """
    single, double = _copying(NTM(controller="feedforward", slots=32), bits=4, rows=8, steps=3000)
    assert single < 0.1
    assert double < 3.2


def test_settings() -> None:
    net = NTM().build(nn.Flatten(), TaskSpec(x_shape=(9,), y_dim=8, kind="sequence"))
    cell = net.cell
    assert isinstance(cell, TuringMachine)
    assert (cell.slots, cell.width, cell.heads) == (128, 20, 1)
    assert NTM.outer.optimizer == "rmsprop"
    assert (NTM.outer.lr, NTM.outer.clip_value) == (1e-4, 0.1)
    with pytest.raises(ConfigError, match="with 4 slots, got 2"):
        NTM(slots=4, reach=2)
