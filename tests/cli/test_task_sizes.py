"""The sizes of tasks, as flags of ``tokay train``."""

import pytest

from tokay.cli.task_sizes import (
    ClassificationSizes,
    ClassificationTraining,
    RegressionSizes,
    RegressionTraining,
    SequenceSizes,
    SequenceTraining,
    sizes_of,
)
from tokay.core.task import Sizes
from tokay.errors import ConfigError
from tokay.tasks import list_sources

PAPER = Sizes(ways=60, shots=3, queries=5)


def test_the_sizes_of_a_test_task() -> None:
    assert ClassificationSizes(ways=4, shots=2, queries=3).test() == Sizes(ways=4, shots=2, queries=3)
    assert RegressionSizes().test() == Sizes(ways=1, shots=10, queries=10)
    assert SequenceSizes(shots=7).test() == Sizes(ways=1, shots=7)


@pytest.mark.parametrize("sizes", [ClassificationSizes(ways=0, shots=1, queries=1), RegressionSizes(shots=0)])
def test_a_size_below_1(sizes: ClassificationSizes | RegressionSizes) -> None:
    with pytest.raises(ConfigError, match="must be at least 1, got 0"):
        sizes.test()


@pytest.mark.parametrize("kind", [ClassificationTraining, RegressionTraining, SequenceTraining])
def test_training_sizes_that_are_left_out_are_the_papers(kind: type) -> None:
    sizes = kind()
    assert sizes.training(PAPER) == PAPER
    assert (sizes.train_ways, sizes.fewest_shots, sizes.fewest_ways) == (None, None, None)


def test_training_sizes_that_are_set() -> None:
    classes = ClassificationTraining(train_ways=8, train_queries=2, train_fewest_shots=1, train_fewest_ways=4)
    assert classes.training(PAPER) == Sizes(ways=8, shots=3, queries=2)
    assert (classes.fewest_shots, classes.fewest_ways) == (1, 4)
    assert RegressionTraining(train_shots=9, train_queries=8).training(PAPER) == Sizes(ways=60, shots=9, queries=8)
    assert SequenceTraining(train_shots=9).training(PAPER) == Sizes(ways=60, shots=9, queries=5)


@pytest.mark.parametrize(
    "source, test, training",
    [
        ("glyphs", Sizes(), ClassificationTraining),
        ("omniglot-runs", Sizes(ways=20, shots=1, queries=1), ClassificationTraining),
        ("sinusoid", Sizes(ways=1, shots=10, queries=10), RegressionTraining),
        ("ntm-repeat-copy", Sizes(ways=1, shots=10), SequenceTraining),
    ],
)
def test_each_source_has_its_pair(source: str, test: Sizes, training: type) -> None:
    sizes, kind = sizes_of(list_sources()[source])
    assert sizes.test() == test
    assert kind is training
