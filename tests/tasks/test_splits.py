from typing import Any, cast

import pytest

from tokay.errors import ConfigError
from tokay.tasks.splits import check_split, portion, shuffled


def test_the_order_is_fixed_for_ever() -> None:
    """A literal: a run trained last year must not find its test classes among the training ones today."""
    assert shuffled("abcdef", 0) == ["a", "c", "e", "d", "b", "f"]
    assert shuffled(reversed("abcdef"), 0) == shuffled("abcdef", 0)
    assert shuffled("abcdef", 1) != shuffled("abcdef", 0)


def test_a_new_name_leaves_the_others_in_order() -> None:
    names = [f"class{i}" for i in range(50)]
    longer = shuffled([*names, "another"], 3)
    assert [name for name in longer if name != "another"] == shuffled(names, 3)


def test_portions_are_disjoint_and_complete() -> None:
    order = list(range(10))
    parts = [portion(order, split, validation=2, test=3) for split in ("train", "validation", "test")]
    assert parts == [[0, 1, 2, 3, 4], [5, 6], [7, 8, 9]]
    assert portion(order, "train", validation=0, test=0) == order
    assert portion(order, "validation", validation=0, test=4) == []


def test_an_unknown_split() -> None:
    with pytest.raises(ConfigError, match="glyphs: the split must be train, validation or test, got 'val'"):
        check_split(cast(Any, "val"), "glyphs")
    assert check_split("test", "glyphs") == "test"
