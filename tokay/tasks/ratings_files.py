"""Files of ratings: MovieLens and MovieTweetings as they are, and tables whose first line names the columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .delimited_text import read_delimited
from .ratings_lines import BREAK, find_fields, is_number, normal_name, read_text, split_lines
from .table_columns import as_names
from .table_files import check_columns, read_table

COLUMNS = ("user", "item", "rating", "time")
"""the columns of a file of ratings, in the order of a file without a first line of names"""

_NAMES = {  # without capitals, spaces and marks
    "user": "user userid uid username customer customerid reviewer reviewerid",
    "item": "item itemid iid movie movieid film filmid product productid book bookid isbn song songid asin title",
    "rating": "rating ratings score stars overall bookrating",
    "time": "time timestamp date datetime unixtime unixreviewtime ratedat createdat",
}
_OTHER_READERS = (".jsonl", ".ndjson", ".json", ".parquet", ".pq")


@dataclass(frozen=True)
class RatingColumns:
    """The names of the columns. None: found out from the first line."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None


@dataclass(frozen=True, eq=False)  # tensors cannot be compared with ==
class RatingRows:
    """The ratings of a file, those of one user next to each other, in the order of time."""

    users: Sequence[str]  # names, sorted
    items: Sequence[str]  # names, sorted
    user: Tensor  # int64 [rows], index into users
    item: Tensor  # int64 [rows], index into items
    rating: Tensor  # float64 [rows]
    time: Tensor  # float64 [rows]
    unit: str  # name of the column of ratings
    notes: tuple[str, ...]  # what was left out, for the start of a training

    def span(self) -> tuple[float, float]:
        """The lowest and the highest rating."""
        return float(self.rating.min()), float(self.rating.max())


def read_ratings(
    path: Path, columns: RatingColumns, where: str, *, rating_range: tuple[float, float] | None = None
) -> RatingRows:
    """The ratings in a file.

    - ``user::item::rating::time`` (MovieLens 1M and 10M, MovieTweetings), or divided by tabs (MovieLens 100K), commas,
      semicolons or bars, without a first line of names; the time may be missing in all lines.
    - The same with a first line of names (MovieLens ``ratings.csv``), JSON lines and Parquet. ``columns`` names the columns.

    Without times, the order of the lines counts. If a user rated an item twice, the last rating in time counts. Times are
    numbers or dates.

    Raises ``DataError`` for a file that is missing, empty or no text, a line with too few fields, a rating that is no number
    or outside ``rating_range``, and a time that is neither number nor date; ``ConfigError`` for a column that is not there.
    """
    frame = _read_frame(path, columns, where)
    names = _find_columns([str(name) for name in frame.columns], columns, path, where)
    check_columns(frame, [name for name in names.values() if name is not None], path, where)
    notes = []
    required = [str(names[role]) for role in COLUMNS[:3]]
    is_missing = frame[required].apply(lambda column: column.isna() | column.astype(str).str.strip().eq("")).any(axis=1)
    if is_missing.all():
        raise DataError(f"{where}: {path} must have rows with {', '.join(required)}, it has none. Name other columns.")
    if is_missing.any():
        notes.append(f"{int(is_missing.sum())} lines without user, item or rating left out")
        frame = frame[~is_missing]
    ratings = _numbers(frame[names["rating"]], str(names["rating"]), path, where)
    _check_range(ratings, rating_range, path, where)
    if names["time"] is None:
        times = torch.arange(len(frame)).double()
        notes.append("no times, so the order of the lines counts")
    else:
        times = _times(frame[names["time"]], str(names["time"]), path, where)
    return _sort(as_names(frame[names["user"]]), as_names(frame[names["item"]]), ratings, times, names["rating"], notes)


def leave_out_small(rows: RatingRows, fewest: int, where: str) -> RatingRows:
    """The same ratings without those of users with fewer than ``fewest``. Raises ``DataError`` if no user is left."""
    counts = torch.bincount(rows.user, minlength=len(rows.users))
    is_large = counts >= fewest
    if bool(is_large.all()):
        return rows
    if not is_large.any():
        raise DataError(
            f"{where}: --skip-small {fewest} leaves out all {len(rows.users)} users, the largest has {int(counts.max())} "
            "ratings. Lower it."
        )
    mask = is_large[rows.user]
    users = [name for name, stays in zip(rows.users, is_large.tolist(), strict=True) if stays]
    item_ids, item = torch.unique(rows.item[mask], return_inverse=True)
    return replace(
        rows,
        users=users,
        items=[rows.items[index] for index in item_ids.tolist()],
        user=(is_large.cumsum(0) - 1)[rows.user[mask]],
        item=item,
        rating=rows.rating[mask],
        time=rows.time[mask],
        notes=(*rows.notes, f"{len(rows.users) - len(users)} users with fewer than {fewest} ratings left out"),
    )


def _read_frame(path: Path, columns: RatingColumns, where: str) -> Any:
    """The file as a ``pandas.DataFrame``; names of users and items stay text."""
    import pandas

    if path.suffix.lower() in _OTHER_READERS:
        return read_table(path, where)
    text = read_text(path, where)
    delimiter, first = find_fields(text)
    if len(first) < 3:
        raise DataError(
            f"{where}: {path} must have users, items and ratings, its first line has {len(first)} fields (divided at "
            f"{delimiter!r}). Divide them with commas, tabs or ::."
        )
    if is_number(first[2]):  # no line of names
        rows = split_lines(text, str(path), where, delimiter=delimiter, fields=len(first))
        heads = [*COLUMNS, *(f"field {i + 1}" for i in range(4, len(first)))]
        return pandas.DataFrame(rows, columns=heads[: len(first)])
    names = _find_columns(first, columns, path, where)
    strings = [name for role, name in names.items() if role in ("user", "item") and name is not None]
    if delimiter == "::":
        text, delimiter = text.replace("::", BREAK), BREAK
    return read_delimited(text, str(path), where, strings=strings, delimiter=delimiter)


