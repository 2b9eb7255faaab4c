"""Rows of tables as inputs, encoded with the figures of a run: its means, medians and categories, never those of new rows."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..core.task import Kind
from ..errors import DataError
from ..runs.typed_json import read_dataclass, read_value
from ..tasks.table_columns import CategoryColumn, Column, Encoding, NumberColumn, as_names, as_numbers
from ..tasks.table_files import check_columns, is_table, read_table
from .file_rows import LabelledRows, Place, QueryRows, read_each

_WHERE = "table"
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_MISSING = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "?")  # in tables.md


@dataclass(frozen=True, kw_only=True)
class TableReader:
    """Reads tables with the columns of a run. Inputs are float32 ``[n, inputs]``.

    A support file has the target column, too. Real targets are scaled as in training; ``in_units`` scales back.
    """

    kind: ClassVar[str] = "table"

    columns: tuple[Column, ...]
    target: str
    task_kind: Kind
    mean: float = 0.0
    std: float = 1.0

    def read_support(self, path: Path) -> LabelledRows:
        """The rows of the file ``path`` with their targets.

        Raises ``DataError`` for a file that cannot be read or a row without target, and ``ConfigError`` for a missing
        column.
        """
        frame = read_table(path, _WHERE, strings=self._texts())
        check_columns(frame, [self.target], path, _WHERE)
        if self.task_kind == "classification":
            labels = as_names(frame[self.target])
            _refuse_missing([not label for label in labels], self.target, path)
            return LabelledRows(self._encode(frame, path), np.array(labels))
        where = f"{_WHERE}: {path}"
        numbers = as_numbers(frame[self.target], self.target, where, remedy="remove these rows").to_numpy("float64")
        _refuse_missing(np.isnan(numbers).tolist(), self.target, path)
        return LabelledRows(self._encode(frame, path), (numbers - self.mean) / self.std)

    def read_queries(self, paths: Sequence[str | Path]) -> QueryRows:
        """The rows of the files ``paths``, and of all tables in a folder. They need no target column."""

        def read(file: Path) -> tuple[list[Place], Tensor]:
            frame = read_table(file, _WHERE, strings=self._texts())
            inputs = self._encode(frame, file)
            return [Place(str(file), row) for row in range(1, len(inputs) + 1)], inputs

        return read_each(paths, list_tables, read)

    def as_json(self) -> dict[str, Any]:
        """The settings, with the figures of each column."""
        columns = [{"type": _TYPES[type(column)], **asdict(column)} for column in self.columns]
        return {"kind": self.kind, **asdict(self), "columns": columns}

    @classmethod
    def from_json(cls, data: dict[str, Any], where: str) -> Self:
        """The reader that ``as_json`` describes. Raises ``DataError`` for anything else; ``where`` names the file."""
        columns = []
        for column in read_value(Any, data["columns"], "reader.columns", where):
            settings = {key: value for key, value in column.items() if key != "type"}
            columns.append(read_dataclass(_CLASSES[column["type"]], settings, "reader.columns", where))
        settings = {key: value for key, value in data.items() if key != "kind"}
        return read_dataclass(cls, {**settings, "columns": tuple(columns)}, "reader", where)

    def in_units(self, values: NDArray[Any]) -> NDArray[Any]:
        """``values`` in units of the target column."""
        return np.asarray(values.astype(np.float64) * self.std + self.mean)

    def _encode(self, frame: Any, file: Path) -> Tensor:
        check_columns(frame, [column.name for column in self.columns], file, _WHERE)
        for column in self.columns:
            if isinstance(column, NumberColumn):  # in words that fit here: there are no flags
                as_numbers(frame[column.name], column.name, f"{_WHERE}: {file}", remedy="leave them empty")
        texts = self._texts()
        if texts:  # `strings` keeps the marks of missing values as texts
            frame = frame.assign(**{name: frame[name].where(~frame[name].isin(_MISSING)) for name in texts})
        return Encoding(self.columns, ()).encode(frame, f"{_WHERE}: {file}")

    def _texts(self) -> list[str]:
        """The columns of categories that held text in training.

        They are read as they stand: where all new values look like numbers, 1.50 must not become 1.5.
        """
        columns = [column for column in self.columns if isinstance(column, CategoryColumn)]
        return [c.name for c in columns if not all(_NUMBER.fullmatch(n) for n in c.categories if n != "missing")]


_CLASSES: dict[str, type[Column]] = {"number": NumberColumn, "category": CategoryColumn}
_TYPES = {kind: name for name, kind in _CLASSES.items()}


def list_tables(path: Path) -> list[Path]:
    """The file ``path``, or the tables in the folder ``path``. Raises ``DataError`` for a folder without tables."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if is_table(file) and not file.name.startswith("."))
    if not files:
        raise DataError(f"{_WHERE}: {path} must have tables (.csv, .jsonl, .parquet), it has none. Add some.")
    return files


def _refuse_missing(is_missing: list[bool], column: str, path: Path) -> None:
    if any(is_missing):
        row = is_missing.index(True) + 1
        raise DataError(
            f"{_WHERE}: row {row} of {path} has no value in the column {column}. Fill it, or remove the row."
        )
