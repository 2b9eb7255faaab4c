"""Recurrent cells as plain formulas over the last axis. They work for one example or many, and under ``vmap``.

A cell is a module with ``outputs`` (the size of its output), ``start(like)`` (its initial memory) and a call with
``(inputs, memory)``, which returns the output and the new memory.
"""

import math
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

T = TypeVar("T")


def lstm_step(gates: Tensor, cell: Tensor, *, dim: int = -1) -> tuple[Tensor, Tensor]:
    """One LSTM step. Returns the output and the cell, ``[..., h]`` each.

    ``gates`` ``[..., 4h]``: the four gates before their activations, in torch's order i, f, g, o. ``cell`` ``[..., h]``.
    ``dim``: the axis of h. c' = σ(f) c + σ(i) tanh(g),  h' = σ(o) tanh(c') (Hochreiter & Schmidhuber 1997, with the
    forget gate of Gers et al. 2000).

    >>> lstm_step(torch.zeros(8), torch.ones(2))[1]  # σ(0) keeps half of the cell
    tensor([0.5000, 0.5000])
    """
    i, f, g, o = gates.chunk(4, dim)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def _initialise(cell: nn.Module, hidden_size: int) -> None:
    """Draws all weights from ±1/sqrt(hidden_size), uniformly, as torch does for its cells."""
    for p in cell.parameters():
        nn.init.uniform_(p, -1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))


class LSTMMemory(nn.Module):
    """Long short-term memory. Its memory is its output and its cell, ``[..., hidden_size]`` each.

    >>> cell = LSTMMemory(3, 5)
    >>> output, memory = cell(torch.randn(7, 3), cell.start(torch.zeros(7)))
    >>> output.shape
    torch.Size([7, 5])
    """

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.outputs = hidden_size
        self.from_input = nn.Linear(inputs, 4 * hidden_size)
        self.from_hidden = nn.Linear(hidden_size, 4 * hidden_size)
        _initialise(self, hidden_size)

    def start(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Zeros, with the dtype and device of ``like``."""
        return like.new_zeros(self.outputs), like.new_zeros(self.outputs)

    def forward(self, inputs: Tensor, memory: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Reads ``inputs`` ``[..., inputs]``. Returns the output and the new memory."""
        output, cell = lstm_step(self.from_input(inputs) + self.from_hidden(memory[0]), memory[1])
        return output, (output, cell)


class GRUMemory(nn.Module):
    """Gated recurrent unit. Its memory is its output, ``[..., hidden_size]``.

    h' = (1 - z) tanh(W x + U (r h)) + z h, with the reset gate r and the update gate z, which keeps old values (Cho et
    al. 2014, arXiv:1406.1078, eq. 5 to 8). As in the paper, r acts before the product with U. torch and cuDNN apply it
    after U, where training to compare inputs is slower.

    ``keep_spread``: initial biases of z are uniform in ±keep_spread. Some units then keep values for long, others for a
    short time (as in Tallec & Ollivier 2018, arXiv:1804.11188, who take the range from the expected sequence lengths).

    >>> cell = GRUMemory(3, 5)
    >>> cell(torch.randn(7, 3), cell.start(torch.zeros(7)))[0].shape
    torch.Size([7, 5])
    """

    def __init__(self, inputs: int, hidden_size: int, *, keep_spread: float = 0.0) -> None:
        super().__init__()
        self.outputs = hidden_size
        self.from_input = nn.Linear(inputs, 3 * hidden_size)  # for r, z and the candidate
        self.from_hidden = nn.Linear(hidden_size, 2 * hidden_size, bias=False)  # for r and z
        self.from_picked = nn.Linear(hidden_size, hidden_size, bias=False)
        _initialise(self, hidden_size)
        if keep_spread:
            nn.init.uniform_(self.from_input.bias.detach()[hidden_size : 2 * hidden_size], -keep_spread, keep_spread)

    def start(self, like: Tensor) -> Tensor:
        """Zeros, with the dtype and device of ``like``."""
        return like.new_zeros(self.outputs)

    def forward(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Reads ``inputs`` ``[..., inputs]``. Returns the output and the new memory."""
        reset_x, keep_x, new_x = self.from_input(inputs).chunk(3, -1)
        reset_h, keep_h = self.from_hidden(memory).chunk(2, -1)
        keep = (keep_x + keep_h).sigmoid()
        new = (new_x + self.from_picked((reset_x + reset_h).sigmoid() * memory)).tanh()
        output = (1 - keep) * new + keep * memory
        return output, output


class Feedforward(nn.Module):
    """A cell without memory: one tanh layer. It can control an external memory."""

    def __init__(self, inputs: int, cells: int) -> None:
        super().__init__()
        self.outputs = cells
        self.layer = nn.Linear(inputs, cells)

    def start(self, like: Tensor) -> tuple[()]:
        """The empty memory."""
        return ()

    def forward(self, inputs: Tensor, memory: tuple[()]) -> tuple[Tensor, tuple[()]]:
        """Reads ``inputs`` ``[..., inputs]``. Returns the output and the new memory."""
        return self.layer(inputs).tanh(), ()


def where_real(real: Tensor, new: T, old: T) -> T:
    """``new`` if ``real`` (a boolean scalar: the row is not padding), else ``old``. Both are equal nests of tensors."""
    selection: T = tree_map(lambda a, b: torch.where(real, a, b), new, old)
    return selection


def read_through(cell: nn.Module, rows: Tensor, real: Tensor) -> Tensor:
    """Reads ``rows`` ``[n, inputs]`` from an empty memory. Returns the outputs of ``cell`` ``[n, outputs]``.

    Rows with ``real`` ``[n]`` false are skipped: they leave the memory unchanged, and repeat the previous output (zeros
    if there is none).
    """
    untyped: Any = cell
    memory, output = untyped.start(rows), rows.new_zeros(untyped.outputs)
    outputs = []
    for row, is_real in zip(rows.unbind(), real.unbind(), strict=True):
        output, memory = where_real(is_real, cell(row, memory), (output, memory))
        outputs.append(output)
    return torch.stack(outputs)
