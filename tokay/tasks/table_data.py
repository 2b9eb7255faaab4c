"""A table made ready for tasks: which columns are what, which rows stay, and what kind of task the target makes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import torch
from torch import Tensor

from ..core.task import Kind, one_hot
from ..errors import ConfigError, DataError
from .table_columns import Encoding, as_names, as_numbers, as_order, fit_encoding, is_constant, is_date, is_text
from .table_files import check_columns
from .table_rows import TaskRows

KindSetting = Literal["auto", "classification", "regression"]

_LEAK = 0.9  # a feature that correlates so much with the target is pointed out


@dataclass(frozen=True, kw_only=True)
class ColumnRoles:
    """Which column of a table is what. Features are all other columns if ``features`` is empty."""

    target: str
    task: str | None = None
    order: str | None = None
    split: str | None = None
    features: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def check(self, frame: Any, path: str, where: str) -> None:
        """Raises ``ConfigError`` for a column that is not there, or has two roles that exclude each other."""
        single = [name for name in (self.target, self.task, self.order, self.split) if name is not None]
        check_columns(frame, [*single, *self.features, *self.without, *self.categories], path, where)
        roles = {"--target": self.target, "--task": self.task, "--split": self.split}
        owners: dict[str, str] = {}
        for flag, name in roles.items():
            if name is not None and owners.setdefault(name, flag) != flag:
                raise ConfigError(
                    f"{where}: {owners[name]} and {flag} must be two columns, both are {name}. Change one."
                )
        for name in self.features:
            if name in owners:
                raise ConfigError(
                    f"{where}: a feature must be another column than {owners[name]}, got {name}. Leave it out of --columns."
                )

    def inputs(self, frame: Any, where: str) -> list[str]:
        """The columns that become inputs. An order column of dates is none of them."""
        others = {self.target, self.task, self.split}
        if self.order is not None and is_date(frame[self.order]):
            others.add(self.order)
        names = self.features or [str(name) for name in frame.columns if name not in others]
        names = [name for name in names if name not in self.without]
        if not names:
            raise ConfigError(
                f"{where}: there must be at least one feature, --without leaves out all. Leave out fewer."
            )
        return names


@dataclass(frozen=True)
class CleanTable:
    """The rows of a table that can be used, sorted by task (then class, then order)."""

    frame: Any  # the rows
    names: Sequence[str]  # the task (or class) of each row
    labels: Sequence[str]  # the class of each row; empty for regression
    order: Any  # numbers to sort by; None: no order
    losses: Mapping[str, int]  # rows left out, by the column in which they have no value


def decide_kind(values: Any, kind: KindSetting, *, has_task: bool, target: str, where: str) -> Kind:
    """The kind of task that a target column makes.

    Without a task column the classes of the target are the tasks: classification. With one, text, true/false and numbers
    with two values are classes, all other numbers are regression. ``kind`` overrides that.

    Raises ``ConfigError`` if the kind needs a task column, ``DataError`` for a target of dates.
    """
    from pandas.api import types

    if is_date(values):
        raise DataError(f"{where}: the target {target} must be numbers or classes, it holds dates. Choose another.")
    is_number = not is_text(values) and not types.is_bool_dtype(values)
    if kind == "regression" and not is_number:
        as_numbers(values, target, where, remedy="leave out --kind regression")  # raises for text; true is 1
    if kind == "regression" and not has_task:
        raise ConfigError(f"{where}: --kind regression needs --task, the column that says which task a row belongs to.")
    if kind != "auto":
        return kind
    if not has_task:
        present = values.dropna()
        if is_number and types.is_float_dtype(values) and not (present % 1 == 0).all():
            raise ConfigError(
                f"{where}: {target} holds numbers, so it must have --task, the column that says which task a row belongs "
                "to (a patient, a shop). If they are classes, say --kind classification."
            )
        return "classification"
    return "regression" if is_number and values.dropna().nunique() > 2 else "classification"


def make_table(frame: Any, roles: ColumnRoles, kind: Kind, where: str) -> CleanTable:
    """The rows with a target, a task and a split, and how they group.

    Raises ``DataError`` if no row is left, if the order has missing or other values than numbers and dates, or if the target
    has one class, or more classes than a task has rows.
    """
    losses: dict[str, int] = {}
    frame = frame.dropna(subset=[])  # a copy
    for name in (roles.target, roles.task, roles.split):
        if name is not None:
            is_missing = frame[name].isna() | (frame[name].astype(str).str.strip() == "")
            losses[name] = int(is_missing.sum())
            frame = frame[~is_missing]
    if not len(frame):
        what = " and ".join(name for name in losses if losses[name])
        raise DataError(f"{where}: no row has a value in {what}. Choose another column.")
    labels = as_names(frame[roles.target]) if kind == "classification" else []
    if labels and len(set(labels)) < 2:
        raise DataError(
            f"{where}: the target {roles.target} must have two classes or more, all rows say {labels[0]!r}. Choose another."
        )
    if kind == "regression":
        as_numbers(frame[roles.target], roles.target, where, remedy="say --kind classification")
    names = labels if roles.task is None else as_names(frame[roles.task])
    if labels and roles.task is not None:
        _check_class_count(labels, names, roles.target, where)
    order = None if roles.order is None else as_order(frame[roles.order], roles.order, where)
    return CleanTable(frame, names, labels, order, {name: count for name, count in losses.items() if count})


def _check_class_count(labels: Sequence[str], names: Sequence[str], target: str, where: str) -> None:
    """Raises ``DataError`` if no task can have a row of each class, as with numbers that are read as text."""
    count, most = len(set(labels)), max(Counter(names).values())
    if count > most:
        raise DataError(
            f"{where}: the target {target} has {count} classes, such as {labels[0][:40]!r} and {labels[-1][:40]!r}, more than "
            f"the {most} rows of the largest task. Choose another column; if it is to hold numbers, write them as 1234.5."
        )


def fit_table(table: CleanTable, roles: ColumnRoles, training: set[str], where: str) -> Encoding:
    """The encoding of the features, fitted on the rows of the tasks (or classes) ``training``."""
    rows = [name in training for name in table.names]
    features = roles.inputs(table.frame, where)
    return fit_encoding(table.frame[rows], features, where, categories=roles.categories)


def scale_of(table: CleanTable, roles: ColumnRoles, training: set[str], where: str) -> tuple[float, float]:
    """Mean and standard deviation of the target over the rows of the training tasks.

    Raises ``DataError`` if it is constant.
    """
    rows = [name in training for name in table.names]
    values = as_numbers(table.frame[rows][roles.target], roles.target, where)
    mean, std = float(values.mean()), float(values.std(ddof=0))
    if is_constant(std, values):
        raise DataError(
            f"{where}: the target {roles.target} must differ between training rows, all have {mean:g}. Choose another."
        )
    return mean, std


def near_copies(table: CleanTable, roles: ColumnRoles, training: set[str], where: str) -> list[str]:
    """The features that are numbers and follow a regression target closely, each with its correlation in words."""
    rows = [name in training for name in table.names]
    frame = table.frame[rows]
    target = as_numbers(frame[roles.target], roles.target, where)
    copies = []
    for name in roles.inputs(table.frame, where):
        if not is_text(frame[name]) and frame[name].nunique() > 1:
            correlation = float(as_numbers(frame[name], name, where).corr(target))
            if abs(correlation) >= _LEAK:
                copies.append(f"{name} (correlation {correlation:.2f})")
    return copies


def group_rows(
    table: CleanTable,
    roles: ColumnRoles,
    encoding: Encoding,
    names: Sequence[str],
    where: str,
    *,
    scale: tuple[float, float] | None,
) -> TaskRows:
    """The rows of the tasks ``names``. ``scale`` is mean and standard deviation of a regression target; None: classes."""
    task_number = {name: index for index, name in enumerate(names)}
    classes = sorted(set(table.labels))
    class_number = {name: index for index, name in enumerate(classes)}
    rows = [row for row, name in enumerate(table.names) if name in task_number]
    cells = torch.tensor(
        [
            task_number[table.names[row]] * max(1, len(classes)) + (class_number[table.labels[row]] if classes else 0)
            for row in rows
        ]
    )
    place = (
        torch.argsort(torch.tensor([table.order[row] for row in rows]), stable=True)
        if table.order is not None
        else None
    )
    by_cell = torch.argsort(cells if place is None else cells[place], stable=True)
    place = by_cell if place is None else place[by_cell]
    frame = table.frame.iloc[[rows[i] for i in place.tolist()]]
    columns = list(dict.fromkeys([*roles.inputs(frame, where), roles.target, *([roles.order] if roles.order else [])]))
    y: Tensor
    if scale is None:
        y = one_hot(cells[place] % len(classes), len(classes))
    else:
        values = as_numbers(frame[roles.target], roles.target, where).to_numpy(dtype="float64")
        y = ((torch.tensor(values) - scale[0]) / scale[1]).float()[:, None]
    counts = torch.bincount(cells, minlength=len(names) * max(1, len(classes))).reshape(len(names), -1)
    return TaskRows(
        x=encoding.encode(frame, where),
        y=y,
        counts=counts,
        names=tuple(names),
        is_ordered=table.order is not None,
        y_scale=1.0 if scale is None else scale[1],
        y_unit=roles.target,
        hash_tasks=lambda: _hashes(frame[columns], names, counts.sum(1).tolist()),
    )


def _hashes(frame: Any, names: Sequence[str], counts: Sequence[int]) -> dict[str, str]:
    """A hash of the rows of each task. They stand next to each other in ``frame``."""
    hashes, start = {}, 0
    for name, count in zip(names, counts, strict=True):
        text = frame.iloc[start : start + count].to_csv(index=False, lineterminator="\n")
        hashes[name], start = blake2b(text.encode(), digest_size=8).hexdigest(), start + count
    return hashes
