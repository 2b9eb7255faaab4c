"""From columns of a table to numbers: scaling, missing values and categories, fitted on the training tasks only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError, DataError

_MOST_CATEGORIES = 50
_LARGEST = 1e100  # the square of a number must be a float, too
_ISO_DATE = r"\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}.*)?"
_DATE = re.compile(
    rf"{_ISO_DATE}|\d{{4}}/\d{{1,2}}/\d{{1,2}}.*|\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}( \d{{1,2}}:\d{{2}}.*)?"
)

_SORTABLE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}.*)?")


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: ``(value - mean) / std``. A missing value becomes the median."""

    name: str
    mean: float
    std: float
    median: float
    has_indicator: bool  # a second input says where a value is missing; only if training rows miss some

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its inputs."""
        return (self.name, f"{self.name} is missing") if self.has_indicator else (self.name,)

    def encode(self, values: Any, where: str) -> Tensor:
        """Values ``[n]`` as inputs ``[n, 1 or 2]``, float64. Raises ``DataError`` for values that are no numbers."""
        numbers = torch.tensor(as_numbers(values, self.name, where).to_numpy(dtype="float64", na_value=float("nan")))
        missing = numbers.isnan()
        scaled = (torch.where(missing, self.median, numbers) - self.mean) / self.std
        return torch.stack([scaled, missing.double()], 1) if self.has_indicator else scaled[:, None]


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: one input for each value of the training rows, and one for all other values."""

    name: str
    categories: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its inputs."""
        return (*(f"{self.name} = {category}" for category in self.categories), f"{self.name} is another")

    def encode(self, values: Any, where: str) -> Tensor:
        """Values ``[n]`` as inputs ``[n, categories + 1]``, float64: one 1 in each row."""
        number = {category: index for index, category in enumerate(self.categories)}
        index = torch.tensor([number.get(text, len(number)) for text in as_names(values, missing="missing")])
        return torch.nn.functional.one_hot(index.long(), len(number) + 1).double()


Column = NumberColumn | CategoryColumn


@dataclass(frozen=True)
class Encoding:
    """How rows of a table become inputs. Made by ``fit_encoding``."""

    columns: tuple[Column, ...]
    omissions: tuple[str, ...]  # columns without information in the training rows: constant or empty

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of all inputs."""
        return tuple(name for column in self.columns for name in column.inputs)

    def encode(self, frame: Any, where: str) -> Tensor:
        """Rows of a ``pandas.DataFrame`` as inputs, float32 ``[rows, inputs]``.

        Raises ``DataError`` for a value that is no number (in a column of numbers) or infinite, ``KeyError`` for a missing
        column.
        """
        return torch.cat([column.encode(frame[column.name], where) for column in self.columns], 1).float()


def fit_encoding(training: Any, features: Sequence[str], where: str, *, categories: Sequence[str] = ()) -> Encoding:
    """The encoding of the columns ``features`` whose figures come from the rows ``training``.

    Text and the columns of ``categories`` become categories, all else numbers. A column that is constant or empty in the
    training rows is left out.

    Raises ``DataError`` for a column of dates, of neither numbers nor text, with a few values that are no numbers, or with
    more than 50 categories, and ``ConfigError`` if no column is of use.
    """
    columns: list[Column] = []
    omissions = []
    for name in features:
        values = training[name]
        column: Column | None
        if name in categories or is_text(values):
            column = _fit_categories(values, name, where, is_wanted=name in categories)
        else:
            column = _fit_numbers(values, name, where)
        if column is None:
            omissions.append(name)
        else:
            columns.append(column)
    if not columns:
        raise ConfigError(
            f"{where}: at least one feature must differ between the training rows, all of {', '.join(features)} are "
            "constant or empty. Choose others with --columns."
        )
    return Encoding(tuple(columns), tuple(omissions))


def is_text(values: Any) -> bool:
    """Whether a column holds anything but numbers, true and false, and dates: text, categories, lists."""
    from pandas.api import types

    return not (types.is_numeric_dtype(values) or types.is_bool_dtype(values) or is_date(values, text=False))


def is_date(values: Any, *, text: bool = True) -> bool:
    """Whether a column holds dates: of such a type, or (with ``text``) written as 2024-01-31, 31.1.2024 or 1/31/2024."""
    from pandas.api import types

    if types.is_datetime64_any_dtype(values) or types.is_timedelta64_dtype(values):
        return True
    if not text or not is_text(values):
        return False
    present = values.dropna()
    return len(present) > 0 and all(_DATE.fullmatch(str(value).strip()) for value in present)


