"""The division of users and items."""

import pytest

from tokay import DataError
from tokay.tasks.ratings_division import divide_ratings, keep_ratings, record_names

USERS, ITEMS = [f"u{number}" for number in range(20)], [f"i{number}" for number in range(10)]


def test_it_depends_on_names_and_seed() -> None:
    division = divide_ratings(USERS, ITEMS, (0.2, 0.3), 0.3, 0, "ratings")
    assert [len(names) for names in division.users.values()] == [10, 4, 6]
    assert (len(division.old_items), len(division.new_items)) == (7, 3)
    assert divide_ratings(USERS[::-1], ITEMS[::-1], (0.2, 0.3), 0.3, 0, "ratings") == division
    other = divide_ratings(USERS, ITEMS, (0.2, 0.3), 0.3, 1, "ratings")
    assert other.users != division.users
    assert other.new_items != division.new_items


def test_no_new_items() -> None:
    division = divide_ratings(USERS, ITEMS, (0.2, 0.3), 0, 0, "ratings")
    assert (set(division.old_items), division.new_items) == (set(ITEMS), ())


def test_nothing_to_train_on() -> None:
    with pytest.raises(DataError, match=r"must have more than 1 new items, got 1. Add items, or lower --new-items"):
        divide_ratings(USERS, ["i"], (0.2, 0.3), 0.1, 0, "ratings")
    with pytest.raises(DataError, match="users, got 2"):
        divide_ratings(USERS[:2], ITEMS, (0.2, 0.3), 0.1, 0, "ratings")


def test_a_run_keeps_its_division() -> None:
    division = divide_ratings(USERS, ITEMS, (0.2, 0.3), 0.3, 0, "ratings")
    items = {"train": division.old_items, "validation": (), "test": division.new_items}
    record = {
        split: list(record_names(dict.fromkeys(names, ""), dict.fromkeys(items[split], "")))
        for split, names in division.users.items()
    }
    assert keep_ratings(USERS, ITEMS, record, add_new=False) == division
    removal, new = division.old_items[0], [*ITEMS[::-1], "i10"]
    changed = keep_ratings([*USERS, "u20"], [name for name in new if name != removal], record, add_new=False)
    assert changed.old_items == division.old_items  # the item that is gone keeps its number
    assert set(changed.new_items) == {*division.new_items, "i10"}
    assert changed.users == division.users
    assert "u20" in keep_ratings([*USERS, "u20"], ITEMS, record, add_new=True).users["test"]
