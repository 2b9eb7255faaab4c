"""Which tasks (or classes) of a table are for training, validation and test: by fractions and a seed, or by a column."""

import difflib
from collections.abc import Mapping, Sequence
from typing import get_args

from ..core.task import Split
from ..errors import ConfigError, DataError
from .splits import shuffle_names, take_split

Division = Mapping[Split, Sequence[str]]
"""the names of each split"""

_VALIDATION, _TEST = 0.16, 0.2  # default fractions
_WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def check_shares(validation: float | None, test: float | None, where: str) -> tuple[float, float]:
    """The fractions of validation and test, with their defaults.

    Raises ``ConfigError`` for fractions that leave nothing to train on: scaling is fitted on training tasks.

    >>> check_shares(None, None, "table"), check_shares(0, 0.5, "table")
    ((0.16, 0.2), (0, 0.5))
    """
    validation, test = (_VALIDATION if validation is None else validation), (_TEST if test is None else test)
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ConfigError(
            f"{where}: validation and test must be fractions that leave something to train on, got {validation} and {test}. "
            "Lower them."
        )
    return validation, test


def divide(names: Sequence[str], shares: tuple[float, float], seed: int, *, what: str, where: str) -> Division:
    """Divide ``names`` by the fractions of validation and test. A fraction above 0 gives at least one name.

    ``what`` is what the names are: tasks, classes. Raises ``DataError`` if none is left to train on.
    """
    validation, test = (round(len(names) * share) or int(share > 0) for share in shares)
    if validation + test >= len(names):
        raise DataError(
            f"{where}: must have more than {validation} validation + {test} test {what}, got {len(names)}. "
            f"Add {what}, or set --validation or --test to 0."
        )
    order = shuffle_names(names, seed)
    return {split: take_split(order, split, validation=validation, test=test) for split in get_args(Split)}


def divide_by_column(names: Sequence[str], words: Sequence[str], column: str, *, what: str, where: str) -> Division:
    """The division that a column says: for each row the name of its task (or class) and a word for the split.

    Raises ``DataError`` for a word that is no split, and for a name in two splits. ``what`` is what the names are.
    """
    splits: dict[str, Split] = {}
    for row, (name, word) in enumerate(zip(names, words, strict=True), 1):
        split = _WORDS.get(word.lower())
        if split is None:
            nearest = difflib.get_close_matches(word.lower(), _WORDS, n=1)
            guess = f" Did you mean {_WORDS[nearest[0]]}?" if nearest else ""
            raise DataError(
                f"{where}: column {column} must say train, validation or test in every row, got {word!r} (row {row})."
                f"{guess or ' Mend it.'}"
            )
        if splits.setdefault(name, split) != split:
            raise DataError(
                f"{where}: {name} must be in one split, column {column} has it in {splits[name]} and {split}. A few-shot "
                f"test needs {what} that were not trained on: put all rows of {name} into one split."
            )
    return {split: [name for name in splits if splits[name] == split] for split in get_args(Split)}


def keep_names(names: Sequence[str], division: Division, *, add_new: bool) -> Division:
    """The ``division`` of a run without names that are gone. ``add_new`` puts names that it does not have into test.

    >>> keep_names(["b", "c"], {"train": ["a", "b"], "validation": [], "test": []}, add_new=True)
    {'train': ['b'], 'validation': [], 'test': ['c']}
    """
    present = set(names)
    result = {split: [name for name in division.get(split, ()) if name in present] for split in get_args(Split)}
    if add_new:
        old = {name for group in division.values() for name in group}
        result["test"] += [name for name in names if name not in old]
    return result
