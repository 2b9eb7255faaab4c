"""What the sources of algorithmic tasks share: a sequence that is read, and the rows of bits that are asked for afterwards.

A task is of kind ``sequence``: ``support.x`` is read row by row, ``query.x`` is blank, and ``query.y`` are the bits to put out
meanwhile. All tasks of one draw are of one length.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.task import Examples, Task, TaskSpec
from ..errors import ConfigError


class Sequences:
    """Tasks of a random length, uniform over ``shortest`` ... ``longest``, drawn by ``draw(tasks, length, generator)``.

    ``inputs`` and ``outputs`` are the numbers in a row that is read, and asked for.
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
        """Draw one length, and ``tasks`` tasks of it."""
        length = int(torch.randint(self.shortest, self.longest + 1, (), generator=generator))
        return self.draw(tasks, length, generator)


def random_bits(*shape: int, generator: torch.Generator) -> Tensor:
    """Fair coins, as float32."""
    return torch.randint(0, 2, shape, generator=generator).float()


def then(read: Tensor, answer: Tensor) -> Task:
    """The task to answer rows ``[tasks, n, inputs]`` with the bits ``[tasks, m, outputs]``, while blank rows are read."""
    (tasks, n, inputs), (_, m, outputs) = read.shape, answer.shape
    nothing = read.new_zeros(tasks, n, outputs, dtype=torch.uint8)
    return Task(Examples(read, nothing), Examples(read.new_zeros(tasks, m, inputs), answer.to(torch.uint8)))


def with_channels(rows: Tensor, channels: int) -> Tensor:
    """Rows ``[tasks, n, bits]`` with so many more numbers, all zero, behind the bits."""
    return torch.cat([rows, rows.new_zeros(*rows.shape[:-1], channels)], -1)


def marker(tasks: int, inputs: int, **values: int | float | Tensor) -> Tensor:
    """One row ``[tasks, 1, inputs]`` of zeros but for its last numbers; ``last`` is -1, ``last_but_one`` -2.

    >>> marker(1, 4, last=1, last_but_one=0.5)
    tensor([[[0.0000, 0.0000, 0.5000, 1.0000]]])
    """
    row = torch.zeros(tasks, 1, inputs)
    for name, place in (("last", -1), ("last_but_one", -2)):
        if name in values:
            row[:, 0, place] = torch.as_tensor(values[name], dtype=row.dtype)
    return row


def require_bits(source: str, bits: int) -> None:
    """Refuse rows without bits."""
    if bits < 1:
        raise ConfigError(f"{source}: bits must be at least 1, got {bits}. Give a row some bits.")
