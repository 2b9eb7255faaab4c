"""Divides classes, or whole groups of classes, between training, validation and test by fractions and a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..core.task import Split
from ..errors import ConfigError, DataError
from .splits import shuffle_names, take_split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_VALIDATION, _TEST = 0.16, 0.2  # default fractions

Division = dict[Split, list[str]]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The fractions of classes that are held out, and the seed of the division. None: the default.

    Raises ``ConfigError``, with ``where`` at its start, for fractions that leave nothing to train on.

    >>> Shares(where="text", test=0.5).divide([*"abcdef"], None, "labels")["test"]
    ['d', 'b', 'f']
    """

    where: str
    validation: float | None = None
    test: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        validation, test = self.fractions()
        is_all_test = validation == 0 and test == 1
        if not (validation >= 0 and test >= 0 and (validation + test < 1 or is_all_test)):
            raise ConfigError(
                f"{self.where}: validation and test must be fractions that leave classes to train on, "
                f"got {validation} and {test}."
            )

    def fractions(self) -> tuple[float, float]:
        """Those of validation and of test. If all are for test, none is for validation."""
        test = _TEST if self.test is None else self.test
        validation = (0 if test == 1 else _VALIDATION) if self.validation is None else self.validation
        return validation, test

    def flags(self) -> list[str]:
        """The flags that the user set."""
        settings = {"--validation": self.validation, "--test": self.test, "--split-seed": self.seed}
        return [flag for flag, value in settings.items() if value is not None]

    def divide(self, names: Sequence[str], groups: Mapping[str, str] | None, what: str) -> Division:
        """The classes of each split. A fraction above 0 gives at least one class.

        With ``groups``, the group of each class, whole groups are divided. ``what`` names what is divided, in messages.
        Raises ``DataError`` if too few are left to train on.
        """
        units = sorted(set(names) if groups is None else {groups[name] for name in names})
        shares = self.fractions()
        if shares[1] == 1:
            return {"train": [], "validation": [], "test": list(names)}
        validation, test = (round(len(units) * share) or int(share > 0) for share in shares)
        if validation + test >= len(units):
            raise DataError(
                f"{self.where}: there must be more than {validation} validation + {test} test {what}, got {len(units)}. "
                f"Add {what}, or set validation or test to 0."
            )
        order = shuffle_names(units, self.seed or 0)
        parts = {split: take_split(order, split, validation=validation, test=test) for split in SPLITS}
        if groups is None:
            return {split: list(part) for split, part in parts.items()}
        return {split: [name for name in names if groups[name] in part] for split, part in parts.items()}


def keep_division(names: Sequence[str], division: Mapping[Split, Sequence[str]], *, has_new_classes: bool) -> Division:
    """The division of a run, without classes that are gone. With ``has_new_classes``, new ones are test classes.

    >>> run = {"train": ["a", "gone"], "test": ["b"]}
    >>> keep_division(["a", "b", "new"], run, has_new_classes=True)
    {'train': ['a'], 'validation': [], 'test': ['b', 'new']}
    """
    parts = {split: [name for name in division.get(split, ()) if name in names] for split in SPLITS}
    if has_new_classes:
        old = {name for group in division.values() for name in group}
        parts["test"] += [name for name in names if name not in old]
    return parts
