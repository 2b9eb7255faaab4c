"""Copy what was read as often as is asked: a loop within a loop (Graves et al. 2014, section 4.2)."""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch

from ..core.task import Kind, Sizes, Split, Task, TaskSource
from ..errors import ConfigError
from .bit_sequences import Sequences, marker, random_bits, require_bits, then, with_channels
from .source import Source


@dataclass(frozen=True, kw_only=True)
class NTMRepeatCopy(Source, name="ntm-repeat-copy"):
    """Read random rows of bits, then a row that says how often; put the rows out so many times, then an end marker.

    The number stands in a channel of its own, less its mean and over its standard deviation in training, beside the delimiter;
    the end marker is a bit of its own. Training sequences have any length from 1 to ``shots`` and any number from 1 to
    ``repeats``, those of validation and test have both in full. One draw has one length and one number.

    >>> source = NTMRepeatCopy(bits=2, repeats=3).tasks("test", Sizes(shots=1))
    >>> source.sample(1, torch.Generator().manual_seed(0)).query.y.tolist()
    [[[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]]]
    """

    summary: ClassVar[str] = "copy a sequence of random bytes a given number of times (Graves et al. 2014)"
    kind: ClassVar[Kind] = "sequence"
    network = "linear"
    test_sizes: ClassVar[Sizes] = Sizes(ways=1, shots=10)

    bits: int = 8
    """bits in a row"""
    repeats: int = 10
    """the most copies that are asked for"""

    def __post_init__(self) -> None:
        require_bits("ntm-repeat-copy", self.bits)
        if self.repeats < 2:
            raise ConfigError(f"ntm-repeat-copy: repeats must be at least 2, got {self.repeats}. Once is ntm-copy.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Sequences of up to ``sizes.shots`` rows for training, of exactly so many otherwise."""
        training = split == "train"

        def draw(tasks: int, length: int, generator: torch.Generator) -> Task:
            drawn = int(torch.randint(1, self.repeats + 1, (), generator=generator))
            return self._draw(tasks, length, drawn if training else self.repeats, generator)

        shortest = 1 if training else sizes.shots
        return Sequences(draw, shortest=shortest, longest=sizes.shots, inputs=self.bits + 2, outputs=self.bits + 1)

    def _draw(self, tasks: int, length: int, repeats: int, generator: torch.Generator) -> Task:
        rows = random_bits(tasks, length, self.bits, generator=generator)
        # The mean and the standard deviation of a whole number from 1 to n, all as likely.
        number = (repeats - (self.repeats + 1) / 2) / sqrt((self.repeats**2 - 1) / 12)
        told = marker(tasks, self.bits + 2, last=number, last_but_one=1)
        copies = with_channels(rows, 1).repeat(1, repeats, 1)
        answer = torch.cat([copies, marker(tasks, self.bits + 1, last=1)], 1)
        return then(torch.cat([with_channels(rows, 2), told], 1), answer)