def _find_columns(heads: Sequence[str], columns: RatingColumns, path: Path, where: str) -> dict[str, str | None]:
    """The column of each role. Raises ``ConfigError`` if a column that is needed has none of the usual names."""
    names: dict[str, str | None] = {role: getattr(columns, role) for role in COLUMNS}
    for role, name in names.items():
        if name is None:
            others = [other for other in names.values() if other is not None]
            rank = {usual: place for place, usual in enumerate(_NAMES[role].split())}
            usual_heads = [head for head in heads if normal_name(head) in rank and head not in others]
            names[role] = min(usual_heads, key=lambda head: rank[normal_name(head)], default=None)
        if names[role] is None and role != "time":
            raise ConfigError(
                f"{where}: {path} has no column that is called {role} or alike. It has {', '.join(heads[:12])}. Name one with "
                f"--{role}."
            )
    if len({name for name in names.values() if name is not None}) < sum(name is not None for name in names.values()):
        raise ConfigError(
            f"{where}: user, item, rating and time must be different columns, got "
            f"{', '.join(str(name) for name in names.values())}. Change one."
        )
    return names


def _numbers(values: Any, name: str, path: Path, where: str) -> Tensor:
    """A column as float64 ``[rows]``. Raises ``DataError`` for a value that is no finite number."""
    import pandas

    numbers = pandas.to_numeric(values, errors="coerce").astype("float64")
    invalid = values[numbers.isna() | (numbers.abs() == float("inf"))]
    if len(invalid):
        raise DataError(
            f"{where}: {name} must hold numbers, {len(invalid)} of {len(values)} in {path} are none, such as "
            f"{str(invalid.iloc[0])[:40]!r} (row {int(invalid.index[0]) + 1}). Mend or remove them."
        )
    return torch.tensor(numbers.to_numpy(dtype="float64"))


def _check_range(ratings: Tensor, limits: tuple[float, float] | None, path: Path, where: str) -> None:
    if limits is None:
        return
    outside = ratings[(ratings < limits[0]) | (ratings > limits[1])]
    if len(outside):
        raise DataError(
            f"{where}: ratings must be from {limits[0]:g} to {limits[1]:g} (--rating-range), {len(outside)} of {len(ratings)} "
            f"in {path} are not, such as {float(outside[0]):g}. The file has {float(ratings.min()):g} to "
            f"{float(ratings.max()):g}: mend it, or change the range."
        )


def _times(values: Any, name: str, path: Path, where: str) -> Tensor:
    """Times as float64 ``[rows]``: numbers as they are, dates in seconds."""
    import pandas

    is_no_number = pandas.Series(True, index=values.index)
    if not pandas.api.types.is_datetime64_any_dtype(values):
        numbers = pandas.to_numeric(values, errors="coerce").astype("float64")
        is_no_number = numbers.isna()
        if not is_no_number.any():
            return torch.tensor(numbers.to_numpy(dtype="float64"))
        values = values.astype(str)
    dates = pandas.to_datetime(values.where(is_no_number), errors="coerce", utc=True, format="ISO8601")
    is_neither = dates.isna() & is_no_number
    invalid = values[is_neither if is_neither.any() else dates.isna()]
    if len(invalid):
        raise DataError(
            f"{where}: {name} must hold numbers, or dates written as 2024-01-31, {len(invalid)} of {len(values)} in {path} "
            f"are neither, such as {str(invalid.iloc[0])[:40]!r} (row {int(invalid.index[0]) + 1}). Mend or remove them."
        )
    start = pandas.Timestamp(0, tz="UTC")
    return torch.tensor((dates - start).dt.total_seconds().to_numpy(dtype="float64"))


def _sort(
    users: list[str], items: list[str], ratings: Tensor, times: Tensor, unit: str | None, notes: list[str]
) -> RatingRows:
    """Sort by user and time, and keep the last rating of a user and an item."""
    user_names, item_names = sorted(set(users)), sorted(set(items))
    user_index = {name: index for index, name in enumerate(user_names)}
    item_index = {name: index for index, name in enumerate(item_names)}
    user = torch.tensor([user_index[name] for name in users])
    item = torch.tensor([item_index[name] for name in items])
    order = times.argsort(stable=True)
    order = order[user[order].argsort(stable=True)]
    pairs = (user * len(item_names) + item)[order]
    by_pair = pairs.argsort(stable=True)  # equal pairs stay in the order of time
    is_last = torch.ones(len(pairs), dtype=torch.bool)
    is_last[by_pair[:-1][pairs[by_pair[:-1]] == pairs[by_pair[1:]]]] = False
    if not is_last.all():
        notes = [*notes, f"{int((~is_last).sum())} ratings of an item that the user rated again later left out"]
    order = order[is_last]
    return RatingRows(
        user_names, item_names, user[order], item[order], ratings[order], times[order], str(unit), tuple(notes)
    )
