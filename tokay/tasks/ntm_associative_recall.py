"""Associative recall: put out the item that came after a given item (Graves et al. 2014, section 4.3)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ..core.task import Kind, Sizes, Split, Task, TaskSource
from ..errors import ConfigError, TaskError
from .bit_sequences import Sequences, marker, random_bits, read_then_answer, require_bits, with_channels
from .source import Source

_FEWEST = 2  # items: one for the question, one for the answer


@dataclass(frozen=True, kw_only=True)
class NTMAssociativeRecall(Source, name="ntm-associative-recall"):
    """Read a list of items, then one of them again. Put out the item that came after it.

    An item is a delimiter and ``rows`` rows of random bits. The question is a random item, except the last one. It stands
    between two delimiters, which have a channel of their own. Training lists have 2 to ``shots`` items, each number
    with the same probability. Validation and test lists have ``shots`` items.

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
    """number of bits in a row"""
    rows: int = 3
    """number of rows in an item"""

    def __post_init__(self) -> None:
        require_bits("ntm-associative-recall", self.bits)
        if self.rows < 1:
            raise ConfigError(f"ntm-associative-recall: rows must be at least 1, got {self.rows}. The paper has 3.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Lists of 2 to ``sizes.shots`` items for training, and of ``sizes.shots`` items otherwise.

        Raises ``TaskError`` if ``sizes.shots`` is below 2.
        """
        if sizes.shots < _FEWEST:
            raise TaskError(
                f"ntm-associative-recall: a list must have at least {_FEWEST} items, got shots={sizes.shots}. "
                "The paper has 6."
            )
        shortest = _FEWEST if split == "train" else sizes.shots
        return Sequences(self._draw, shortest=shortest, longest=sizes.shots, inputs=self.bits + 2, outputs=self.bits)

    def _draw(self, tasks: int, items: int, generator: torch.Generator) -> Task:
        items_read = random_bits(tasks, items, self.rows, self.bits, generator=generator)
        position = torch.randint(0, items - 1, (tasks,), generator=generator)
        task = torch.arange(tasks)
        inputs = self.bits + 2
        before_item, around_question = marker(tasks, inputs, last_but_one=1), marker(tasks, inputs, last=1)
        read = [
            part for item in with_channels(items_read, 2).unbind(1) for part in (before_item, item)
        ]  # [tasks, 1 or rows, inputs] each
        question = with_channels(items_read[task, position], 2)
        return read_then_answer(
            torch.cat([*read, around_question, question, around_question], 1), items_read[task, position + 1]
        )
