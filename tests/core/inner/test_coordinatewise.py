"""Coordinatewise optimizers, against torch's LSTM cell on one coordinate at a time."""

import math

import pytest
import torch
from hypothesis import given, strategies as st
from torch import Tensor, nn

from tokay.core.inner import coordinatewise
from tokay.core.inner.coordinatewise import (
    CoordinateLSTM,
    WithOptimizer,
    advance,
    begin,
    constant_gradient,
    flatten,
    log_and_sign,
    split_optimizer,
    unflatten,
)
from tokay.core.inner.descent import trainable
from tokay.core.task import Examples


def test_flatten_and_back() -> None:
    params = dict(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(3, 2)).named_parameters())
    row = flatten(params)
    assert row.shape == (2 * 9 + 2 + 6 + 2,)
    assert torch.equal(row[:18], params["0.weight"].flatten())
    pieces = unflatten(row, params)
    assert list(pieces) == list(params)
    assert all(torch.equal(pieces[name], p) and pieces[name].shape == p.shape for name, p in params.items())


@given(st.floats(-1e6, 1e6), st.sampled_from([5.0, 10.0]))
def test_log_and_sign_is_the_formula(value: float, p: float) -> None:
    expected = (math.log(abs(value)) / p, math.copysign(1, value)) if abs(value) >= math.exp(-p) else None
    result = log_and_sign(torch.tensor(value, dtype=torch.float64), p).tolist()
    assert result == pytest.approx(expected or (-1, math.exp(p) * value), rel=1e-12)


def test_log_and_sign_adds_the_first_axis() -> None:
    values = torch.randn(3, 4)
    assert log_and_sign(values).shape == (2, 3, 4)
    assert log_and_sign(torch.zeros(3)).tolist() == [[-1.0] * 3, [0.0] * 3]


def cells(lstm: CoordinateLSTM) -> list[nn.LSTMCell]:
    """Torch's cells with the same weights, one per layer."""
    layers = []
    for from_input, from_hidden, bias in zip(lstm.from_input, lstm.from_hidden, lstm.bias, strict=True):
        cell = nn.LSTMCell(from_input.shape[1], lstm.hidden_size).to(bias.dtype)
        state = {"weight_ih": from_input, "weight_hh": from_hidden, "bias_ih": bias, "bias_hh": torch.zeros_like(bias)}
        cell.load_state_dict(state)
        layers.append(cell)
    return layers


@pytest.mark.parametrize("layers", [1, 2])
def test_each_coordinate_is_torchs_cell(layers: int) -> None:
    lstm = CoordinateLSTM(3, 5, layers=layers).double()
    inputs = torch.randn(4, 3, 6, dtype=torch.float64)  # [steps, inputs, P]
    state, outputs = lstm.start(inputs[0, 0]), []
    for x in inputs:
        output, state = lstm(x, state)
        outputs.append(output)
    for coordinate in range(6):
        states = [(torch.zeros(5).double(), torch.zeros(5).double()) for _ in range(layers)]
        for x, output in zip(inputs, outputs, strict=True):
            signal = x[:, coordinate]
            for layer, cell in enumerate(cells(lstm)):
                states[layer] = cell(signal, states[layer])
                signal = states[layer][0]
            torch.testing.assert_close(output[:, coordinate], signal, rtol=1e-12, atol=1e-14)


def test_initial_weights_are_those_of_torchs_cell() -> None:
    lstm = CoordinateLSTM(2, 25)
    for p in lstm.parameters():
        assert 0.19 < float(p.detach().abs().max()) <= 0.2
    assert {name: tuple(p.shape) for name, p in lstm.named_parameters()} == {
        "from_input.0": (100, 2),
        "from_hidden.0": (100, 25),
        "bias.0": (100,),
    }


class Decay(nn.Module):
    """A simple optimizer: its memory is the number of steps, and it divides the gradient by that number."""

    def start(self, row: Tensor) -> Tensor:
        return torch.zeros_like(row)

    def forward(self, row: Tensor, gradient: Tensor, loss: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        return row - gradient / (steps + 1) + loss, steps + 1


@pytest.mark.parametrize("block", [1, 3, 10, 4096])
def test_the_block_size_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(coordinatewise, "_BLOCK", block)
    row, gradients, loss = torch.randn(10), torch.randn(3, 10), torch.tensor(0.5)
    weights, memory = row, begin(Decay(), row)
    assert len(memory) == math.ceil(10 / block)
    for gradient in gradients:
        weights, memory = advance(Decay(), weights, gradient, loss, memory)
    torch.testing.assert_close(weights, row - gradients[0] - gradients[1] / 2 - gradients[2] / 3 + 1.5)


def test_a_constant_gradient() -> None:
    row = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    like = {"a": torch.zeros(2), "b": torch.zeros(1)}
    examples = Examples(torch.tensor([5.0]), torch.zeros(1))
    gradient, value = constant_gradient(lambda p, e: (p["a"] ** 2).sum() + e.x[0] * p["b"].sum(), row, like, examples)
    assert gradient.tolist() == [2.0, 4.0, 5.0]
    assert float(value) == 20.0
    assert not gradient.requires_grad
    assert not value.requires_grad


def test_a_network_with_an_optimizer() -> None:
    inner, optimizer = nn.Linear(3, 2), CoordinateLSTM(2, 4)
    net = WithOptimizer(inner, optimizer)
    assert split_optimizer(net) == (inner, trainable(inner), optimizer)
    x = torch.randn(4, 3)
    assert torch.equal(net(x), inner(x))
    assert {name.split(".")[0] for name in net.state_dict()} == {"net", "optimizer"}
    with pytest.raises(TypeError, match="optimizer beside it, got Linear"):
        split_optimizer(inner)
