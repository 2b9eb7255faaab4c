"""A folder of tables with the same columns, each of them one task."""

from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from .table_files import is_table, read_table

FILE = "file"
"""the column that names the task of a row: the name of its file, without the ending"""


def read_folder(folder: Path, task: str | None, where: str) -> tuple[Any, str]:
    """The rows of all tables in ``folder``, and the name of the column with the task of each row: ``file``.

    Files that are no tables are ignored. If ``task`` is given, that column says the task, and files are only parts.

    Raises ``DataError`` if the folder has no table, if a table lacks a column of the first one or has another, or if two
    files have one name.
    """
    import pandas

    files = sorted(file for file in folder.iterdir() if is_table(file) and not file.name.startswith("."))
    if not files:
        raise DataError(f"{where}: {folder} must have tables (.csv, .parquet, ...), it has none. Name another folder.")
    frames: list[Any] = []
    names: set[str] = set()
    for file in files:
        frame = read_table(file, where, strings=[] if task is None else [task])
        if frames:
            _check_same_columns(list(frames[0].columns), list(frame.columns), files[0], file, where)
        if file.stem in names and task is None:
            raise DataError(f"{where}: two tables in {folder} have the name {file.stem}. Rename one of them.")
        names.add(file.stem)
        frames.append(frame)
    if task is None and FILE in frames[0].columns:
        raise ConfigError(
            f"{where}: the tables in {folder} have a column {FILE}, which is the name of the task of a row. Rename it, or "
            "name the column of the tasks with --task."
        )
    rows = pandas.concat(frames, ignore_index=True)
    if task is not None:
        return rows, task
    rows[FILE] = [file.stem for file, frame in zip(files, frames, strict=True) for _ in range(len(frame))]
    return rows, FILE


def _check_same_columns(first: list[str], other: list[str], first_file: Path, file: Path, where: str) -> None:
    missing = [name for name in first if name not in other]
    extra = [name for name in other if name not in first]
    if missing or extra:
        fault = f"{file.name} has no column {missing[0]}" if missing else f"{file.name} has one more, {extra[0]}"
        raise DataError(
            f"{where}: all tables in {file.parent} must have the columns of {first_file.name}, {fault}. Mend it, or move "
            "it elsewhere."
        )
