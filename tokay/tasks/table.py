"""A table of the user (CSV, JSON lines, Parquet): a column says which task a row belongs to, another one is the target."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from ..core.task import Sizes, Split, TaskSource
from ..errors import ConfigError, DataError
from .class_pool import Episodes
from .source import Source
from .splits import check_split
from .table_columns import as_names
from .table_contents import TableContents, names_in_order
from .table_data import ColumnRoles, KindSetting, decide_kind, make_table
from .table_division import Division, check_shares, divide, divide_by_column, keep_names
from .table_files import check_tables_extra, read_table
from .table_folder import read_folder
from .table_rows import TaskDraws, TaskList

_WHERE = "table"


@dataclass(frozen=True, kw_only=True)
class Table(Source, name="table"):
    """Regression or classification of the rows of a table, with few rows of each task to learn from.

    ``task`` names the column that says which task a row belongs to: a patient, a shop. Support and query rows of a task
    are different rows of it. Validation and test tasks come once each, so a patient counts once in a score. Without
    ``task``, the classes of the target are divided, and tasks are drawn from them as from folders of pictures.

    Tasks (or classes), never rows, are divided between training, validation and test. The division depends only on
    ``split_seed`` and their names, unless the column ``split`` says it.

    Numbers are scaled, missing numbers become the median (with an input that says so), and text becomes one input per
    value plus one for values that no training row has. All figures come from the training tasks. Targets of regression
    are scaled, too; scores are also in units of the target column. See `tokay.tasks.table_columns`.

    ``file`` becomes an absolute path. Inputs are float32 ``[tasks, n, inputs]``.
    """

    summary: ClassVar[str] = "your own table (CSV, Parquet, JSON lines): rows of patients, shops, ... as tasks"
    network = "mlp"
    named_tasks: ClassVar[bool] = True
    _run_division: ClassVar[Division | None] = None  # set by keep_classes
    _has_new_tasks: ClassVar[bool] = False

    file: str
    """table: .csv, .tsv, .jsonl or .parquet; or a folder of tables with the same columns, each of them one task"""
    target: str
    """column to predict"""
    task: str | None = None
    """column that says which task a row belongs to (default: the classes of the target are divided)"""
    columns: tuple[str, ...] = ()
    """columns to predict from (default: all others)"""
    without: tuple[str, ...] = ()
    """columns to leave out of the features"""
    categories: tuple[str, ...] = ()
    """columns of numbers that are categories, such as codes"""
    kind: KindSetting = "auto"  # type: ignore[misc,assignment]  # a setting here; resolve decides it
    """classification or regression (auto: text, true/false and two values are classes, other numbers regression)"""
    order_by: str | None = None
    """column to sort the rows of a task by: its first rows are the support set, later ones queries (default: random)"""
    test_rows: Literal["all", "drawn"] = "all"
    """queries of a test task: all rows beside the support set (all), or --queries of them (drawn)"""
    split: str | None = None
    """column that says train, validation or test (default: divided by the fractions and the seed)"""
    validation: float | None = None
    """fraction of the tasks (or classes) held out for validation (default: 0.16)"""
    test: float | None = None
    """fraction of the tasks (or classes) held out for testing (default: 0.2)"""
    split_seed: int | None = None
    """seed of the division into training, validation and test (default: 0)"""
    skip_small: int = 0
    """leave out tasks (or classes) with fewer rows than this"""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test, _WHERE)
        if self.skip_small < 0:
            raise ConfigError(f"{_WHERE}: skip_small must not be negative, got {self.skip_small}.")
        extra = [name for name in ("validation", "test", "split_seed") if getattr(self, name) is not None]
        if self.split is not None and extra:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in extra)
            raise ConfigError(f"{_WHERE}: --split {self.split} divides the tasks already. Leave out {flags}.")
        object.__setattr__(self, "file", str(Path(self.file).expanduser().absolute()))  # for other working directories

    def resolve(self) -> Self:
        """The same table with its kind decided, and with the usual ways of its tasks.

        Raises ``DataError`` if the file cannot be used, ``ConfigError`` for a column that is not there.
        """
        contents = self._contents()
        source = self._copy(kind=contents.kind)
        if contents.kind == "classification" and contents.roles.task is not None:
            object.__setattr__(source, "test_sizes", Sizes(ways=len(set(contents.table.labels))))
        return source

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Tasks of ``split``: drawn for training, each once for validation and test; or episodes of classes.

        Tasks (or classes) with too few rows for ``sizes`` are left out. Raises ``DataError`` if the file or a column cannot
        be used, ``ConfigError`` if the split has no task, and ``TaskError`` if no task has rows enough for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        contents = self._contents()
        if not contents.division[split]:
            raise ConfigError(f"{_WHERE}: {self._explain_empty(split, contents)}")
        if contents.roles.task is None:
            return Episodes(contents.pool(split, sizes), sizes, where)
        if split == "train":
            return TaskDraws(contents.rows(split), sizes, where)
        all_rows = self.test_rows == "all"
        return TaskList(contents.rows(split), sizes, where, all_rows=all_rows, seed=self.split_seed or 0)

    def has_split(self, split: Split) -> bool:
        """Whether ``split`` has a task (or class)."""
        return bool(self._contents().division[split])

    def keep_classes(self, classes: Mapping[Split, Sequence[str]], *, add_new: bool = False) -> Self:
        """The same table with the division of a run. ``add_new`` adds tasks that it does not have to the test tasks."""
        source = self._copy()
        object.__setattr__(source, "_run_division", classes)
        object.__setattr__(source, "_has_new_tasks", add_new)
        return source

    @property
    def noun(self) -> str:
        """``task`` if a column or the files of a folder name the tasks, otherwise ``class``."""
        return "class" if self._contents().roles.task is None else "task"

    def describe_classes(self) -> str:
        """The size of each split, the kind of task, and what is left out."""
        return self._contents().describe()

    def describe_omissions(self, split: Split, sizes: Sizes) -> str:
        """The tasks of ``split`` that have too few rows for ``sizes``."""
        return self._contents().describe_omissions(split, sizes)

    def contents(self) -> TableContents:
        """The rows, the encoding of the features and the scale of the target, as `tokay.tasks.table_contents`."""
        return self._contents()

    def _copy(self, **changes: Any) -> Self:
        source = replace(self, **changes)
        for name in ("_run_division", "_has_new_tasks", "test_sizes"):
            if name in vars(self):
                object.__setattr__(source, name, vars(self)[name])
        return source

    def _contents(self) -> TableContents:
        check_tables_extra(_WHERE)
        division = None
        if self._run_division is not None:
            division = tuple((split, tuple(names)) for split, names in self._run_division.items())
        return _make_contents(replace(self), division, self._has_new_tasks, _stamp(Path(self.file)))

    def _explain_empty(self, split: Split, contents: TableContents) -> str:
        """Why a split has no task, and what to do."""
        kind = "training" if split == "train" else split
        if self._run_division is not None and not self._run_division.get(split):
            reason, advice = "the run keeps none", "Train a new run with some"
        elif self._run_division is not None:
            reason, advice = f"{self.file} has none of those that the run has", "Put the rows back"
        elif self.split is not None:
            reason, advice = f"column {self.split} says so of no row", "Change it"
        else:
            reason, advice = f"{split} is 0", "Raise it"
        return f"there are no {kind} {contents.unit}, because {reason}. {advice}."


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of the files at ``path``: they change when the table does."""
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)