def as_numbers(values: Any, name: str, where: str, *, remedy: str = "") -> Any:
    """A column as floats, missing values as NaN. Raises ``DataError`` for a value that is no number, infinite, or above 1e100.

    ``remedy`` says what else the user can do about values that are no numbers.
    """
    import pandas

    remedy = remedy or f"read them as categories with --categories {name}"
    if is_date(values):
        raise DataError(
            f"{where}: column {name} must hold numbers or categories, it holds dates. Turn it into a number, such as days "
            f"since the first row of its task, or leave it out with --without {name}."
        )
    numbers = pandas.to_numeric(values, errors="coerce").astype("float64")
    invalid = values[numbers.isna() & values.notna()]
    if len(invalid):
        raise DataError(
            f"{where}: column {name} must hold numbers, {len(invalid)} of {len(values)} values are not, such as "
            f"{str(invalid.iloc[0])[:40]!r} (row {int(invalid.index[0]) + 1}). Mend them, or {remedy}."
        )
    large = numbers[numbers.abs() > _LARGEST]
    if len(large):
        limit = "finite" if (large.abs() == float("inf")).any() else f"below {_LARGEST:g}"
        raise DataError(
            f"{where}: column {name} must be {limit}, {len(large)} of {len(values)} values are not (row "
            f"{int(large.index[0]) + 1}). Mend them, or leave them empty."
        )
    return numbers


def is_constant(std: float, values: Any) -> bool:
    """Whether numbers with the standard deviation ``std`` are one number, but for rounding."""
    return not std > 1e-12 * float(values.abs().max())


def as_names(values: Any, *, missing: str | None = None) -> list[str]:
    """A column as text, one name per row: 1.0 is 1. Missing values become ``missing``, or an empty text."""
    from pandas.api import types

    if types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return [(missing or "") if value is None or value != value else str(value).strip() for value in _plain(values)]


def as_order(values: Any, name: str, where: str) -> list[float]:
    """A column of numbers or dates as numbers to sort rows by. Raises ``DataError`` for other or missing values."""
    import pandas

    if values.isna().any():
        row = int(values.index[values.isna()][0]) + 1
        raise DataError(
            f"{where}: the order column {name} must have a value in every row, row {row} has none. Fill it, or remove the row."
        )
    if is_text(values):
        texts = [str(value).strip() for value in values]
        other = next((text for text in texts if not _SORTABLE_DATE.fullmatch(text)), None)
        if other is not None and is_date(values):
            raise DataError(
                f"{where}: dates in {name} must be written as 2024-01-31 to be sorted, got {other!r}. Rewrite them."
            )
        if other is None:
            rank = {text: index for index, text in enumerate(sorted(set(texts)))}
            return [float(rank[text]) for text in texts]
        as_numbers(values, name, where, remedy="order by another column")
    if is_date(values):
        return [float(pandas.Timestamp(value).value if hasattr(value, "year") else value.value) for value in values]
    numbers: list[float] = as_numbers(values, name, where, remedy="order by another column").tolist()
    return numbers


def _plain(values: Any) -> list[Any]:
    """The values of a column as Python objects; what is missing is None."""
    return list(values.astype(object).where(values.notna(), None))


def _fit_numbers(values: Any, name: str, where: str) -> NumberColumn | None:
    numbers = as_numbers(values, name, where)
    present = numbers.dropna()
    if not len(present):
        return None
    median = float(present.median())
    full = numbers.fillna(median)
    std, has_indicator = float(full.std(ddof=0)), len(present) < len(numbers)
    if is_constant(std, full):
        return NumberColumn(name, median, 1.0, median, True) if has_indicator else None
    return NumberColumn(name, float(full.mean()), std, median, has_indicator)


def _fit_categories(values: Any, name: str, where: str, *, is_wanted: bool) -> CategoryColumn | None:
    """``is_wanted``: the user says that these are categories."""
    import pandas

    present = values.dropna()
    if any(isinstance(value, list | dict | tuple) or hasattr(value, "__array__") for value in present.head(100)):
        raise DataError(
            f"{where}: column {name} must hold numbers or text, it holds {type(present.iloc[0]).__name__} values. Spread "
            f"them over columns, or leave it out with --without {name}."
        )
    if not is_wanted:
        are_numbers = pandas.to_numeric(present, errors="coerce").notna()
        if is_date(values) or float(are_numbers.mean() or 0) >= 0.5:
            as_numbers(values, name, where)  # raises
    categories = sorted(set(as_names(values, missing="missing")))
    if len(categories) > _MOST_CATEGORIES:
        raise DataError(
            f"{where}: column {name} must have at most {_MOST_CATEGORIES} categories, it has {len(categories)} different "
            f"texts, such as {categories[0][:40]!r}. Leave it out with --without {name}, or group its values."
        )
    return CategoryColumn(name, tuple(categories)) if len(categories) > 1 else None
