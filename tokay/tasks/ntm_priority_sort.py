"""Sort what was read by a number beside it (Graves et al. 2014, section 4.5)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ..core.task import Kind, Sizes, Split, Task, TaskSource
from ..errors import ConfigError, TaskError
from .bit_sequences import Sequences, marker, random_bits, require_bits, then
from .source import Source


@dataclass(frozen=True, kw_only=True)
class NTMPrioritySort(Source, name="ntm-priority-sort"):
    """Read random rows of bits, each with a priority; put out the ``highest`` of them, the highest first.

    A priority is uniform in [-1, 1] and has a channel of its own; a delimiter ends what is read. All sequences, those of training
    too, have ``shots`` rows: 20, of which 16 are asked for, as in the paper.

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
    """bits in a row"""
    highest: int = 16
    """how many rows are asked for"""

    def __post_init__(self) -> None:
        require_bits("ntm-priority-sort", self.bits)
        if self.highest < 1:
            raise ConfigError(f"ntm-priority-sort: highest must be at least 1, got {self.highest}. The paper has 16.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Sequences of ``sizes.shots`` rows. Raises ``TaskError`` where more are asked for than there are."""
        if sizes.shots < self.highest:
            raise TaskError(
                f"ntm-priority-sort: shots must be at least the {self.highest} rows that are asked for, got "
                f"{sizes.shots}. Raise --shots, or lower --highest."
            )
        return Sequences(self._draw, shortest=sizes.shots, longest=sizes.shots, inputs=self.bits + 2, outputs=self.bits)

    def _draw(self, tasks: int, length: int, generator: torch.Generator) -> Task:
        rows = random_bits(tasks, length, self.bits, generator=generator)
        priority = 2 * torch.rand(tasks, length, 1, generator=generator) - 1
        order = priority.argsort(1, descending=True)[:, : self.highest]  # [tasks, highest, 1]
        read = torch.cat([rows, priority, torch.zeros_like(priority)], -1)
        answer = rows.gather(1, order.expand(-1, -1, self.bits))
        return then(torch.cat([read, marker(tasks, self.bits + 2, last=1)], 1), answer)
