"""Sort rows by their priorities (Graves et al. 2014, section 4.5)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ..core.task import Kind, Sizes, Split, Task, TaskSource
from ..errors import ConfigError, TaskError
from .bit_sequences import Sequences, marker, random_bits, read_then_answer, require_bits
from .source import Source


@dataclass(frozen=True, kw_only=True)
class NTMPrioritySort(Source, name="ntm-priority-sort"):
    """Read random rows of bits, each with a priority. Put out the ``highest`` rows, the highest priority first.

    A priority is uniform in [-1, 1] and has a channel of its own. A delimiter ends the rows. All sequences have
    ``shots`` rows, in training too. The defaults are those of the paper: read 20 rows, put out 16.

    >>> source = NTMPrioritySort(bits=1, highest=2).tasks("test", Sizes(shots=3))
    >>> task = source.sample(1, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape  # bit, priority, delimiter
    (torch.Size([1, 4, 3]), torch.Size([1, 2, 1]))
    """

    summary: ClassVar[str] = "sort random bytes by a priority beside each (Graves et al. 2014)"
    kind: ClassVar[Kind] = "sequence"
    network = "linear"
    test_sizes: ClassVar[Sizes] = Sizes(ways=1, shots=20)

    bits: int = 8
    """number of bits in a row"""
    highest: int = 16
    """number of rows to put out"""

    def __post_init__(self) -> None:
        require_bits("ntm-priority-sort", self.bits)
        if self.highest < 1:
            raise ConfigError(f"ntm-priority-sort: highest must be at least 1, got {self.highest}. The paper has 16.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Sequences of ``sizes.shots`` rows. Raises ``TaskError`` if ``highest`` is above the number of rows."""
        if sizes.shots < self.highest:
            raise TaskError(
                f"ntm-priority-sort: shots must be at least the {self.highest} rows to put out, got "
                f"{sizes.shots}. Raise --shots, or lower --highest."
            )
        return Sequences(self._draw, shortest=sizes.shots, longest=sizes.shots, inputs=self.bits + 2, outputs=self.bits)

    def _draw(self, tasks: int, length: int, generator: torch.Generator) -> Task:
        rows = random_bits(tasks, length, self.bits, generator=generator)
        priority = 2 * torch.rand(tasks, length, 1, generator=generator) - 1
        order = priority.argsort(1, descending=True)[:, : self.highest]  # [tasks, highest, 1]
        read = torch.cat([rows, priority, torch.zeros_like(priority)], -1)
        answer = rows.gather(1, order.expand(-1, -1, self.bits))
        return read_then_answer(torch.cat([read, marker(tasks, self.bits + 2, last=1)], 1), answer)
