"""Which tasks are for training, validation and test."""

import pytest

from tokay.errors import ConfigError, DataError
from tokay.tasks.table_division import check_shares, divide, divide_by_column, keep_names

NAMES = [f"p{number}" for number in range(10)]


def test_fractions_of_names() -> None:
    division = divide(NAMES, (0.2, 0.3), 0, what="tasks", where="table")
    assert [len(division[split]) for split in ("train", "validation", "test")] == [5, 2, 3]
    assert sorted(name for names in division.values() for name in names) == NAMES
    assert divide(NAMES[::-1], (0.2, 0.3), 0, what="tasks", where="table") == division
    assert divide(NAMES, (0.2, 0.3), 1, what="tasks", where="table") != division


def test_a_fraction_above_0_is_one_name_at_least() -> None:
    division = divide(["a", "b", "c"], (0.01, 0.01), 0, what="tasks", where="table")
    assert [len(names) for names in division.values()] == [1, 1, 1]
    with pytest.raises(DataError, match=r"^table: must have more than 1 validation \+ 1 test tasks, got 2\. Add tasks"):
        divide(["a", "b"], (0.01, 0.01), 0, what="tasks", where="table")


@pytest.mark.parametrize("shares", [(-0.1, 0.2), (0.5, 0.5), (None, 1.0)])
def test_fractions_that_are_none(shares: tuple[float | None, float]) -> None:
    with pytest.raises(ConfigError, match=r"^table: validation and test must be fractions that leave something"):
        check_shares(*shares, "table")


def test_a_column_that_says_it() -> None:
    words = ["train", "Training", "val", "test"]
    division = divide_by_column(["a", "a", "b", "c"], words, "part", what="tasks", where="table")
    assert division == {"train": ["a"], "validation": ["b"], "test": ["c"]}


def test_a_word_that_is_no_split_and_a_name_in_two() -> None:
    with pytest.raises(DataError, match=r"column part must say train, .*, got 'tset' \(row 2\)\. Did you mean test\?"):
        divide_by_column(["a", "b"], ["train", "tset"], "part", what="tasks", where="table")
    with pytest.raises(DataError, match=r"got '3' \(row 1\)\. Mend it\."):
        divide_by_column(["a"], ["3"], "part", what="tasks", where="table")
    with pytest.raises(
        DataError, match=r"^table: a must be in one split, column part has it in train and test\. .*tasks"
    ):
        divide_by_column(["a", "a"], ["train", "test"], "part", what="tasks", where="table")


def test_names_of_a_run() -> None:
    division = {"train": ["a", "gone"], "test": ["b"]}
    kept_names = keep_names(["a", "b", "c"], division, add_new=False)  # type: ignore[arg-type]
    assert kept_names == {"train": ["a"], "validation": [], "test": ["b"]}
