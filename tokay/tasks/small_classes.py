"""Classes with few examples take part in tasks of the sizes that they can fill, and are left out of the others."""

from collections.abc import Mapping, Sequence

from ..core.task import Sizes, Split
from ..errors import TaskError


def large_classes(
    counts: Mapping[str, int], names: Sequence[str], sizes: Sizes, *, items: str, where: str
) -> Sequence[str]:
    """Those of ``names`` that have examples enough for a task of ``sizes``, in their order. ``items`` are the examples.

    All of ``names`` if there are fewer than the ways of a task: the episodes then say so. Raises ``TaskError`` if the classes
    would do for the ways, but too few of them have examples enough.

    >>> large_classes({"a": 9, "b": 2, "c": 7}, "abc", Sizes(ways=2, shots=1, queries=2), items="texts", where="text")
    ['a', 'c']
    """
    if sizes.ways > len(names):
        return names
    needed = sizes.shots + sizes.queries
    large = [name for name in names if counts[name] >= needed]
    if len(large) < sizes.ways:
        small = next(name for name in names if counts[name] < needed)
        raise TaskError(
            f"{where}: {sizes.shots} shots + {sizes.queries} queries need {needed} {items} of each of {sizes.ways} classes, "
            f"{len(names) - len(large)} of {len(names)} classes have fewer, such as {small} with {counts[small]}. "
            "Ask for fewer shots, queries or ways."
        )
    return large


def describe_small(
    counts: Mapping[str, int], names: Sequence[str], split: Split, sizes: Sizes, *, items: str, where: str
) -> str:
    """One line about those of ``names`` that have too few examples for a task of ``sizes``. Empty if none has.

    >>> describe_small({"a": 9, "b": 2}, "ab", "test", Sizes(shots=1, queries=2), items="texts", where="text")
    'text: left out 1 of 2 test classes, with fewer than 3 texts (b 2)'
    """
    needed = sizes.shots + sizes.queries
    small = [f"{name} {counts[name]}" for name in names if counts[name] < needed]
    if not small:
        return ""
    kind = "training" if split == "train" else split
    listing = ", ".join(small[:3]) + (", ..." if len(small) > 3 else "")
    return (
        f"{where}: left out {len(small)} of {len(names)} {kind} classes, with fewer than {needed} {items} ({listing})"
    )
