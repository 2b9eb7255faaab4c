from typing import Any, cast

import pytest

from tokay.errors import ConfigError
from tokay.tasks.splits import check_split, shuffle_names, take_split


def test_the_order_is_fixed_for_ever() -> None:
    """Fixed values: an old run must not find its test classes in the training classes of a newer version."""
    assert shuffle_names("abcdef", 0) == ["a", "c", "e", "d", "b", "f"]
    assert shuffle_names(reversed("abcdef"), 0) == shuffle_names("abcdef", 0)
    assert shuffle_names("abcdef", 1) != shuffle_names("abcdef", 0)


def test_a_new_name_leaves_the_others_in_order() -> None:
    names = [f"class{i}" for i in range(50)]
    longer = shuffle_names([*names, "another"], 3)
    assert [name for name in longer if name != "another"] == shuffle_names(names, 3)


def test_portions_are_disjoint_and_complete() -> None:
    order = list(range(10))
    parts = [take_split(order, split, validation=2, test=3) for split in ("train", "validation", "test")]
    assert parts == [[0, 1, 2, 3, 4], [5, 6], [7, 8, 9]]
    assert take_split(order, "train", validation=0, test=0) == order
    assert take_split(order, "validation", validation=0, test=4) == []


def test_an_unknown_split() -> None:
    with pytest.raises(ConfigError, match="glyphs: the split must be train, validation or test, got 'val'"):
        check_split(cast(Any, "val"), "glyphs")
    assert check_split("test", "glyphs") == "test"
