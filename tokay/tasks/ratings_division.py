"""Which users, and which items, of a file of ratings are for training and which are new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from ..core.task import Split
from ..errors import DataError
from .splits import shuffle_names
from .table_contents import names_in_order
from .table_division import Division, divide, keep_names

_USER, _ITEM = "user ", "item "


@dataclass(frozen=True)
class RatingDivision:
    """The users of each split, the items that may be trained on (in the order of their numbers), and the new ones."""

    users: Division
    old_items: tuple[str, ...]
    new_items: tuple[str, ...]


def divide_ratings(
    users: Sequence[str],
    items: Sequence[str],
    shares: tuple[float, float],
    new_items: float,
    seed: int,
    where: str,
) -> RatingDivision:
    """Divide users by the fractions ``shares`` of validation and test, and items by the fraction ``new_items``.

    It depends only on the names and ``seed``. Raises ``DataError`` if no user or no item is left to train on.

    >>> division = divide_ratings(list("abcdefgh"), list("wxyz"), (0.25, 0.25), 0.5, 0, "ratings")
    >>> [len(names) for names in division.users.values()], len(division.old_items), len(division.new_items)
    ([4, 2, 2], 2, 2)
    """
    count = round(len(items) * new_items) or int(new_items > 0)
    if count >= len(items):
        raise DataError(
            f"{where}: must have more than {count} new items, got {len(items)}. Add items, or lower --new-items."
        )
    order = shuffle_names(items, seed)
    old, new = order[: len(order) - count], order[len(order) - count :]
    division = divide(users, shares, seed, what="users", where=where)
    return RatingDivision(division, tuple(names_in_order(old)), tuple(names_in_order(new)))


def keep_ratings(
    users: Sequence[str], items: Sequence[str], record: Mapping[Split, Sequence[str]], *, add_new: bool
) -> RatingDivision:
    """The division of a run, from the names that ``record_names`` gave. Users that are gone are left out.

    Items that are gone keep their numbers. Items that the record does not have are new; users are in no split, or, with
    ``add_new``, in test.
    """
    old = names_in_order([name.removeprefix(_ITEM) for name in record.get("train", ()) if name.startswith(_ITEM)])
    groups: dict[Split, list[str]] = {
        split: [name.removeprefix(_USER) for name in record.get(split, ()) if name.startswith(_USER)]
        for split in get_args(Split)
    }
    present = set(old)
    new = [name for name in items if name not in present]
    return RatingDivision(keep_names(users, groups, add_new=add_new), tuple(old), tuple(names_in_order(new)))


def record_names(users: Mapping[str, str], items: Mapping[str, str]) -> dict[str, str]:
    """Hashes of users and of items by the names that a record has: ``user 7``, ``item 12``."""
    return {
        **{f"{_USER}{name}": value for name, value in users.items()},
        **{f"{_ITEM}{name}": value for name, value in items.items()},
    }
