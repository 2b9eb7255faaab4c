"""Lines of text as lists of fields, for files whose first line need not name the columns, and with ``::`` between fields."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError
from .delimited_text import decode_text, find_delimiter

BREAK = "\x1f"
"""stands for ``::``, because a delimiter is one character"""


def read_text(path: Path, where: str) -> str:
    """The text of a file. Raises ``DataError`` if it is missing, a folder, empty or no text."""
    if path.is_dir():
        raise DataError(f"{where}: {path} must be a file, it is a folder. Name the file in it.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{where}: {path} cannot be read ({error.strerror}). Check the path.") from error
    if not content.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" in content[:4096]:
        raise DataError(f"{where}: {path} must be text, it is none. Unpack it, or save it as CSV.")
    text = decode_text(content)
    if not text.strip():
        raise DataError(f"{where}: {path} must have rows, it is empty. Name another file.")
    return text


def find_fields(text: str) -> tuple[str, list[str]]:
    """The delimiter of a text, which may be ``::``, and the fields of its first line."""
    first = next(line for line in text.splitlines() if line.strip())
    sample = text[:50_000].rpartition("\n")[0] or text
    delimiter = "::" if "::" in first else find_delimiter(sample)
    return delimiter, next(row for _, row in _reader(first, delimiter))


def split_lines(text: str, name: str, where: str, *, delimiter: str, fields: int) -> list[list[str]]:
    """The lines of a text as lists of ``fields`` fields. ``name`` is that of the file.

    Empty lines are left out. Raises ``DataError`` for a line with more or fewer fields.
    """
    rows = []
    for number, row in _reader(text, delimiter):
        if len(row) != fields:
            raise DataError(
                f"{where}: {name} must have {fields} fields in every line (divided at {delimiter!r}), line {number} has "
                f"{len(row)}. Mend or remove it."
            )
        rows.append(row)
    return rows


def normal_name(name: str) -> str:
    """A name of a column without capitals, spaces and marks.

    >>> normal_name("User-ID")
    'userid'
    """
    return "".join(character for character in name.lower() if character.isalnum())


def is_number(text: str) -> bool:
    """Whether a text is a number.

    >>> is_number("4.5"), is_number("rating")
    (True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


def _reader(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of each line that is not empty."""
    has_quotes = delimiter != "::"
    single = delimiter if has_quotes else BREAK
    lines = io.StringIO(text if has_quotes else text.replace("::", BREAK))
    reader = csv.reader(lines, delimiter=single, quoting=csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE)
    for row in reader:
        if row and (len(row) > 1 or row[0].strip()):
            yield reader.line_num, [field.strip() for field in row]
