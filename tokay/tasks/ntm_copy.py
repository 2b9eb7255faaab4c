"""Copy a sequence: the simplest test of a network with a memory (Graves et al. 2014, section 4.1)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ..core.task import Kind, Sizes, Split, Task, TaskSource
from .bit_sequences import Sequences, marker, random_bits, read_then_answer, require_bits, with_channels
from .source import Source


@dataclass(frozen=True, kw_only=True)
class NTMCopy(Source, name="ntm-copy"):
    """Read random rows of bits and a delimiter, then put out the same rows. The delimiter has a channel of its own.

    Training sequences have a random length, uniform from 1 to ``shots``. Validation and test sequences have ``shots``
    rows. So ``tokay evaluate RUN --shots 40`` tests longer sequences than those of training. All splits have the same
    distribution of rows.

    >>> task = NTMCopy(bits=3).tasks("test", Sizes(shots=2)).sample(1, torch.Generator().manual_seed(0))
    >>> task.support.x.int().tolist(), task.query.y.tolist()
    ([[[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]]], [[[1, 1, 0], [1, 1, 1]]])
    """

    summary: ClassVar[str] = "copy a sequence of random bytes (Graves et al. 2014)"
    kind: ClassVar[Kind] = "sequence"
    network = "linear"
    test_sizes: ClassVar[Sizes] = Sizes(ways=1, shots=20)

    bits: int = 8
    """number of bits in a row"""

    def __post_init__(self) -> None:
        require_bits("ntm-copy", self.bits)

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Sequences of 1 to ``sizes.shots`` rows for training, and of ``sizes.shots`` rows otherwise."""
        shortest = 1 if split == "train" else sizes.shots
        return Sequences(self._draw, shortest=shortest, longest=sizes.shots, inputs=self.bits + 1, outputs=self.bits)

    def _draw(self, tasks: int, length: int, generator: torch.Generator) -> Task:
        rows = random_bits(tasks, length, self.bits, generator=generator)
        return read_then_answer(torch.cat([with_channels(rows, 1), marker(tasks, self.bits + 1, last=1)], 1), rows)
