"""Recurrent networks as plain operations, which map over tasks on every device."""

import torch
from torch import Tensor, nn


def lstm_step(cell: nn.LSTMCell, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """What ``cell(x, state)`` gives: the output and the memory after ``x`` ``[..., inputs]``, each ``[..., hidden]``.

        i, f, g, o = W_x x + W_h h + b,     c' = σ(f) c + σ(i) tanh(g),     h' = σ(o) tanh(c')

    The module holds the weights; its own ``forward`` is a fused kernel on a GPU, which has no rule for ``vmap``.

    >>> h, c = lstm_step(nn.LSTMCell(3, 5), torch.randn(7, 3), (torch.zeros(7, 5), torch.zeros(7, 5)))
    >>> h.shape, c.shape
    (torch.Size([7, 5]), torch.Size([7, 5]))
    """
    h, c = state
    mixed = x @ cell.weight_ih.mT + cell.bias_ih + h @ cell.weight_hh.mT + cell.bias_hh
    into, keep, candidate, out = mixed.chunk(4, -1)
    c = keep.sigmoid() * c + into.sigmoid() * candidate.tanh()
    return out.sigmoid() * c.tanh(), c


def read_through(cell: nn.LSTMCell, rows: Tensor, real: Tensor) -> Tensor:
    """The outputs ``[n, hidden]`` of ``cell`` after each of ``rows`` ``[n, inputs]``, from a state of zeros.

    Rows that are not ``real`` ``[n]`` are passed over: they change nothing for those that follow.
    """
    h = c = rows.new_zeros(cell.hidden_size)
    outputs = []
    for row, counts in zip(rows.unbind(), real.unbind(), strict=True):
        moved_h, moved_c = lstm_step(cell, row, (h, c))
        h, c = torch.where(counts, moved_h, h), torch.where(counts, moved_c, c)
        outputs.append(h)
    return torch.stack(outputs)
