"""Copy a sequence a given number of times: a loop within a loop (Graves et al. 2014, section 4.2)."""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch

from ..core.task import Kind, Sizes, Split, Task, TaskSource
from ..errors import ConfigError
from .bit_sequences import Sequences, marker, random_bits, read_then_answer, require_bits, with_channels
from .source import Source


@dataclass(frozen=True, kw_only=True)
class NTMRepeatCopy(Source, name="ntm-repeat-copy"):
    """Read random rows of bits and a number. Put out the rows this number of times, then an end marker.

    The number stands beside the delimiter, in a channel of its own. It is standardised: minus its mean in training,
    divided by its standard deviation. The end marker is a bit of its own. Training sequences have a random length from 1
    to ``shots`` and a random number from 1 to ``repeats``. Validation and test sequences have ``shots`` rows and
    ``repeats`` copies. All tasks of one sample have the same length and number.

    >>> source = NTMRepeatCopy(bits=2, repeats=3).tasks("test", Sizes(shots=1))
    >>> source.sample(1, torch.Generator().manual_seed(0)).query.y.tolist()
    [[[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]]]
    """

    summary: ClassVar[str] = "copy a sequence of random bytes a given number of times (Graves et al. 2014)"
    kind: ClassVar[Kind] = "sequence"
    network = "linear"
    test_sizes: ClassVar[Sizes] = Sizes(ways=1, shots=10)

    bits: int = 8
    """number of bits in a row"""
    repeats: int = 10
    """largest number of copies"""

    def __post_init__(self) -> None:
        require_bits("ntm-repeat-copy", self.bits)
        if self.repeats < 2:
            raise ConfigError(
                f"ntm-repeat-copy: repeats must be at least 2, got {self.repeats}. Use ntm-copy for one copy."
            )

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Sequences of 1 to ``sizes.shots`` rows for training, and of ``sizes.shots`` rows otherwise."""
        training = split == "train"

        def draw(tasks: int, length: int, generator: torch.Generator) -> Task:
            repeats = int(torch.randint(1, self.repeats + 1, (), generator=generator))
            return self._draw(tasks, length, repeats if training else self.repeats, generator)

        shortest = 1 if training else sizes.shots
        return Sequences(draw, shortest=shortest, longest=sizes.shots, inputs=self.bits + 2, outputs=self.bits + 1)

    def _draw(self, tasks: int, length: int, repeats: int, generator: torch.Generator) -> Task:
        rows = random_bits(tasks, length, self.bits, generator=generator)
        # Standardised with the mean and standard deviation of a uniform whole number from 1 to n.
        number = (repeats - (self.repeats + 1) / 2) / sqrt((self.repeats**2 - 1) / 12)
        end = marker(tasks, self.bits + 2, last=number, last_but_one=1)
        copies = with_channels(rows, 1).repeat(1, repeats, 1)
        answer = torch.cat([copies, marker(tasks, self.bits + 1, last=1)], 1)
        return read_then_answer(torch.cat([with_channels(rows, 2), end], 1), answer)
