"""Shared parts of the algorithmic tasks (copy, sort, recall): read a sequence, then put out rows of bits.

A task is of kind ``sequence``. The network reads ``support.x`` row by row. Then it reads the blank rows of ``query.x``,
and at each of them it puts out one row of ``query.y``. All tasks of one sample have the same length.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.task import Examples, Task, TaskSpec
from ..errors import ConfigError


class Sequences:
    """A task source: each sample has a random length, uniform from ``shortest`` to ``longest``.

    ``draw(tasks, length, generator)`` makes the tasks. ``inputs`` is the width of a row that is read, ``outputs`` the
    width of a row that is put out.
    """

    def __init__(
        self,
        draw: Callable[[int, int, torch.Generator], Task],
        *,
        shortest: int,
        longest: int,
        inputs: int,
        outputs: int,
    ) -> None:
        self.draw, self.shortest, self.longest = draw, shortest, longest
        self.spec = TaskSpec(x_shape=(inputs,), y_dim=outputs, kind="sequence")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws one length, then ``tasks`` tasks of this length."""
        length = int(torch.randint(self.shortest, self.longest + 1, (), generator=generator))
        return self.draw(tasks, length, generator)


def random_bits(*shape: int, generator: torch.Generator) -> Tensor:
    """Zeros and ones, each with probability 1/2, as float32."""
    return torch.randint(0, 2, shape, generator=generator).float()


def read_then_answer(rows: Tensor, bits: Tensor) -> Task:
    """Tasks in which the network reads ``rows`` [tasks, n, inputs] and then puts out ``bits`` [tasks, m, outputs]."""
    (tasks, n, inputs), (_, m, outputs) = rows.shape, bits.shape
    blank_targets = rows.new_zeros(tasks, n, outputs, dtype=torch.uint8)
    return Task(Examples(rows, blank_targets), Examples(rows.new_zeros(tasks, m, inputs), bits.to(torch.uint8)))


def with_channels(rows: Tensor, channels: int) -> Tensor:
    """Appends ``channels`` zeros to every row of ``rows`` [tasks, n, bits]."""
    return torch.cat([rows, rows.new_zeros(*rows.shape[:-1], channels)], -1)


def marker(tasks: int, inputs: int, **values: int | float | Tensor) -> Tensor:
    """One row ``[tasks, 1, inputs]`` of zeros, with the given values in the columns ``last`` and ``last_but_one``.

    >>> marker(1, 4, last=1, last_but_one=0.5)
    tensor([[[0.0000, 0.0000, 0.5000, 1.0000]]])
    """
    row = torch.zeros(tasks, 1, inputs)
    for name, place in (("last", -1), ("last_but_one", -2)):
        if name in values:
            row[:, 0, place] = torch.as_tensor(values[name], dtype=row.dtype)
    return row


def require_bits(source: str, bits: int) -> None:
    """Raises ``ConfigError`` if ``bits`` is below 1."""
    if bits < 1:
        raise ConfigError(f"{source}: bits must be at least 1, got {bits}. Raise --bits.")
