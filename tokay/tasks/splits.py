"""Divide classes between training, validation and test. The division depends only on their names and a seed."""

from collections.abc import Iterable, Sequence
from typing import TypeVar, get_args

from ..core.seeding import derive_seed
from ..core.task import Split
from ..errors import ConfigError

T = TypeVar("T")


def check_split(split: Split, where: str) -> Split:
    """Returns ``split``. Raises ``ConfigError`` if it is not train, validation or test."""
    if split not in get_args(Split):
        raise ConfigError(f"{where}: the split must be train, validation or test, got {split!r}.")
    return split


def shuffle_names(names: Iterable[str], seed: int) -> list[str]:
    """The names in a random order, which depends only on ``seed`` and the names, on every platform and Python version.

    If a name is added or removed, the other names stay in the same order.

    >>> shuffle_names(["a", "b", "c"], 0) == shuffle_names(["c", "b", "a"], 0)
    True
    """
    # A name of a file need not be UTF-8: Python reads other bytes as lone surrogates, which cannot be encoded.
    return sorted(names, key=lambda name: (derive_seed(seed, name.encode(errors="backslashreplace").decode()), name))


def take_split(order: Sequence[T], split: Split, *, validation: int, test: int) -> Sequence[T]:
    """One split of ``order``. The last ``test`` items are for test, the ``validation`` items before them for validation.

    >>> take_split("abcdef", "train", validation=1, test=2), take_split("abcdef", "validation", validation=1, test=2)
    ('abc', 'd')
    """
    last = len(order) - test
    first = last - validation
    return {"train": order[:first], "validation": order[first:last], "test": order[last:]}[split]
