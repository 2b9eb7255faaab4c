"""Tables in files: CSV, JSON lines and Parquet become a ``pandas.DataFrame``. For sources that read tables, texts or ratings."""

import difflib
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from .delimited_text import decode_text, read_delimited

_DELIMITED = (".csv", ".tsv", ".tab", ".txt", ".data", ".psv")
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_PARQUET = (".parquet", ".pq")
_ADVICE = {".xlsx": "Save it as CSV.", ".xls": "Save it as CSV.", ".ods": "Save it as CSV.", ".gz": "Unpack it."}


def read_table(path: str | Path, where: str, *, strings: Sequence[str] = ()) -> Any:
    """The rows of a file as a ``pandas.DataFrame`` with row numbers 0, 1, ... as its index, and names of columns as text.

    - ``.csv .tsv .tab .txt .data .psv``: the first line names the columns. See
      `tokay.tasks.delimited_text.read_delimited`.
    - ``.jsonl .ndjson .json``: one JSON object per line, or one list of them.
    - ``.parquet .pq``: an index with a name becomes a column, an index without one is left out.

    Columns of ``strings`` stay text as it stands: 007 is not 7, and NA is not a missing value.

    Every error starts with ``where``. Raises ``DataError`` if the file is missing, empty, damaged, a folder or of another
    kind, or has two columns of one name, and ``ConfigError`` if pandas (or pyarrow) is not installed.
    """
    path = Path(path).expanduser()
    check_tables_extra(where)
    suffix = path.suffix.lower()
    if path.is_dir():
        raise DataError(f"{where}: {path} must be a file, it is a folder. Name the file in it.")
    content = _content(path, where)
    if suffix not in (*_DELIMITED, *_JSON_LINES, *_PARQUET):
        advice = _ADVICE.get(suffix, "Rename or convert it.")
        raise DataError(f"{where}: {path} must end in .csv, .tsv, .txt, .jsonl or .parquet, got {suffix!r}. {advice}")
    if suffix in _PARQUET:
        frame = _read_parquet(path, where)
    elif suffix in _JSON_LINES:
        frame = _read_json_lines(_as_plain_text(content, path, where), str(path), where, strings)
    else:
        delimiter = "\t" if suffix in (".tsv", ".tab") else ""
        frame = read_delimited(
            _as_plain_text(content, path, where), str(path), where, strings=strings, delimiter=delimiter
        )
    _check_frame(frame, path, where)
    return frame


def is_table(path: Path) -> bool:
    """Whether the ending of a file is that of a table."""
    return path.suffix.lower() in (*_DELIMITED, *_JSON_LINES, *_PARQUET)


def check_tables_extra(where: str) -> None:
    """Raises ``ConfigError`` if the packages that read tables are not installed."""
    missing = [name for name in ("pandas", "pyarrow") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{where}: reading tables needs {' and '.join(missing)}, not installed here. Run pip install 'tokay[tables]'."
        )


def check_columns(frame: Any, names: Sequence[str], path: str | Path, where: str) -> None:
    """Raises ``ConfigError`` for the first of ``names`` that is no column of ``frame``, with the nearest column that is."""
    columns = [str(name) for name in frame.columns]
    for name in names:
        if name in columns:
            continue
        folded = {column.lower(): column for column in columns}
        nearest = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
        listing = ", ".join(columns[:12]) + (f", ... ({len(columns)} in all)" if len(columns) > 12 else "")
        guess = f"Did you mean {folded[nearest[0]]}? " if nearest else ""
        raise ConfigError(f"{where}: {path} has no column {name}. {guess}It has {listing}.")


def _content(path: Path, where: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{where}: {path} cannot be read ({error.strerror}). Check the path.") from error
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError(f"{where}: {path} must hold a table, it is empty. Name another file.")
    return content


def _as_plain_text(content: bytes, path: Path, where: str) -> str:
    text = decode_text(content)
    if "\0" in text:
        raise DataError(f"{where}: {path} must be text, it holds zero bytes. Save it as CSV in UTF-8.")
    return text


def _read_parquet(path: Path, where: str) -> Any:
    import pandas

    try:
        frame = pandas.read_parquet(path)
    except Exception as error:  # pyarrow raises errors of its own for each kind of damage
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{where}: {path} cannot be read as Parquet ({reason}). Write it again.") from error
    names = [name for name in frame.index.names if name is not None and name not in frame.columns]
    frame = frame.reset_index(level=names) if names else frame
    return frame.reset_index(drop=True).rename(columns=str)


def _read_json_lines(text: str, name: str, where: str, strings: Sequence[str]) -> Any:
    import pandas

    if text.lstrip().startswith("["):
        rows = _parse(text, f"{name} cannot be read as JSON", where)
        numbered = list(enumerate(rows, 1))
        unit = "entry"
    else:
        lines = text.rstrip().split("\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                raise DataError(f"{where}: line {number} of {name} is empty. Remove it.")
        numbered = [(i, _parse(line, f"line {i} of {name} is no JSON", where)) for i, line in enumerate(lines, 1)]
        unit = "line"
    for number, row in numbered:
        if not isinstance(row, dict):
            raise DataError(
                f"{where}: {unit} {number} of {name} must be an object {{...}} with a value for each column, got "
                f"{type(row).__name__}. Mend it."
            )
    frame = pandas.DataFrame([row for _, row in numbered])
    for column in frame.columns.intersection(list(strings)):
        frame[column] = frame[column].map(lambda value: value if isinstance(value, str) else _as_text(value))
    return frame


def _as_text(value: Any) -> Any:
    """A JSON value as text; a missing one stays missing."""
    return value if value is None or value != value else json.dumps(value, ensure_ascii=False)


def _parse(text: str, fault: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: {fault} ({error}). Mend or remove it.") from error


def _check_frame(frame: Any, path: Path, where: str) -> None:
    """Raises ``DataError`` if the table has no row or no column, or two columns of one name."""
    names = [str(name) for name in frame.columns]
    if not len(frame) or not names:
        raise DataError(f"{where}: {path} must have rows and columns, it has {len(frame)} and {len(names)}. Add some.")
    repeated = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if repeated is not None:
        raise DataError(f"{where}: two columns of {path} have the name {repeated}. Rename one of them.")
