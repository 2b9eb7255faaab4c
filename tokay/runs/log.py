"""The log of a training: one JSON object per line, which a kill may cut short."""

import json
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import append_line, finite_json, write_atomically
from .file_names import LOG


def append_to_log(run: Path, line: dict[str, Any]) -> None:
    """Add a line to the log in the folder ``run``. NaN and infinity become null. Raises ``DataError`` on a full disk."""
    append_line(run / LOG, json.dumps(finite_json(line), allow_nan=False))


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of the log. The last one is left out if it is not whole: a training may be writing it.

    Raises ``DataError`` if a whole line is not JSON.
    """
    log = run / LOG
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    try:
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError as error:
        raise DataError(f"{log}: must be one JSON object per line, and is not ({error}). Train again.") from error


def cut_log(run: Path, step: int) -> None:
    """Remove the lines after ``step``, which a resumed run writes again, and a last line that a kill left unfinished."""
    log = run / LOG
    if not log.exists():
        return
    lines = []
    for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["step"] <= step and line.endswith("\n"):
                lines.append(line)
        except ValueError:  # half a line, the last one before the kill
            break
    write_atomically(log, "".join(lines).encode())
