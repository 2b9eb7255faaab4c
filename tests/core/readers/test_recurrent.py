"""Cells against torch's own, and against the formulas of the paper."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokay.core.readers.recurrent import GRUMemory, LSTMMemory, read_through


def doubles(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def torchs(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """Torch's cell with the same weights."""
    state = {f"weight_{a}h": getattr(ours, b).weight for a, b in (("i", "from_input"), ("h", "from_hidden"))}
    state |= {f"bias_{a}h": getattr(ours, b).bias for a, b in (("i", "from_input"), ("h", "from_hidden"))}
    theirs.load_state_dict(state)
    return theirs


def test_the_lstm_is_that_of_torch() -> None:
    ours = LSTMMemory(3, 5).double()
    theirs = torchs(ours, nn.LSTMCell(3, 5).double())
    x = doubles(6, 7, 3)
    memory, expected = ours.start(x), (x.new_zeros(7, 5), x.new_zeros(7, 5))
    for inputs in x:
        output, memory = ours(inputs, memory)
        expected = theirs(inputs, expected)
        torch.testing.assert_close((output, *memory), (expected[0], *expected), rtol=1e-12, atol=1e-12)
    assert ours.outputs == 5


def test_the_gru_is_that_of_its_paper() -> None:
    """Cho et al. 2014, eq. 5 to 8, unit by unit, and their f in front of the gate that keeps."""
    ours = GRUMemory(3, 5).double()
    weights = {name: p.detach().numpy() for name, p in ours.named_parameters()}
    into, bias = np.split(weights["from_input.weight"], 3), np.split(weights["from_input.bias"], 3)
    back = [*np.split(weights["from_hidden.weight"], 2), weights["from_picked.weight"]]
    h, memory = np.zeros(5), ours.start(doubles(1))
    for x in doubles(6, 3):
        r, z = (1 / (1 + np.exp(-(into[k] @ x.numpy() + bias[k] + back[k] @ h))) for k in (0, 1))
        h = np.array(
            [
                z[j] * h[j] + (1 - z[j]) * np.tanh(into[2][j] @ x.numpy() + bias[2][j] + sum(back[2][j] * r * h))
                for j in range(5)
            ]
        )
        output, memory = ours(x, memory)
        np.testing.assert_allclose(output.detach(), h, rtol=1e-12)
        np.testing.assert_allclose(memory.detach(), h, rtol=1e-12)
    assert ours.outputs == 5


@pytest.mark.parametrize("cell", [LSTMMemory, GRUMemory])
def test_a_step_is_of_one_example_or_of_many(cell: type[LSTMMemory] | type[GRUMemory]) -> None:
    """Any axes in front; one memory for all, or one each."""
    ours = cell(3, 5).double()
    x = doubles(4, 2, 3)
    _, before = ours(doubles(3), ours.start(x))
    output, _ = ours(x, before)
    alone = torch.stack([torch.stack([ours(one, before)[0] for one in row]) for row in x])
    torch.testing.assert_close(output, alone, rtol=1e-12, atol=1e-12)
    _, each = ours(x, before)
    after, _ = ours(x, each)
    mapped, _ = torch.func.vmap(torch.func.vmap(ours))(x, each)
    torch.testing.assert_close(after, mapped, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [LSTMMemory, GRUMemory])
def test_they_start_as_torch_starts_its_own(cell: type[LSTMMemory] | type[GRUMemory]) -> None:
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
    torchs(cell, theirs := nn.LSTMCell(3, 5).double())
    lstm.load_state_dict({f"{name}_l0": p for name, p in theirs.state_dict().items()})
    rows = doubles(6, 3)
    found = read_through(cell, rows, torch.ones(6, dtype=torch.bool))
    torch.testing.assert_close(found, lstm(rows)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [LSTMMemory, GRUMemory])
def test_rows_that_do_not_count_are_passed_over(cell: type[LSTMMemory] | type[GRUMemory]) -> None:
    ours, rows = cell(3, 5).double(), doubles(6, 3)
    real = torch.tensor([False, True, True, False, True, False])
    found, short = read_through(ours, rows, real), read_through(ours, rows[real], torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(found[real], short, rtol=1e-12, atol=1e-12)
    assert not bool(found[0].any())
    assert torch.equal(found[3], found[2])


def test_units_of_a_gru_begin_apart_in_what_they_keep() -> None:
    """Without input, σ(b) of a unit is left after a step; only those biases differ from torch's start."""
    torch.manual_seed(3)
    plain = GRUMemory(3, 200)
    torch.manual_seed(3)
    apart = GRUMemory(3, 200, keep_spread=4.0)
    differ = [name for name, p in plain.named_parameters() if not torch.equal(p, apart.get_parameter(name))]
    assert differ == ["from_input.bias"]
    gates, kept = (cell.from_input.bias.detach().chunk(3) for cell in (plain, apart))
    assert torch.equal(kept[0], gates[0])
    assert torch.equal(kept[2], gates[2])
    assert -4 < float(kept[1].min()) < -3.5
    assert 3.5 < float(kept[1].max()) < 4
    assert abs(float(kept[1].mean())) < 5 * 4 / 3**0.5 / 200**0.5  # five standard deviations
