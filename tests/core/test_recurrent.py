"""Recurrent steps: torch's own cell and its own LSTM are the oracle."""

import torch
from torch import nn

from tokay.core.recurrent import lstm_step, read_through


def test_a_step_is_the_cells() -> None:
    cell = nn.LSTMCell(3, 5).double()
    x, h, c = (torch.randn(7, size, dtype=torch.float64) for size in (3, 5, 5))
    torch.testing.assert_close(lstm_step(cell, x, (h, c)), cell(x, (h, c)), rtol=1e-12, atol=1e-12)
    alone = lstm_step(cell, x[0], (h[0], c[0]))
    torch.testing.assert_close(alone, cell(x[0], (h[0], c[0])), rtol=1e-12, atol=1e-12)


def test_its_gradients_are_the_cells() -> None:
    cell, x, zero = nn.LSTMCell(3, 5).double(), torch.randn(7, 3, dtype=torch.float64), torch.zeros(7, 5).double()
    ours, theirs = (
        torch.autograd.grad(sum(part.square().sum() for part in step), list(cell.parameters()))
        for step in (lstm_step(cell, x, (zero, zero)), cell(x, (zero, zero)))
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_it_maps_over_tasks() -> None:
    cell, x = nn.LSTMCell(3, 5).double(), torch.randn(4, 6, 3, dtype=torch.float64)
    real = torch.rand(4, 6) > 0.3
    mapped = torch.func.vmap(lambda rows, counts: read_through(cell, rows, counts))(x, real)
    looped = torch.stack([read_through(cell, rows, counts) for rows, counts in zip(x, real, strict=True)])
    torch.testing.assert_close(mapped, looped, rtol=1e-12, atol=1e-12)


def test_reading_is_torchs_lstm() -> None:
    lstm, cell = nn.LSTM(3, 5).double(), nn.LSTMCell(3, 5).double()
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in lstm.state_dict().items()})
    rows = torch.randn(6, 3, dtype=torch.float64)
    found = read_through(cell, rows, torch.ones(6, dtype=torch.bool))
    torch.testing.assert_close(found, lstm(rows)[0], rtol=1e-12, atol=1e-12)


def test_rows_that_do_not_count_are_passed_over() -> None:
    cell, rows = nn.LSTMCell(3, 5).double(), torch.randn(6, 3, dtype=torch.float64)
    real = torch.tensor([False, True, True, False, True, False])
    found, short = read_through(cell, rows, real), read_through(cell, rows[real], torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(found[real], short, rtol=1e-12, atol=1e-12)
    assert not bool(found[0].any())
