"""Tables as text (CSV and its kin): the encoding, the delimiter and decimal commas are read from the file itself."""

import csv
import io
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

from ..errors import DataError

_DELIMITERS = ",;\t|"
_MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "?")
_SAMPLE = 100  # rows that decide the delimiter
# 3,5 and 1.234,5 and -0,1e-3: digits, perhaps dots every three digits, and one comma.
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)?(,\d+)?([eE][+-]?\d+)?")


def decode_text(content: bytes) -> str:
    """The text of a file: UTF-8 with or without a byte-order mark, UTF-16 with one, and otherwise Windows Latin-1.

    >>> decode_text("né".encode("utf-8-sig")), decode_text("né".encode("latin-1"))
    ('né', 'né')
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def read_delimited(text: str, name: str, where: str, *, strings: Sequence[str] = (), delimiter: str = "") -> Any:
    """The rows of ``text`` as a ``pandas.DataFrame``. The first line names the columns. ``name`` is that of the file.

    The delimiter is a comma, semicolon, tab or bar: the one that divides the first rows alike. Numbers may have decimal
    commas if the delimiter is another one. Row names without a heading, as pandas and R write them, are left out.
    Columns of ``strings`` stay text as it stands. Raises ``DataError`` for a row that is longer or shorter than the first
    line, and for columns of one name.
    """
    import pandas

    delimiter = delimiter or find_delimiter(text)
    names, has_row_names, trailing = _check_rows(text, delimiter, name, where)
    heads = ["", *names] if has_row_names else names
    frame = pandas.read_csv(
        io.StringIO(text),
        sep=delimiter,
        header=None,
        names=list(range(len(heads) + trailing)),
        skiprows=_header_lines(text, delimiter),
        index_col=False,
        skipinitialspace=delimiter != "\t",
        keep_default_na=False,
        na_values={i: [""] if head in strings else list(_MISSING) for i, head in enumerate(heads)},
        dtype={i: str for i, head in enumerate(heads) if head in strings},
        low_memory=False,
    )
    frame = frame.iloc[:, [i for i, head in enumerate(heads) if i > 0 or head]]
    frame.columns = [head for i, head in enumerate(heads) if i > 0 or head]
    if delimiter != ",":
        for column in frame.columns.difference(list(strings), sort=False):
            frame[column] = read_decimal_commas(frame[column])
    return frame


def find_delimiter(text: str) -> str:
    """The delimiter of a table: the one that divides the first rows into equal numbers of fields. A comma if none does.

    >>> find_delimiter("a;b\\n1,5;2,5\\n"), find_delimiter("text\\tlabel\\nwell, yes\\t1\\n")
    (';', '\\t')
    """
    ranks = []
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in islice(csv.reader(io.StringIO(text), delimiter=delimiter), _SAMPLE) if row]
        except csv.Error:
            continue
        fields = len(rows[0]) if rows else 0
        if fields > 1:
            agreeing = sum(abs(len(row) - fields) <= (0 if i else 1) for i, row in enumerate(rows[1:])) + 1
            ranks.append((agreeing / len(rows), fields, delimiter))
    return max(ranks, key=lambda rank: rank[:2])[2] if ranks else ","


def read_decimal_commas(column: Any) -> Any:
    """``column`` as floats if it is text and every value is a number with a decimal comma; otherwise ``column`` itself."""
    import pandas

    if pandas.api.types.is_numeric_dtype(column) or pandas.api.types.is_bool_dtype(column):
        return column
    values = column.dropna().astype(str).str.strip()
    if not values.str.contains(",").any() or not values.map(lambda value: _is_decimal_comma(value)).all():
        return column
    plain = values.str.replace(".", "", regex=False).str.replace(",", ".", regex=False).astype(float)
    return plain.reindex(column.index)


def _is_decimal_comma(value: str) -> bool:
    return any(character.isdigit() for character in value) and _DECIMAL_COMMA.fullmatch(value) is not None


def _header_lines(text: str, delimiter: str) -> int:
    """The number of lines up to and including the names of the columns, which may contain line breaks."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    next(row for row in reader if row)
    return reader.line_num


def _check_rows(text: str, delimiter: str, name: str, where: str) -> tuple[list[str], bool, int]:
    """The names of the columns, whether each row starts with a name that has no heading, and the empty fields after it."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=delimiter != "\t")
    names: list[str] = []
    has_row_names, trailing, rows = False, 0, 0
    try:
        for row in reader:
            if not row:
                continue
            if not names:
                names = [head.strip() for head in row]
                while len(names) > 1 and not names[-1]:  # a delimiter at the end of every line
                    names.pop()
                continue
            if rows == 0:  # the first row tells how rows relate to the first line
                has_row_names = len(row) == len(names) + 1 and bool(row[-1])
                trailing = 0 if has_row_names else sum(1 for field in row[len(names) :] if not field)
            rows += 1
            fields = len(names) + has_row_names
            if len(row) != fields + trailing and len(row) != fields:
                raise DataError(
                    f"{where}: {name} must have {fields} fields in every row, line {reader.line_num} has {len(row)} "
                    f"(divided at {delimiter!r}). Mend that line, or put quotes around text that has the delimiter in it."
                )
    except csv.Error as error:
        raise DataError(
            f"{where}: {name} cannot be divided into fields at line {reader.line_num} ({error}). Look for a quote that is "
            "never closed."
        ) from error
    if not rows:
        raise DataError(f"{where}: {name} must have rows below the names of its columns, it has none. Add some.")
    _check_names(names, name, where)
    return names, has_row_names, trailing


def _check_names(names: Sequence[str], name: str, where: str) -> None:
    for place, head in enumerate(names):
        if not head and place > 0:
            raise DataError(f"{where}: column {place + 1} of {name} must have a name in the first line. Give it one.")
        if head in names[:place]:
            raise DataError(f"{where}: two columns of {name} have the name {head}. Rename one of them.")
