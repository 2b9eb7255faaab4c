"""Which item came after this one? Finding by content and going on by place (Graves et al. 2014, section 4.3)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ..core.task import Kind, Sizes, Split, Task, TaskSource
from ..errors import ConfigError, TaskError
from .bit_sequences import Sequences, marker, random_bits, require_bits, then, with_channels
from .source import Source

_FEWEST = 2  # one to ask with, one to answer


@dataclass(frozen=True, kw_only=True)
class NTMAssociativeRecall(Source, name="ntm-associative-recall"):
    """Read a list of items, then one of them again; put out the item that came after it.

    An item is ``rows`` rows of random bits behind a delimiter. The question stands between two delimiters of another
    channel, and is any item but the last. Training lists have any number of items from 2 to ``shots``, those of validation
    and test ``shots``.

    >>> source = NTMAssociativeRecall(rows=1, bits=2).tasks("test", Sizes(shots=2))
    >>> task = source.sample(1, torch.Generator().manual_seed(3))
    >>> task.support.x.shape, task.query.y.shape  # 2 x (delimiter, item), delimiter, item, delimiter
    (torch.Size([1, 7, 4]), torch.Size([1, 1, 2]))
    """

    summary: ClassVar[str] = "name the item that came after another in a list (Graves et al. 2014)"
    kind: ClassVar[Kind] = "sequence"
    network = "linear"
    test_sizes: ClassVar[Sizes] = Sizes(ways=1, shots=6)

    bits: int = 6
    """bits in a row"""
    rows: int = 3
    """rows of an item"""

    def __post_init__(self) -> None:
        require_bits("ntm-associative-recall", self.bits)
        if self.rows < 1:
            raise ConfigError(f"ntm-associative-recall: rows must be at least 1, got {self.rows}. The paper has 3.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Lists of up to ``sizes.shots`` items for training, of exactly so many otherwise.

        Raises ``TaskError`` for fewer than two items.
        """
        if sizes.shots < _FEWEST:
            raise TaskError(
                f"ntm-associative-recall: a list must have at least {_FEWEST} items, got shots={sizes.shots}. "
                "The paper has 6."
            )
        shortest = _FEWEST if split == "train" else sizes.shots
        return Sequences(self._draw, shortest=shortest, longest=sizes.shots, inputs=self.bits + 2, outputs=self.bits)

    def _draw(self, tasks: int, items: int, generator: torch.Generator) -> Task:
        listed = random_bits(tasks, items, self.rows, self.bits, generator=generator)
        asked = torch.randint(0, items - 1, (tasks,), generator=generator)
        each = torch.arange(tasks)
        inputs = self.bits + 2
        before_item, around_question = marker(tasks, inputs, last_but_one=1), marker(tasks, inputs, last=1)
        read = [
            part for item in with_channels(listed, 2).unbind(1) for part in (before_item, item)
        ]  # [tasks, 1 or rows, inputs] each
        question = with_channels(listed[each, asked], 2)
        return then(torch.cat([*read, around_question, question, around_question], 1), listed[each, asked + 1])