# A few entries: training and an evaluation on another table. Each may have hundreds of megabytes.
@functools.lru_cache(maxsize=4)
def _make_contents(
    source: Table, run_division: tuple[tuple[Split, tuple[str, ...]], ...] | None, add_new: bool, stamp: object
) -> TableContents:
    """The contents of the table of ``source``. ``stamp`` tells apart the states of a file that changes."""
    path = Path(source.file)
    strings = [name for name in (source.task, source.split) if name is not None]
    frame, task = (
        read_folder(path, source.task, _WHERE)
        if path.is_dir()
        else (read_table(path, _WHERE, strings=strings), source.task)
    )
    roles = ColumnRoles(
        target=source.target,
        task=task,
        order=source.order_by,
        split=source.split,
        features=source.columns,
        without=source.without,
        categories=source.categories,
    )
    roles.check(frame, str(path), _WHERE)
    if roles.order is not None and roles.task is None:
        raise ConfigError(
            f"{_WHERE}: --order-by sorts the rows of a task, so it needs --task. Name that column, or leave it out."
        )
    kind = decide_kind(frame[roles.target], source.kind, has_task=task is not None, target=roles.target, where=_WHERE)
    table = make_table(frame, roles, kind, _WHERE)
    counts = Counter(table.names)
    small = {name: counts[name] for name in names_in_order(table.names) if counts[name] < source.skip_small}
    names = [name for name in names_in_order(table.names) if name not in small]
    what = "classes" if task is None else "tasks"
    if not names:
        raise DataError(
            f"{_WHERE}: --skip-small {source.skip_small} leaves out all {len(counts)} {what}, the largest has "
            f"{max(counts.values())} rows. Lower it."
        )
    division = _division(source, table.frame, table.names, names, run_division, add_new, what)
    return TableContents(table, roles, kind, division, small, str(path), _WHERE)


def _division(
    source: Table,
    frame: Any,
    row_names: Sequence[str],
    names: Sequence[str],
    run_division: tuple[tuple[Split, tuple[str, ...]], ...] | None,
    add_new: bool,
    what: str,
) -> Division:
    """The names of each split: those of the run, of the split column, or by fractions."""
    if run_division is not None:
        return keep_names(names, dict(run_division), add_new=add_new)
    if source.split is not None:
        words = as_names(frame[source.split])
        division = divide_by_column(row_names, words, source.split, what=what, where=_WHERE)
        present = set(names)
        return {split: [name for name in names_in_order(group) if name in present] for split, group in division.items()}
    shares = check_shares(source.validation, source.test, _WHERE)
    return divide(names, shares, source.split_seed or 0, what=what, where=_WHERE)
