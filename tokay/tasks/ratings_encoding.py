"""From names of items and users to inputs: integers that say which vectors a network reads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .ratings_features import FeatureTable, Field, fit_fields

UNKNOWN = 1
"""the number of all items that have no number of their own"""

_FIRST_ITEM = 2


@dataclass(frozen=True, eq=False)
class RatingEncoding:
    """How an item and a user become integers ``[fields, values]``, padded with 0.

    The first field is the item itself (with ``item_numbers``); the columns of items and of users follow. A field has the
    numbers of its values: one of them for most columns, several for genres. No two fields share a number.
    """

    item_numbers: Mapping[str, int] | None  # None: items are known by their features only
    item_fields: tuple[Field, ...]
    user_fields: tuple[Field, ...]
    item_rows: Mapping[str, Sequence[str]]  # the values of each item of the file, one for each field
    user_rows: Mapping[str, Sequence[str]]
    omissions: tuple[str, ...] = ()  # columns that are left out

    @property
    def fields(self) -> tuple[str, ...]:
        """The name of each field."""
        item = () if self.item_numbers is None else ("item",)
        return (*item, *(f"item {field.name}" for field in self.item_fields), *(f.name for f in self.user_fields))

    @cached_property
    def numbers(self) -> int:
        """How many numbers there are, with that of padding."""
        return self._starts()[2]

    @cached_property
    def values(self) -> int:
        """The length of a field: that of the longest."""
        pairs = ((self.item_fields, self.item_rows), (self.user_fields, self.user_rows))
        lengths = [
            len(field.encode(text))
            for fields, rows in pairs
            for texts in rows.values()
            for field, text in zip(fields, texts, strict=True)
        ]
        return max([1, *lengths])

    def encode_items(self, items: Sequence[str]) -> Tensor:
        """Items as int64 ``[items, fields of items, values]``. A name that nothing is known of is all padding."""
        first = self._starts()[0]
        rows = []
        for item in items:
            fields = [] if self.item_numbers is None else [[self.item_numbers.get(item, UNKNOWN)]]
            rows.append(fields + _encode(self.item_fields, self.item_rows.get(item), first))
        return self._pad(rows)

    def encode_users(self, users: Sequence[str]) -> Tensor:
        """Users as int64 ``[users, fields of users, values]``. A name that nothing is known of is all padding."""
        return self._pad([_encode(self.user_fields, self.user_rows.get(user), self._starts()[1]) for user in users])

    def _starts(self) -> tuple[int, int, int]:
        """The numbers that stand before those of item columns and of user columns, and the count of all."""
        items = 0 if self.item_numbers is None else max([UNKNOWN, *self.item_numbers.values()])
        users = items + _count(self.item_fields)
        return items, users, users + _count(self.user_fields) + 1

    def _pad(self, rows: Sequence[Sequence[list[int]]]) -> Tensor:
        padding = [0] * self.values
        padded = [[(field + padding)[: self.values] for field in fields] for fields in rows]
        return torch.tensor(padded, dtype=torch.int64).reshape(len(rows), -1, self.values)


def fit_encoding(
    *,
    item_counts: Mapping[str, int] | None,
    items: FeatureTable | None,
    users: FeatureTable | None,
    training_items: Collection[str],
    training_users: Collection[str],
) -> RatingEncoding:
    """The encoding, with categories from the training items and users.

    ``item_counts`` are the training ratings of each training item, in the order of their numbers; None: items have no
    numbers. Items with one training rating share a number with all items that have none, which trains its vector.
    """
    numbers = None
    if item_counts is not None:
        pairs = enumerate(item_counts.items(), _FIRST_ITEM)
        numbers = {name: number for number, (name, count) in pairs if count > 1}
    item_fields, item_omissions = ([], []) if items is None else fit_fields(items, training_items)
    user_fields, user_omissions = ([], []) if users is None else fit_fields(users, training_users)
    return RatingEncoding(
        numbers,
        tuple(item_fields),
        tuple(user_fields),
        _rows(items, item_fields),
        _rows(users, user_fields),
        (*(f"item {name}" for name in item_omissions), *(f"user {name}" for name in user_omissions)),
    )


def _rows(table: FeatureTable | None, fields: Sequence[Field]) -> dict[str, tuple[str, ...]]:
    if table is None or not fields:
        return {}
    return dict(zip(table.names, zip(*(table.columns[field.name] for field in fields), strict=True), strict=True))


def _encode(fields: Sequence[Field], texts: Sequence[str] | None, start: int) -> list[list[int]]:
    texts = [""] * len(fields) if texts is None else texts
    return [[start + number for number in field.encode(text)] for field, text in zip(fields, texts, strict=True)]


def _count(fields: Sequence[Field]) -> int:
    """The number of categories of all fields together."""
    return max([0, *(number for field in fields for number in (*field.index.values(), field.other))])
