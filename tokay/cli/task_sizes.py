"""The sizes of tasks, as flags of ``tokay train``. Each kind of task has a pair of dataclasses.

The first class of a pair holds the sizes of test tasks (``--shots``). The second one holds the sizes of training episodes
(``--train-shots``). A size of None stands for the size that the method's paper trains with.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from ..core.task import Sizes
from ..errors import ConfigError
from ..tasks import Source


@dataclass(frozen=True, kw_only=True)
class ClassificationSizes:
    """Sizes of the test tasks of a source with classes."""

    ways: int
    """classes in a task"""
    shots: int
    """support examples per class"""
    queries: int
    """query examples per class"""

    def test(self) -> Sizes:
        """Raises ``ConfigError`` if a size is below 1, or if there is only one class."""
        check_ways(self.ways)
        return Sizes(ways=self.ways, shots=self.shots, queries=self.queries)


@dataclass(frozen=True, kw_only=True)
class ClassificationTraining:
    """Sizes of the training episodes of a source with classes."""

    train_ways: int | None = None
    """classes in a training episode (default: as in the method's paper)"""
    train_shots: int | None = None
    """support examples per class in a training episode (default: as in the method's paper)"""
    train_queries: int | None = None
    """query examples per class in a training episode (default: as in the method's paper)"""
    train_fewest_shots: int | None = None
    """smallest number of shots: each step draws a number from this to --train-shots (default: always --train-shots)"""
    train_fewest_ways: int | None = None
    """smallest number of ways, for methods that read a task as a sequence (default: always --train-ways)"""

    def training(self, default: Sizes) -> Sizes:
        """``default``, with the sizes that the user set."""
        return replace(
            default,
            ways=_or_default(self.train_ways, default.ways),
            shots=_or_default(self.train_shots, default.shots),
            queries=_or_default(self.train_queries, default.queries),
        )

    @property
    def fewest_shots(self) -> int | None:
        """The smallest number of shots, or None if all episodes have the same number."""
        return self.train_fewest_shots

    @property
    def fewest_ways(self) -> int | None:
        """The smallest number of ways, or None if all episodes have the same number."""
        return self.train_fewest_ways


@dataclass(frozen=True, kw_only=True)
class RegressionSizes:
    """Sizes of the test tasks of a source without classes."""

    shots: int = 10
    """support points"""
    queries: int = 10
    """query points"""

    def test(self) -> Sizes:
        """Raises ``ConfigError`` if a size is below 1."""
        return Sizes(ways=1, shots=self.shots, queries=self.queries)


@dataclass(frozen=True, kw_only=True)
class RegressionTraining:
    """Sizes of the training episodes of a source without classes."""

    train_shots: int | None = None
    """support points in a training episode (default: as in the method's paper)"""
    train_queries: int | None = None
    """query points in a training episode (default: as in the method's paper)"""
    train_ways: ClassVar[None] = None
    fewest_shots: ClassVar[None] = None
    fewest_ways: ClassVar[None] = None

    def training(self, default: Sizes) -> Sizes:
        """``default``, with the sizes that the user set."""
        return replace(
            default,
            shots=_or_default(self.train_shots, default.shots),
            queries=_or_default(self.train_queries, default.queries),
        )


@dataclass(frozen=True, kw_only=True)
class SequenceSizes:
    """The length of test sequences."""

    shots: int
    """length of a sequence in rows or items; training mixes lengths up to --train-shots"""

    def test(self) -> Sizes:
        """Raises ``ConfigError`` if the length is below 1."""
        return Sizes(ways=1, shots=self.shots)


@dataclass(frozen=True, kw_only=True)
class SequenceTraining:
    """The length of training sequences."""

    train_shots: int | None = None
    """length of the longest training sequence (default: as in the method's paper)"""
    train_ways: ClassVar[None] = None
    fewest_shots: ClassVar[None] = None
    fewest_ways: ClassVar[None] = None

    def training(self, default: Sizes) -> Sizes:
        """``default``, with the length that the user set."""
        return replace(default, shots=_or_default(self.train_shots, default.shots))


TestSizes = ClassificationSizes | RegressionSizes | SequenceSizes
TrainingSizes = ClassificationTraining | RegressionTraining | SequenceTraining


def sizes_of(source: Source | type[Source]) -> tuple[TestSizes, type[TrainingSizes]]:
    """The default test sizes of a source, and the class that holds its training sizes.

    A class whose data decide the kind of task gets the sizes of classification, which has the most flags.
    """
    usual = source.test_sizes
    if source.kind == "regression":
        return RegressionSizes(), RegressionTraining
    if source.kind == "sequence":
        return SequenceSizes(shots=usual.shots), SequenceTraining
    sizes = ClassificationSizes(ways=usual.ways, shots=usual.shots, queries=usual.queries)
    return sizes, ClassificationTraining


def check_ways(ways: int) -> None:
    """Raises ``ConfigError`` for tasks with one class, which are always answered right."""
    if ways == 1:
        raise ConfigError("tokay: --ways must be at least 2, got 1: a task with one class has nothing to tell apart.")


def _or_default(size: int | None, default: int) -> int:
    return default if size is None else size
