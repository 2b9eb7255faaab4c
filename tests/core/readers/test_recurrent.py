"""Cells against torch's cells, and against the formulas of the paper."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokay.core.readers.recurrent import GRUMemory, LSTMMemory, read_through


def doubles(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def copy_weights(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """Copies the weights of our cell into torch's cell, and returns it."""
    state = {f"weight_{a}h": getattr(ours, b).weight for a, b in (("i", "from_input"), ("h", "from_hidden"))}
    state |= {f"bias_{a}h": getattr(ours, b).bias for a, b in (("i", "from_input"), ("h", "from_hidden"))}
    theirs.load_state_dict(state)
    return theirs


def test_the_lstm_is_that_of_torch() -> None:
    ours = LSTMMemory(3, 5).double()
    theirs = copy_weights(ours, nn.LSTMCell(3, 5).double())
    x = doubles(6, 7, 3)
    memory, expected = ours.start(x), (x.new_zeros(7, 5), x.new_zeros(7, 5))
    for inputs in x:
        output, memory = ours(inputs, memory)
        expected = theirs(inputs, expected)
        torch.testing.assert_close((output, *memory), (expected[0], *expected), rtol=1e-12, atol=1e-12)
    assert ours.outputs == 5


def test_the_gru_is_that_of_its_paper() -> None:
    """Cho et al. 2014, eq. 5 to 8, unit by unit."""
    ours = GRUMemory(3, 5).double()
    weights = {name: p.detach().numpy() for name, p in ours.named_parameters()}
    from_input, bias = np.split(weights["from_input.weight"], 3), np.split(weights["from_input.bias"], 3)
    from_hidden = [*np.split(weights["from_hidden.weight"], 2), weights["from_picked.weight"]]
    h, memory = np.zeros(5), ours.start(doubles(1))
    for x in doubles(6, 3):
        r, z = (1 / (1 + np.exp(-(from_input[k] @ x.numpy() + bias[k] + from_hidden[k] @ h))) for k in (0, 1))
        h = np.array(
            [
                z[j] * h[j]
                + (1 - z[j]) * np.tanh(from_input[2][j] @ x.numpy() + bias[2][j] + sum(from_hidden[2][j] * r * h))
                for j in range(5)
            ]
        )
        output, memory = ours(x, memory)
        np.testing.assert_allclose(output.detach(), h, rtol=1e-12)
        np.testing.assert_allclose(memory.detach(), h, rtol=1e-12)
    assert ours.outputs == 5


@pytest.mark.parametrize("cell", [LSTMMemory, GRUMemory])
def test_a_step_takes_one_example_or_many(cell: type[LSTMMemory] | type[GRUMemory]) -> None:
    """Any leading axes, with one memory for all examples or one memory each."""
    ours = cell(3, 5).double()
    x = doubles(4, 2, 3)
    _, shared = ours(doubles(3), ours.start(x))
    output, _ = ours(x, shared)
    singly = torch.stack([torch.stack([ours(one, shared)[0] for one in row]) for row in x])
    torch.testing.assert_close(output, singly, rtol=1e-12, atol=1e-12)
    _, memories = ours(x, shared)
    outputs, _ = ours(x, memories)
    mapped, _ = torch.func.vmap(torch.func.vmap(ours))(x, memories)
    torch.testing.assert_close(outputs, mapped, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [LSTMMemory, GRUMemory])
def test_initial_weights_are_those_of_torch(cell: type[LSTMMemory] | type[GRUMemory]) -> None:
    weights = torch.cat([p.detach().flatten() for p in cell(30, 64).parameters()])
    bound = 1 / math.sqrt(64)
    assert float(weights.abs().max()) <= bound
    assert float(weights.std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_reading_maps_over_tasks() -> None:
    cell, x, real = LSTMMemory(3, 5).double(), doubles(4, 6, 3), torch.rand(4, 6) > 0.3
    mapped = torch.func.vmap(lambda rows, counts: read_through(cell, rows, counts))(x, real)
    looped = torch.stack([read_through(cell, rows, counts) for rows, counts in zip(x, real, strict=True)])
    torch.testing.assert_close(mapped, looped, rtol=1e-12, atol=1e-12)


def test_reading_is_torchs_lstm() -> None:
    lstm, cell = nn.LSTM(3, 5).double(), LSTMMemory(3, 5).double()
    copy_weights(cell, theirs := nn.LSTMCell(3, 5).double())
    lstm.load_state_dict({f"{name}_l0": p for name, p in theirs.state_dict().items()})
    rows = doubles(6, 3)
    outputs = read_through(cell, rows, torch.ones(6, dtype=torch.bool))
    torch.testing.assert_close(outputs, lstm(rows)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [LSTMMemory, GRUMemory])
def test_padding_rows_are_skipped(cell: type[LSTMMemory] | type[GRUMemory]) -> None:
    ours, rows = cell(3, 5).double(), doubles(6, 3)
    real = torch.tensor([False, True, True, False, True, False])
    outputs, expected = read_through(ours, rows, real), read_through(ours, rows[real], torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(outputs[real], expected, rtol=1e-12, atol=1e-12)
    assert not bool(outputs[0].any())
    assert torch.equal(outputs[3], outputs[2])


def test_keep_spread_spreads_the_biases_of_the_update_gate() -> None:
    """Only the biases of z differ from those without ``keep_spread``."""
    torch.manual_seed(3)
    plain = GRUMemory(3, 200)
    torch.manual_seed(3)
    spread = GRUMemory(3, 200, keep_spread=4.0)
    changed = [name for name, p in plain.named_parameters() if not torch.equal(p, spread.get_parameter(name))]
    assert changed == ["from_input.bias"]
    plain_biases, biases = (cell.from_input.bias.detach().chunk(3) for cell in (plain, spread))
    assert torch.equal(biases[0], plain_biases[0])
    assert torch.equal(biases[2], plain_biases[2])
    assert -4 < float(biases[1].min()) < -3.5
    assert 3.5 < float(biases[1].max()) < 4
    assert abs(float(biases[1].mean())) < 5 * 4 / 3**0.5 / 200**0.5  # five standard deviations
