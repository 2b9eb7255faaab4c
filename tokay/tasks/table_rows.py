"""Tasks that are groups of rows of a table, such as the recordings of a patient: draws for training, a fixed list for tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ..core.seeding import generator as seeded_generator
from ..core.task import Examples, Sizes, Task, TaskSpec, kind_of
from ..errors import TaskError


@dataclass(frozen=True, eq=False)  # tensors cannot be compared with ==
class TaskRows:
    """The rows of some tasks. Rows of one task stand next to each other, in it those of one class (if there are classes)."""

    x: Tensor  # float32 [rows, inputs]
    y: Tensor  # [rows, 1] float32, or [rows, classes] boolean one-hot
    counts: Tensor  # int64 [tasks, cells]: rows of each class in each task; one cell for regression
    names: tuple[str, ...]  # one per task
    is_ordered: bool  # rows of a cell come in their order: support sets come before query sets
    y_scale: float = 1.0  # one unit of y in units of the target column
    y_unit: str = ""  # name of the target column
    hash_tasks: Callable[[], Mapping[str, str]] = dict

    @property
    def spec(self) -> TaskSpec:
        """What the tasks look like."""
        return TaskSpec(x_shape=tuple(self.x.shape[1:]), y_dim=self.y.shape[1], kind=kind_of(self.y))

    def fits(self, sizes: Sizes) -> Tensor:
        """Which tasks have enough rows (of each class) for ``sizes``: boolean ``[tasks]``."""
        return (self.counts >= sizes.shots + sizes.queries).all(1)

    def starts(self) -> Tensor:
        """The first row of each cell: ``[tasks, cells]``."""
        flat = self.counts.flatten()
        return (flat.cumsum(0) - flat).reshape(self.counts.shape)


class TaskDraws:
    """Tasks drawn from the rows of a table, for training.

    A task is drawn uniformly from those with at least ``shots + queries`` rows (in classification: of each class). Its
    support and query rows are different. With an order, the support rows follow each other, starting anywhere, and the
    query rows come later.

    ``y_scale`` and ``y_unit`` say what a unit of y is (`tokay.core.source_abilities.ScaledTargets`).

    Raises ``TaskError`` if no task has so many rows, or ``ways`` are not the classes of the target column.
    """

    def __init__(self, rows: TaskRows, sizes: Sizes, where: str) -> None:
        check_sizes(rows, sizes, where)
        self.rows, self.sizes, self.where, self.spec = rows, sizes, where, rows.spec
        self.y_scale, self.y_unit = rows.y_scale, rows.y_unit
        self._eligible = rows.fits(sizes).nonzero()[:, 0]
        self._starts = rows.starts()

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` tasks. The sample depends only on the state of ``generator`` (a CPU generator)."""
        index = self._eligible[torch.randint(len(self._eligible), (tasks,), generator=generator)]
        counts = self.rows.counts[index]
        shots, queries = self.sizes.shots, self.sizes.queries
        draw = _draw_in_order if self.rows.is_ordered else _draw
        positions = draw(counts, shots, queries, generator) + self._starts[index][..., None]
        parts = torch.split(positions, [shots, queries], 2)
        if self.spec.kind == "regression":
            return Task(*(_examples(self.rows, part.flatten(1)) for part in parts))
        # Rows come in random order, so that no position reveals a label.
        return Task(*(_examples(self.rows, _shuffle(part.flatten(1), generator)) for part in parts))

    def hash_tasks(self) -> Mapping[str, str]:
        """A hash of the rows of each task, by its name."""
        return self.rows.hash_tasks()

    def to(self, device: torch.device | str) -> Self:
        """The same tasks with the rows on ``device``. The counts stay on the CPU, because tasks are drawn there."""
        rows = replace(self.rows, x=self.rows.x.to(device), y=self.rows.y.to(device))
        return type(self)(rows, self.sizes, self.where)


