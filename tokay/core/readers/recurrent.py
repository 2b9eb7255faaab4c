"""Recurrent cells, written out: one step is a formula of the last axis, for one example or many, under any ``vmap``.

A cell is a module with ``outputs`` (how many numbers it puts out), ``start(like)`` (what it remembers before anything
was read) and a call with ``(inputs, memory)`` that gives what it puts out and what it remembers then.
"""

import math
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

T = TypeVar("T")


def lstm_step(gates: Tensor, cell: Tensor, *, dim: int = -1) -> tuple[Tensor, Tensor]:
    """Output and cell ``[..., h]`` after a step, from the four gates before their sigmoids ``[..., 4h]`` and the cell;
    numbers of a cell lie along ``dim``.

    c' = σ(f) c + σ(i) tanh(g),  h' = σ(o) tanh(c'), with the gates in torch's order i, f, g, o (Hochreiter &
    Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    >>> lstm_step(torch.zeros(8), torch.ones(2))[1]  # half of it is kept
    tensor([0.5000, 0.5000])
    """
    into, keep, candidate, out = gates.chunk(4, dim)
    cell = keep.sigmoid() * cell + into.sigmoid() * candidate.tanh()
    return out.sigmoid() * cell.tanh(), cell


def _uniform(cell: nn.Module, hidden: int) -> None:
    """All weights uniform in ±1/sqrt(hidden), as torch starts its cells."""
    for p in cell.parameters():
        nn.init.uniform_(p, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))


class LSTMMemory(nn.Module):
    """Long short-term memory: what it remembers is its output and its cell, each ``[..., hidden]``.

    >>> cell = LSTMMemory(3, 5)
    >>> output, memory = cell(torch.randn(7, 3), cell.start(torch.zeros(7)))
    >>> output.shape
    torch.Size([7, 5])
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.outputs = hidden
        self.from_input = nn.Linear(inputs, 4 * hidden)
        self.from_hidden = nn.Linear(hidden, 4 * hidden)
        _uniform(self, hidden)

    def start(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Zeros, of the dtype and on the device of ``like``."""
        return like.new_zeros(self.outputs), like.new_zeros(self.outputs)

    def forward(self, inputs: Tensor, memory: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """A step: ``inputs`` ``[..., inputs]``."""
        output, cell = lstm_step(self.from_input(inputs) + self.from_hidden(memory[0]), memory[1])
        return output, (output, cell)


class GRUMemory(nn.Module):
    """A gated recurrent unit: what it remembers is its output, ``[..., hidden]``.

    h' = (1 - z) tanh(W x + U (r h)) + z h, with the reset gate r and the gate z that keeps (Cho et al. 2014,
    arXiv:1406.1078, eq. 5 to 8). As in the paper r comes before the product with U: an input picks from what is remembered,
    and U mixes what it picked. Behind U, where torch and cuDNN have it, it learned to compare later: five classes of features
    that were drawn, one shot, were 42 % right after 40 seconds instead of 53.

    ``keep_spread``: the biases of z begin uniform in ±this, so that some units hold for long what others let go at once (as
    in Tallec & Ollivier 2018, arXiv:1804.11188, whose range is that of the lengths expected).

    >>> cell = GRUMemory(3, 5)
    >>> cell(torch.randn(7, 3), cell.start(torch.zeros(7)))[0].shape
    torch.Size([7, 5])
    """

    def __init__(self, inputs: int, hidden: int, *, keep_spread: float = 0.0) -> None:
        super().__init__()
        self.outputs = hidden
        self.from_input = nn.Linear(inputs, 3 * hidden)  # of r, z and the candidate
        self.from_hidden = nn.Linear(hidden, 2 * hidden, bias=False)  # of r and z
        self.from_picked = nn.Linear(hidden, hidden, bias=False)
        _uniform(self, hidden)
        if keep_spread:
            nn.init.uniform_(self.from_input.bias.detach()[hidden : 2 * hidden], -keep_spread, keep_spread)

    def start(self, like: Tensor) -> Tensor:
        """Zeros, of the dtype and on the device of ``like``."""
        return like.new_zeros(self.outputs)

    def forward(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """A step: ``inputs`` ``[..., inputs]``."""
        reset_x, keep_x, new_x = self.from_input(inputs).chunk(3, -1)
        reset_h, keep_h = self.from_hidden(memory).chunk(2, -1)
        keep = (keep_x + keep_h).sigmoid()
        new = (new_x + self.from_picked((reset_x + reset_h).sigmoid() * memory)).tanh()
        output = (1 - keep) * new + keep * memory
        return output, output


class Feedforward(nn.Module):
    """A cell that remembers nothing: one layer of tanh, such as may control a memory."""

    def __init__(self, inputs: int, cells: int) -> None:
        super().__init__()
        self.outputs = cells
        self.layer = nn.Linear(inputs, cells)

    def start(self, like: Tensor) -> tuple[()]:
        """Nothing."""
        return ()

    def forward(self, inputs: Tensor, memory: tuple[()]) -> tuple[Tensor, tuple[()]]:
        """A step: ``inputs`` ``[..., inputs]``."""
        return self.layer(inputs).tanh(), ()


def where_real(real: Tensor, new: T, old: T) -> T:
    """``new`` where the row that was read is ``real`` (a boolean scalar), else ``old``, of any nest of tensors."""
    chosen: T = tree_map(lambda a, b: torch.where(real, a, b), new, old)
    return chosen


def read_through(cell: nn.Module, rows: Tensor, real: Tensor) -> Tensor:
    """What ``cell`` puts out ``[n, outputs]`` after each of ``rows`` ``[n, inputs]``, having remembered nothing at first.

    Rows that are not ``real`` ``[n]`` are passed over: they change nothing for those that follow, and put out what the
    row before did.
    """
    first: Any = cell
    memory, output = first.start(rows), rows.new_zeros(first.outputs)
    outputs = []
    for row, counts in zip(rows.unbind(), real.unbind(), strict=True):
        output, memory = where_real(counts, cell(row, memory), (output, memory))
        outputs.append(output)
    return torch.stack(outputs)
