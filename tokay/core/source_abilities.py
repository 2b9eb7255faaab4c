"""What some sources of tasks can do besides ``sample``. Ask with ``isinstance(source, FixedList)`` before you use an ability.

An ability is a protocol: a source has it if it has the methods. It need not inherit from the protocol.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from .task import Task, TaskSource


@runtime_checkable
class Movable(TaskSource, Protocol):
    """A source that holds data and can move it to another device."""

    def to(self, device: torch.device | str) -> TaskSource:
        """The same source with its data on ``device``, so that every sample is made there."""
        ...


@runtime_checkable
class FixedList(TaskSource, Protocol):
    """A source with a fixed list of tasks and no others. ``evaluate`` scores each of them once."""

    def __len__(self) -> int:
        """The number of tasks in the list."""
        ...

    def part(self, start: int, stop: int) -> Task:
        """The tasks from ``start`` up to, not including, ``stop``, in the order of the list."""
        ...


@runtime_checkable
class UnequalList(FixedList, Protocol):
    """A fixed list whose tasks differ in their numbers of examples: ``part`` takes only neighbours of equal lengths."""

    def lengths(self) -> Sequence[tuple[int, int]]:
        """The number of support and of query examples of each task."""
        ...


@runtime_checkable
class NamedTasks(TaskSource, Protocol):
    """A source whose tasks have names, such as patients, so that a run can tell which of them changed."""

    def hash_tasks(self) -> Mapping[str, str]:
        """A hash of the examples of each task, by its name."""
        ...


@runtime_checkable
class ScaledTargets(TaskSource, Protocol):
    """A source of regression tasks that scales its targets. Errors are reported in units of the user, too."""

    y_scale: float
    """a difference of 1 in y, in units of the user"""
    y_unit: str
    """name of the unit, or of the column that has it"""


@runtime_checkable
class RankedQueries(TaskSource, Protocol):
    """A source whose queries are candidates to rank by their predictions, such as the films of a user."""

    ranking_length: int
    """places of a ranking that count; 0 if a task has no more candidates, because then the ranking says little"""
    y_lowest: float
    """the lowest target there is: a candidate with it is worth nothing"""


@runtime_checkable
class ExactlyScored(TaskSource, Protocol):
    """A source that knows the exact posterior of its tasks."""

    def exact_log_likelihood(self, *, tasks: int, seed: int) -> Tensor:
        """The log-likelihood of the exact posterior on the tasks of ``evaluate(tasks=tasks, seed=seed)``: ``[tasks]``."""
        ...


@runtime_checkable
class Paced(TaskSource, Protocol):
    """A source whose training tasks change as training goes on."""

    def at_progress(self, progress: float) -> TaskSource:
        """The source for one step of training. ``progress`` is the share of steps already done: 0 or more, below 1."""
        ...
