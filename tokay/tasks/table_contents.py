"""A table with its division: the rows of each split as numbers, with all figures from the training tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..core.task import Kind, Sizes, Split
from ..errors import DataError
from .class_pool import ClassPool
from .table_columns import Encoding
from .table_data import CleanTable, ColumnRoles, fit_table, group_rows, near_copies, scale_of
from .table_division import Division
from .table_rows import TaskRows


@dataclass(frozen=True, eq=False)
class TableContents:
    """What a table holds for each split. Encodings are fitted when they are first asked for."""

    table: CleanTable
    roles: ColumnRoles
    kind: Kind
    division: Division
    small: dict[str, int]  # tasks (or classes) that are left out, with their numbers of rows
    path: str
    where: str
    _rows: dict[Split, TaskRows] = field(default_factory=dict)
    _pools: dict[Split, ClassPool] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What the names of the division are: tasks or classes."""
        return "classes" if self.roles.task is None else "tasks"

    @cached_property
    def training(self) -> set[str]:
        """The names of the training tasks (or classes)."""
        return set(self.division["train"])

    @cached_property
    def encoding(self) -> Encoding:
        """How rows become inputs, fitted on the training tasks. Raises ``DataError`` if there are none."""
        if not self.training:
            raise DataError(
                f"{self.where}: {self.path} must have training {self.unit}, which scale the inputs, it has none of them. Add "
                "their rows."
            )
        return fit_table(self.table, self.roles, self.training, self.where)

    @cached_property
    def scale(self) -> tuple[float, float] | None:
        """Mean and standard deviation of a regression target over the training rows. None for classes."""
        if self.kind == "classification":
            return None
        return scale_of(self.table, self.roles, self.training, self.where)

    def rows(self, split: Split) -> TaskRows:
        """The rows of the tasks of ``split``. Without a task column, each class of the split is a task."""
        if split not in self._rows:
            names = self.division[split]
            self._rows[split] = group_rows(self.table, self.roles, self.encoding, names, self.where, scale=self.scale)
        return self._rows[split]

    def pool(self, split: Split, sizes: Sizes) -> ClassPool:
        """The rows of the classes of ``split`` that have enough for ``sizes``, for a table without a task column.

        All of them if none has enough: the episodes then say what is missing.
        """
        if split not in self._pools:
            rows = self.rows(split)
            hashes = tuple(rows.hash_tasks().values())
            self._pools[split] = ClassPool(rows.x, rows.counts.sum(1), rows.names, hashes=hashes)
        pool = self._pools[split]
        large = [name for name, fits in zip(pool.names, self._fits(split, sizes), strict=True) if fits]
        return pool.subset(large) if 0 < len(large) < len(pool.names) else pool

    def describe(self) -> str:
        """One line: the size of each split, the kind of task, what is left out and what may be a leak."""
        counts = [len(self.division[split]) for split in ("train", "validation", "test")]
        owner = "" if self.roles.task is None else f" ({self.roles.task})"
        parts = [
            f"{self.where}: {counts[0]} training, {counts[1]} validation and {counts[2]} test {self.unit}{owner} in {self.path}",
            f"target {self.roles.target} ({self.kind}), {_count(len(self.encoding.inputs), 'input')}",
        ]
        if not counts[1]:
            parts.append(f"without validation {self.unit} the last weights are kept, not the best")
        parts += [f"{_count(count, 'row')} without {name} left out" for name, count in self.table.losses.items()]
        if self.small:
            parts.append(f"{len(self.small)} {self.unit} with few rows left out ({_first(self.small)})")
        if self.encoding.omissions:
            parts.append(f"constant or empty in training, so left out: {', '.join(self.encoding.omissions)}")
        if self.kind == "regression":
            copies = near_copies(self.table, self.roles, self.training, self.where)
            if copies:
                parts.append(f"{', '.join(copies)} nearly gives the target away: --without, if you will not have it")
        return "; ".join(parts)

    def describe_omissions(self, split: Split, sizes: Sizes) -> str:
        """One line about the tasks of ``split`` that have too few rows for ``sizes``. Empty if none has."""
        if not self.division[split]:
            return ""
        rows = self.rows(split)
        counts, fits = rows.counts.sum(1).tolist(), self._fits(split, sizes)
        small = {name: counts[i] for i, name in enumerate(rows.names) if not fits[i]}
        if not small:
            return ""
        kind, needed = "training" if split == "train" else split, sizes.shots + sizes.queries
        return (
            f"{self.where}: left out {len(small)} of {len(counts)} {kind} {self.unit}, with fewer than {needed} rows"
            f"{'' if self.roles.task is None else _each(rows)} ({_first(small)})"
        )

    def _fits(self, split: Split, sizes: Sizes) -> list[bool]:
        """Which tasks (or classes) of ``split`` have rows enough for ``sizes``."""
        rows = self.rows(split)
        if self.roles.task is not None:
            return rows.fits(sizes).tolist()
        return (rows.counts.sum(1) >= sizes.shots + sizes.queries).tolist()


def _each(rows: TaskRows) -> str:
    return " of each class" if rows.counts.shape[1] > 1 else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _first(counts: dict[str, int]) -> str:
    """The first names with their numbers of rows."""
    listing = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:3])
    return listing + (", ..." if len(counts) > 3 else "")


def names_in_order(names: Sequence[str]) -> list[str]:
    """The different names, sorted: numbers by their size, before texts.

    >>> names_in_order(["10", "b", "9", "a", "9"])
    ['9', '10', 'a', 'b']
    """
    return sorted(set(names), key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))
