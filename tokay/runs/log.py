"""The log of a training: one JSON object per line, which a kill may cut short.

A damaged line is never removed: ``read_log`` refuses it by its number, and a resumed training keeps it and names it.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from ..core.objectives import MAIN_MEASURES, main_measure
from ..errors import DataError
from ..files import append_line, finite_json, write_atomically
from .file_names import LOG

_SENTENCES = 3
"""number of damaged lines that are named"""


class LogLine(NamedTuple):
    """A whole line of a log: its number from 1, its bytes, and its content, or what is wrong with it."""

    number: int
    raw: bytes
    content: dict[str, Any] | None
    damage: str


def append_to_log(run: Path, line: dict[str, Any]) -> None:
    """Add a line to the log in the folder ``run``. NaN and infinity become null. Raises ``DataError`` on a full disk."""
    _check_is_own_file(run)
    append_line(run / LOG, json.dumps(finite_json(line), allow_nan=False))


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of the log. The last one is left out if it is not whole: a training may be writing it.

    Raises ``DataError`` with the number of the first line that is damaged, or that lacks a measure of the first line.
    """
    contents: list[dict[str, Any]] = []
    for line in _read_lines(run / LOG)[0]:
        missing = "" if line.content is None else _missing_measure((contents or [line.content])[0], line.content)
        if line.content is None or missing:
            sentence = _describe(run, line._replace(damage=line.damage or f"lacks {missing}"))
            raise DataError(f"{sentence}. Remove the line, or take the file from a backup.")
        contents.append(line.content)
    return contents


def describe_damage(run: Path) -> list[str]:
    """A sentence for each of the first damaged lines of the log, and one for the others together."""
    sentences = [_describe(run, line) for line in _read_lines(run / LOG)[0] if line.content is None]
    more = len(sentences) - _SENTENCES
    rest = [f"{run / LOG}: each of {more} more lines must be one JSON object of a step, and is not"] if more > 0 else []
    return sentences[:_SENTENCES] + rest


def cut_log(run: Path, step: int) -> None:
    """Remove the lines after ``step``, which a resumed run writes again, and a last line that a kill left unfinished.

    Damaged lines stay. The file is not written if there is nothing to remove.
    """
    _check_is_own_file(run)
    lines, rest = _read_lines(run / LOG)
    remaining = [line for line in lines if line.content is None or line.content["step"] <= step]
    if rest or len(remaining) < len(lines):
        write_atomically(run / LOG, b"".join(line.raw for line in remaining))


def _check_is_own_file(run: Path) -> None:
    """Raise ``DataError`` if the log is a link to another file of the run, which would get its lines."""
    log = run / LOG
    if log.is_symlink() and Path(os.path.realpath(log)).parent == Path(os.path.realpath(run)):
        raise DataError(f"{log}: must be a file of its own, and is a link to {log.readlink().name}. Remove the link.")


def _read_lines(log: Path) -> tuple[list[LogLine], bytes]:
    """The whole lines of a log, and what follows the last one."""
    if not log.is_file():  # nothing, or a device or pipe, which may have no end
        return [], b""
    try:
        *lines, rest = log.read_bytes().split(b"\n")
    except OSError as error:
        raise DataError(f"{log}: cannot be read ({error.strerror}). Make it readable, or remove it.") from error
    return [_parse(number, raw + b"\n") for number, raw in enumerate(lines, start=1)], rest


def _parse(number: int, raw: bytes) -> LogLine:
    try:
        content = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return LogLine(number, raw, None, "is not")
    damage = _damage_of(content)
    return LogLine(number, raw, None if damage else content, damage)


def _damage_of(content: Any) -> str:
    """What is wrong with the content of a line. Empty for a line that a training writes."""
    if not isinstance(content, dict):
        return f"is {type(content).__name__}"
    step = content.get("step")
    if type(step) is not int or not 0 < step < 2**63:
        return "has no step" if step is None else "has a step that is no number of a step"
    for name, value in content.items():
        scores = value.values() if name == "validation" and isinstance(value, dict) else ()
        is_good = all(map(_is_score, scores))
        if not (is_good if scores else _is_number(value)):
            return f"has a value of {name[:40]!r} that is no number"
    return "" if any(name in content for name in MAIN_MEASURES) else f"has none of {', '.join(MAIN_MEASURES)}"


def _missing_measure(first: dict[str, Any], content: dict[str, Any]) -> str:
    """The measure that a line of a log, or its validation, lacks: ``first`` is its first line. Empty if none."""
    measure = main_measure(first)
    names = [measure] if measure == "mse" else ["loss", measure]
    names += [name for name in ("log_likelihood",) if name in first]
    for part, values in (("", content), ("validation.", content.get("validation", content))):
        missing = next((name for name in names if name not in values), None)
        if missing is not None:
            return part + missing
    return ""


def _is_score(value: Any) -> bool:
    """Whether JSON holds the mean and the interval of a validation."""
    return isinstance(value, dict) and value.keys() >= {"mean", "ci95"} and all(map(_is_number, value.values()))


def _is_number(value: Any) -> bool:
    """Whether JSON holds a number, or null for one that was not finite."""
    return value is None or type(value) is float or (type(value) is int and abs(value) < 2**63)


def _describe(run: Path, line: LogLine) -> str:
    return f"{run / LOG}: line {line.number} must be one JSON object of a step, and {line.damage}"
