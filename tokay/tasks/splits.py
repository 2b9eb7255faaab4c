"""Dividing classes between training, validation and test, by their names alone."""

from collections.abc import Iterable, Sequence
from typing import TypeVar, get_args

from ..core.seeding import derive
from ..core.task import Split
from ..errors import ConfigError

T = TypeVar("T")


def check_split(split: Split, where: str) -> Split:
    """``split`` itself, or ``ConfigError`` when it is none of the three: a type checker does not see every caller."""
    if split not in get_args(Split):
        raise ConfigError(f"{where}: the split must be train, validation or test, got {split!r}.")
    return split


def shuffled(names: Iterable[str], seed: int) -> list[str]:
    """A random order that only ``seed`` and the names decide, on every platform and Python version.

    Each name has its own place in it: adding or removing a name leaves the others in the same order.

    >>> shuffled(["a", "b", "c"], 0) == shuffled(["c", "b", "a"], 0)
    True
    """
    return sorted(names, key=lambda name: (derive(seed, name), name))


def portion(order: Sequence[T], split: Split, *, validation: int, test: int) -> Sequence[T]:
    """One split of ``order``: the last ``test`` are for testing, the ``validation`` before them for validation.

    >>> portion("abcdef", "train", validation=1, test=2), portion("abcdef", "validation", validation=1, test=2)
    ('abc', 'd')
    """
    last = len(order) - test
    first = last - validation
    return {"train": order[:first], "validation": order[first:last], "test": order[last:]}[split]