class TaskList(TaskDraws):
    """Each task of a table once, for tests: a patient counts once, however many rows it has.

    With an order, the support rows are the first ``shots`` of the task (in classification: of each class), otherwise
    ``shots`` random ones. All other rows are queries, or ``queries`` of them if ``all_rows`` is False. The choice depends
    only on ``seed`` and the name of the task. Tasks differ in length: see `tokay.core.source_abilities.UnequalList`.

    ``sample`` draws tasks of one length, as `TaskDraws` does.
    """

    def __init__(self, rows: TaskRows, sizes: Sizes, where: str, *, all_rows: bool = True, seed: int = 0) -> None:
        super().__init__(rows, sizes, where)
        self.all_rows, self.seed = all_rows, seed
        self._parts = [self._choose(int(index)) for index in self._eligible]  # of each task: support rows, query rows

    def __len__(self) -> int:
        return len(self._parts)

    def lengths(self) -> Sequence[tuple[int, int]]:
        """The number of support and of query rows of each task."""
        return [(len(support), len(query)) for support, query in self._parts]

    def part(self, start: int, stop: int) -> Task:
        """The tasks from ``start`` up to, not including, ``stop``. Raises ``TaskError`` if their lengths differ."""
        if len(set(self.lengths()[start:stop])) > 1:
            raise TaskError(
                f"{self.where}: tasks in one block must have equal numbers of rows, got {self.lengths()[start:stop]}. Ask "
                "for fewer at once."
            )
        support, query = (torch.stack(part) for part in zip(*self._parts[start:stop], strict=True))
        return Task(_examples(self.rows, support), _examples(self.rows, query))

    def to(self, device: torch.device | str) -> Self:
        """The same tasks with the rows on ``device``."""
        rows = replace(self.rows, x=self.rows.x.to(device), y=self.rows.y.to(device))
        return type(self)(rows, self.sizes, self.where, all_rows=self.all_rows, seed=self.seed)

    def _choose(self, index: int) -> tuple[Tensor, Tensor]:
        generator = seeded_generator(self.seed, f"table/{self.rows.names[index]}")
        shots, parts = self.sizes.shots, list[tuple[Tensor, Tensor]]()
        for start, count in zip(self._starts[index].tolist(), self.rows.counts[index].tolist(), strict=True):
            if self.rows.is_ordered:
                support, later = torch.arange(shots), torch.arange(shots, count)
                if not self.all_rows:
                    later = later[torch.randperm(len(later), generator=generator)[: self.sizes.queries].sort().values]
            else:
                order = torch.randperm(count, generator=generator)
                support, later = order[:shots], order[shots : None if self.all_rows else shots + self.sizes.queries]
            parts.append((start + support, start + later))
        support, query = (torch.cat(part) for part in zip(*parts, strict=True))
        if self.spec.kind == "regression":
            return support, query
        return _shuffle(support[None], generator)[0], _shuffle(query[None], generator)[0]


def check_sizes(rows: TaskRows, sizes: Sizes, where: str) -> None:
    """Raises ``TaskError`` if no task has rows enough for ``sizes``, or the target has another number of classes."""
    classes = rows.counts.shape[1]
    if rows.spec.kind == "classification" and sizes.ways not in (1, classes):
        raise TaskError(
            f"{where}: a task has the {classes} classes of column {rows.y_unit}, got {sizes.ways} ways. "
            f"Ask for {classes} ways."
        )
    if not bool(rows.fits(sizes).any()):
        needed, most = sizes.shots + sizes.queries, int(rows.counts.min(1).values.max())
        each = "" if classes == 1 else " of each class"
        raise TaskError(
            f"{where}: {sizes.shots} shots + {sizes.queries} queries need {needed} rows{each} in a task, the largest of "
            f"{len(rows.names)} tasks has {most}. Ask for fewer shots or queries, or name another column with --task."
        )


def _examples(rows: TaskRows, index: Tensor) -> Examples:
    index = index.to(rows.x.device)
    return Examples(rows.x[index], rows.y[index])


def _draw(counts: Tensor, shots: int, queries: int, generator: torch.Generator) -> Tensor:
    """Random different positions below ``counts`` [tasks, cells]: ``[tasks, cells, shots + queries]``."""
    most = int(counts.max())
    keys = torch.rand(*counts.shape, most, generator=generator)
    return keys.masked_fill_(torch.arange(most) >= counts[..., None], -1.0).topk(shots + queries).indices


def _draw_in_order(counts: Tensor, shots: int, queries: int, generator: torch.Generator) -> Tensor:
    """As ``_draw``, but the first ``shots`` positions follow each other, and the others come later, in order."""
    room = counts - shots - queries
    first = (torch.rand(counts.shape, generator=generator) * (room + 1)).long().minimum(room)[..., None]
    most = int(counts.max())
    position = torch.arange(most)
    is_later = (position >= first + shots) & (position < counts[..., None])
    keys = torch.rand(*counts.shape, most, generator=generator).masked_fill_(~is_later, -1.0)
    later = keys.topk(queries).indices.sort(-1).values
    return torch.cat([first + torch.arange(shots), later], -1)


def _shuffle(index: Tensor, generator: torch.Generator) -> Tensor:
    """Every row of ``index`` ``[tasks, n]`` in random order."""
    return index.gather(1, torch.rand(index.shape, generator=generator).argsort(1))
