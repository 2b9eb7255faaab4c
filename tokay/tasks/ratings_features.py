"""Features of items and users: a file with a row for each, whose values become numbers of categories."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from .delimited_text import read_delimited
from .ratings_lines import BREAK, find_fields, is_number, normal_name, read_text, split_lines
from .table_columns import as_names
from .table_files import read_table

MOST_VALUES = 8
"""values of one field that count, such as genres of a film"""

_FEWEST = 2  # training items (or users) that must share a value for a category of its own
_BINS = 10  # of a column of many numbers
_FEWEST_IN_BIN = 4  # fewer bins for few items
_YEAR = re.compile(r"\((\d{4})\)\s*$")
_MOVIELENS = {  # columns of files without a first line of names
    ("item", 3): ["item", "title", "genres"],
    ("user", 5): ["user", "gender", "age", "occupation", "zip"],
}
_OTHER_READERS = (".jsonl", ".ndjson", ".json", ".parquet", ".pq")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """The columns of a file of items (or users), without that of the names."""

    names: tuple[str, ...]  # of items
    columns: Mapping[str, tuple[str, ...]]  # one text per item; empty: missing

    def rows(self) -> dict[str, tuple[str, ...]]:
        """The values of each item, by its name."""
        return dict(zip(self.names, zip(*self.columns.values(), strict=True), strict=True))


@dataclass(frozen=True)
class Field:
    """One column as categories. ``index`` has a number from 1 up for each; 0 means that nothing is known."""

    name: str
    index: Mapping[str, int]
    other: int  # the number of all values without one of their own; 0 if no training item has such a value
    edges: tuple[float, ...] = ()  # of a column of numbers: where a category ends and the next begins

    def encode(self, text: str) -> list[int]:
        """The numbers of the values of one item, at most ``MOST_VALUES``; none for a missing value.

        >>> Field("genres", {"Comedy": 1, "Drama": 2}, 3).encode("Drama|Western")
        [2, 3]
        """
        values = _values(text, self.edges)
        return [number for value in values if (number := self.index.get(value, self.other))][:MOST_VALUES]


def read_features(path: Path, entity: str, column: str | None, present: Collection[str], where: str) -> FeatureTable:
    """The features in a file with a row for each item or user.

    With a first line of names, or as MovieLens has them: ``id::title (year)::genres|genres``, without one. A text that ends
    with a year in brackets gives a column ``year``, too.

    - ``entity``: ``item`` or ``user``. ``present``: those that have ratings.
    - ``column``: the column of their names in the file of ratings. Here it has the same or a usual name, or is the first.

    Raises ``DataError`` for a file that is missing, empty or no text, a line with too few fields, two rows of one item, or no
    row of an item that is rated; ``ConfigError`` if no column is left.
    """
    frame = _read_frame(path, entity, column, present, where)
    key = _key_column([str(name) for name in frame.columns], entity, column, present, frame)
    names = as_names(frame[key])
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise DataError(
            f"{where}: {path} must have one row for each {entity}, {repeated} has more. Remove all but one."
        )
    if not set(names) & set(present):
        raise DataError(
            f"{where}: {path} must have rows for the {entity}s that are rated, it has none: column {key} says "
            f"{names[0][:40]!r}, ratings are of {min(present)[:40]!r}. Name another file."
        )
    columns = {str(name): tuple(as_names(frame[name])) for name in frame.columns if name != key}
    for texts in list(columns.values()):
        years = [match[1] if (match := _YEAR.search(text)) else "" for text in texts]
        if "year" not in columns and sum(map(bool, years)) >= len(texts) / 2:
            columns["year"] = tuple(years)
    if not columns:
        raise ConfigError(f"{where}: {path} must have a column beside {key}, it has none. Leave out --{entity}s.")
    return FeatureTable(tuple(names), columns)


def fit_fields(table: FeatureTable, training: Collection[str]) -> tuple[list[Field], list[str]]:
    """The fields of the columns, and the columns that are left out, because they tell training items apart little.

    A column of up to ten different numbers, or of text, has a category for each value (between bars: ``Comedy|Drama``) that
    two items of ``training`` share, and one for all other values. A column of more numbers has ten categories (fewer for
    less than 40 items), with as many items each. A column is left out if most values are of one item only, as titles are, or
    if there is one value only.
    """
    fields, omissions = [], []
    next_number = 1
    is_training = [name in training for name in table.names]
    for name, texts in table.columns.items():
        present = [text for text, counts in zip(texts, is_training, strict=True) if counts and text]
        edges = _edges(present)
        counts = Counter(value for text in present for value in set(_values(text, edges)))
        values = sorted(value for value, count in counts.items() if count >= _FEWEST)
        rare = sum(count for count in counts.values() if count < _FEWEST)
        if len(values) + bool(rare) < 2 or rare > sum(counts.values()) / 2:
            omissions.append(name)
            continue
        index = {value: next_number + place for place, value in enumerate(values)}
        next_number += len(values)
        fields.append(Field(name, index, next_number if rare else 0, edges))
        next_number += bool(rare)
    return fields, omissions


def _values(text: str, edges: Sequence[float]) -> Iterable[str]:
    """The values of a cell: those between bars, or the bin of a number."""
    if edges:
        return [str(bisect_right(edges, float(text)))] if is_number(text) else []
    return [value.strip() for value in text.split("|") if value.strip()]


def _edges(texts: Sequence[str]) -> tuple[float, ...]:
    """Where bins of numbers begin. Empty for a column of text, or of few different numbers."""
    if not texts or not all(is_number(text) for text in texts) or len(set(texts)) <= _BINS:
        return ()
    numbers = sorted(map(float, texts))
    bins = min(_BINS, len(numbers) // _FEWEST_IN_BIN)
    return tuple(sorted({numbers[len(numbers) * place // bins] for place in range(1, bins)}))


def _read_frame(path: Path, entity: str, column: str | None, present: Collection[str], where: str) -> Any:
    """The file as a ``pandas.DataFrame`` of text. Without a first line of names, columns get those of MovieLens, or numbers."""
    import pandas

    if path.suffix.lower() in _OTHER_READERS:
        return read_table(path, where)
    text = read_text(path, where)
    delimiter, first = find_fields(text)
    has_usual_name = any(normal_name(name) in _usual_names(entity, column) for name in first)
    if first[0] in present or (not has_usual_name and delimiter == "::"):
        rows = split_lines(text, str(path), where, delimiter=delimiter, fields=len(first))
        heads = _MOVIELENS.get((entity, len(first)), [f"field {place}" for place in range(1, len(first) + 1)])
        return pandas.DataFrame(rows, columns=heads)
    if delimiter == "::":
        text, delimiter = text.replace("::", BREAK), BREAK
    return read_delimited(text, str(path), where, strings=first, delimiter=delimiter)


def _key_column(heads: list[str], entity: str, column: str | None, present: Collection[str], frame: Any) -> str:
    """The column that names the items: the same as in the ratings, a usual name, or the first one."""
    usual = _usual_names(entity, column)
    candidates = [head for head in heads if normal_name(head) in usual]
    overlaps = {head: len(set(as_names(frame[head])) & set(present)) for head in candidates or heads[:1]}
    return max(overlaps, key=lambda head: overlaps[head])


def _usual_names(entity: str, column: str | None) -> set[str]:
    others = "movie movieid film filmid book bookid product productid isbn asin" if entity == "item" else "uid"
    return {entity, f"{entity}id", "id", "name", *others.split(), *([normal_name(column)] if column else [])}
