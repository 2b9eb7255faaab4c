"""Episodes from tasks that are arrays of unequal lengths."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median_low
from typing import Any, Self

import torch
from torch import Tensor

from ..core.task import Examples, Kind, Sizes, Task, TaskSource, TaskSpec, one_hot
from ..errors import ConfigError, TaskError
from ..tasks.class_pool import ClassPool
from ..tasks.joint_batches import JointBatches
from .task_arrays import TaskArrays, check_alike

SHOTS = {"classification": 5, "regression": 10}
"""default number of support examples (per class), if the tasks are large enough"""
QUERIES = 15
"""default number of query examples (per class), if the tasks are large enough"""


class ArrayTasks:
    """A source of the ``tasks``: each is drawn equally often, with a new division into support and query if it has none.

    A task with fewer rows than ``shots + queries`` (per class) is drawn with fewer; tasks of one sample have equal sizes.
    A task with more than ``ways`` classes is drawn with some of them. With ``has_fixed_order`` a class has the same number
    in all tasks (default: if all of them have the same ``ways`` classes); otherwise classes are numbered anew in every draw.

    ``shots``, ``queries`` and ``ways`` that are None follow the tasks: half of the rows of the middle task and at most 5 per
    class (10 points), the rest and at most 15, and the smallest number of classes. Tasks that come divided keep the sizes
    of the middle one.

    Raises ``TaskError`` for a task with too few classes of two rows, or of other classes with ``has_fixed_order``, and
    ``ConfigError`` for settings that the tasks cannot have.
    """

    def __init__(
        self,
        tasks: Sequence[TaskArrays],
        *,
        ways: int | None = None,
        shots: int | None = None,
        queries: int | None = None,
        has_fixed_order: bool | None = None,
    ) -> None:
        self.tasks, first = tasks, tasks[0]
        is_regression = first.y.is_floating_point()
        _check_ways(ways, is_regression=is_regression)
        usable = [_usable_classes(task) for task in tasks]
        self.ways = 1 if is_regression else min(map(len, usable)) if ways is None else ways
        for task, classes in zip(tasks, usable, strict=True):
            _check_classes(task, classes, ways if ways is not None else 2)
        self.has_fixed_order = _has_fixed_order(tasks, usable, self.ways, has_fixed_order)
        rows = [_rows(task, classes) for task, classes in zip(tasks, usable, strict=True)]
        self.shots, self.queries = _sizes(tasks, rows, shots, queries)
        y_dim = first.y.shape[1] if is_regression else self.ways
        kind: Kind = "regression" if is_regression else "classification"
        self.spec = TaskSpec(x_shape=tuple(first.x.shape[1:]), y_dim=y_dim, kind=kind)
        self._rows = rows
        self._groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._keys = [self._key(task, parts) for task, parts in zip(tasks, rows, strict=True)]
        for index, key in enumerate(self._keys):
            self._groups[key].append(index)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` tasks of one size. The sample depends only on the state of ``generator``."""
        first = int(torch.randint(len(self.tasks), (), generator=generator))
        key = self._keys[first]
        group = torch.tensor(self._groups[key])
        rounds = -(-tasks // len(group))
        order = torch.cat([torch.randperm(len(group), generator=generator) for _ in range(rounds)])[:tasks]
        drawn_tasks = [self._draw(index, *key, generator) for index in group[order].tolist()]
        return Task(*(Examples(*map(torch.stack, zip(*part, strict=True))) for part in zip(*drawn_tasks, strict=True)))

    def like(self, tasks: Sequence[TaskArrays]) -> Self:
        """Other ``tasks``, drawn with the sizes and the order of classes that these have."""
        check_alike(tasks[0], self.tasks[0], "the training tasks")
        for task in tasks if self.has_fixed_order else ():
            _check_same_classes(task, self.tasks[0].labels, "the training tasks")
        ways = self.ways if tasks[0].labels else None
        return type(self)(
            tasks, ways=ways, shots=self.shots, queries=self.queries, has_fixed_order=self.has_fixed_order
        )

    def joint(self) -> TaskSource:
        """Ordinary mini-batches of all classes, for methods that train without tasks. Real targets: the tasks themselves."""
        if self.spec.kind == "regression":
            return self
        is_shared = self.has_fixed_order
        rows = defaultdict(list)
        for task in self.tasks:
            for number, label in enumerate(task.labels):
                rows[str(label) if is_shared else f"{task.name}: {label}"].append(task.x[task.y == number])
        classes = {name: torch.cat(parts) for name, parts in rows.items()}
        counts = torch.tensor([len(x) for x in classes.values()])
        pool = ClassPool(torch.cat([*classes.values()]), counts, tuple(classes))
        return JointBatches(pool, Sizes(ways=self.ways, shots=self.shots, queries=self.queries))

    def _key(self, task: TaskArrays, rows: list[tuple[Tensor, Tensor]]) -> tuple[int, int]:
        """The numbers of support and query examples (per class) with which a task is drawn."""
        support, query = (min(len(parts[side]) for parts in rows) for side in (0, 1))
        if task.support is None and support < self.shots + self.queries:
            share = support * self.shots // (self.shots + self.queries)
            support = max(1, min(self.shots, share))
            query -= support
        return _step_down(support, self.shots), _step_down(query, self.queries)

    def _draw(self, index: int, shots: int, queries: int, generator: torch.Generator) -> Task:
        task, rows = self.tasks[index], self._rows[index]
        classes = torch.arange(len(rows)) if self.has_fixed_order else torch.randperm(len(rows), generator=generator)
        support, query = [], []
        for support_rows, query_rows in (rows[number] for number in classes[: self.ways].tolist()):
            order = support_rows[torch.randperm(len(support_rows), generator=generator)]
            support.append(order[:shots])
            others = order[shots:]
            if task.support is not None:
                others = query_rows[torch.randperm(len(query_rows), generator=generator)]
            query.append(others[:queries])
        return Task(*(self._examples(task, part, generator) for part in (support, query)))

    def _examples(self, task: TaskArrays, rows: list[Tensor], generator: torch.Generator) -> Examples:
        """The examples at ``rows``, one tensor per class, in random order."""
        labels = torch.arange(len(rows)).repeat_interleave(torch.tensor([len(part) for part in rows]))
        order = torch.randperm(len(labels), generator=generator)
        index = torch.cat(rows)[order]
        y = task.y[index] if self.spec.kind == "regression" else one_hot(labels[order], self.ways)
        return Examples(task.x[index], y)


def _usable_classes(task: TaskArrays) -> list[int]:
    """The classes with an example to learn from and another one to score. Real targets: one class of all rows."""
    if not task.labels:
        return [0]
    counts = [[int((task.y[part] == number).sum()) for part in task.parts] for number in range(len(task.labels))]
    least = 2 if task.support is None else 1
    return [number for number, sides in enumerate(counts) if min(sides) >= least]


def _rows(task: TaskArrays, classes: list[int]) -> list[tuple[Tensor, Tensor]]:
    """For each class, the rows of support and query examples."""
    if not task.labels:
        return [task.parts]
    support, query = task.parts
    return [(support[task.y[support] == number], query[task.y[query] == number]) for number in classes]


def _has_fixed_order(tasks: Sequence[TaskArrays], usable: list[list[int]], ways: int, choice: bool | None) -> bool:
    """Whether a class has one number in all tasks: ``choice``, or if they allow it."""
    if not tasks[0].labels or choice is False:
        return False
    if choice:
        for task in tasks:
            _check_same_classes(task, tasks[0].labels, "the first task, because has_fixed_order is on")
        if ways < len(tasks[0].labels):
            raise ConfigError(
                f"MetaLearner: has_fixed_order needs all {len(tasks[0].labels)} classes in every episode, with two rows "
                f"each, got {ways} ways. Leave it out."
            )
    has_same_classes = len({task.labels for task in tasks}) == 1
    return has_same_classes and all(classes == usable[0] for classes in usable) and len(usable[0]) == ways


def _check_same_classes(task: TaskArrays, labels: tuple[Any, ...], others: str) -> None:
    if task.labels != labels:
        names = [" ".join(map(str, classes[:20])) for classes in (labels, task.labels)]
        raise TaskError(f"{task.name}: must have the classes of {others} ({names[0]}), got {names[1]}. Relabel it.")


def _check_ways(ways: int | None, *, is_regression: bool) -> None:
    if ways is None:
        return
    if is_regression:
        raise ConfigError(f"MetaLearner: ways is for tasks of classes, the targets are real, got {ways}. Leave it out.")
    if Sizes(ways=ways).ways < 2:  # Sizes refuses what is no whole number
        raise ConfigError(f"MetaLearner: ways must be at least 2, got {ways}. Leave it out to follow the tasks.")


def _check_classes(task: TaskArrays, classes: list[int], ways: int) -> None:
    if not task.labels:
        return
    if len(classes) < ways:
        need = "2 rows" if task.support is None else "a row in the support and in the query set"
        raise TaskError(
            f"{task.name}: needs {ways} classes with {need} each, got {len(classes)} of {len(task.labels)}. "
            "Leave it out, or give more rows."
        )


def _sizes(
    tasks: Sequence[TaskArrays], rows: list[list[tuple[Tensor, Tensor]]], shots: int | None, queries: int | None
) -> tuple[int, int]:
    """The numbers of support and query examples (per class) of a full episode."""
    middle_support, middle_query = (
        median_low([min(len(parts[side]) for parts in task_rows) for task_rows in rows]) for side in (0, 1)
    )
    most = SHOTS["classification" if tasks[0].labels else "regression"]
    if tasks[0].support is None:
        default_shots = max(1, min(most, middle_support // 2))
        default_queries = max(1, min(QUERIES, middle_query - (shots or default_shots)))
    else:
        default_shots, default_queries = middle_support, middle_query
    sizes = Sizes(
        shots=default_shots if shots is None else shots, queries=default_queries if queries is None else queries
    )
    return sizes.shots, sizes.queries


def _step_down(count: int, most: int) -> int:
    """The largest of ``most``, its half, its quarter ... that is not above ``count``: tasks then have few different sizes.

    >>> [_step_down(count, 10) for count in (30, 9, 4, 1)]
    [10, 5, 2, 1]
    """
    while most > count:
        most //= 2
    return max(1, most)
