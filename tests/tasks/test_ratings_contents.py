"""The rows of each user, and which of them are trained on."""

from pathlib import Path

import pytest
import torch

from tokay import DataError, Sizes
from tokay.tasks.ratings_contents import RatingContents, Setting
from tokay.tasks.ratings_division import RatingDivision
from tokay.tasks.ratings_files import RatingColumns, read_ratings

from .rating_files import write_ratings

pytest.importorskip("pandas")

# u and v rate a, b, ... at times 0, 1, ...; t is a test user. Items x and y are new.
ROWS = [
    *[("u", item, float(place % 3), place) for place, item in enumerate("axbyc")],
    *[("v", item, 4.0, place) for place, item in enumerate("xbc")],
    *[("t", item, 9.0, place) for place, item in enumerate("xabycd")],
]


def contents(folder: Path, setting: Setting = "new-user", history: int = 2) -> RatingContents:
    return RatingContents(
        rows=read_ratings(Path(write_ratings(folder, ROWS)), RatingColumns(), "ratings"),
        division=RatingDivision({"train": ["u", "v"], "validation": [], "test": ["t"]}, tuple("abcd"), tuple("xy")),
        setting=setting,
        history=history,
        lowest=0.0,
        items=None,
        users=None,
        has_item_numbers=True,
        path="f",
        where="ratings",
    )


def items_of(of: RatingContents, rows: torch.Tensor) -> str:
    return "".join(of.rows.items[index] for index in of.rows.item[rows].tolist())


def test_parts_of_a_user(tmp_path: Path) -> None:
    of = contents(tmp_path)
    assert [items_of(of, part) for part in of.parts["t"]] == ["abcd", "cd", "y"]  # x came before the history
    assert [items_of(of, part) for part in of.parts["u"]] == ["abc", "c", "y"]
    assert [items_of(of, part) for part in contents(tmp_path, history=9).parts["t"]] == ["abcd", "", ""]


@pytest.mark.parametrize("setting, trained", [("new-user", ""), ("both-new", ""), ("warm", "ab"), ("new-item", "ab")])
def test_training_rows(tmp_path: Path, setting: Setting, trained: str) -> None:
    of = contents(tmp_path, setting)
    assert sorted(items_of(of, of.training_rows)) == sorted("abc" + "bc" + trained)
    users = of.user_rows("train")
    assert users.names == (("u", "v", "t") if trained else ("u", "v"))
    assert users.fits_training(Sizes(ways=1, shots=1, queries=2)) == [True, False, False][: len(users.names)]
    ratings = of.rows.rating[of.training_rows]
    assert of.scale == (pytest.approx(float(ratings.mean())), pytest.approx(float(ratings.std(correction=0))))


@pytest.mark.parametrize("setting, queries, other", [("warm", "cd", 1), ("new-item", "y", 2)])
def test_test_rows(tmp_path: Path, setting: Setting, queries: str, other: int) -> None:
    of = contents(tmp_path, setting)
    users = of.user_rows("test")
    assert (items_of(of, users.support[0]), items_of(of, users.query[0]), users.other) == ("ab", queries, (other,))
    assert of.fits("test", Sizes(ways=1, shots=2, queries=1)) == [True]
    assert of.fits("test", Sizes(ways=1, shots=2, queries=2)) == [False]  # one later new item


def test_rare_items_share_a_number(tmp_path: Path) -> None:
    """b and c are rated twice in training, a once, d never."""
    numbers = contents(tmp_path).encoding.encode_items(list("abcdx"))[:, 0, 0].tolist()
    assert numbers == [1, 3, 4, 1, 1]


def test_hashes_name_users_and_items(tmp_path: Path) -> None:
    of = contents(tmp_path)
    train, test = of.user_rows("train").hashes, of.user_rows("test").hashes
    assert sorted(train) == ["item a", "item b", "item c", "item d", "user u", "user v"]
    assert sorted(test) == ["item x", "item y", "user t"]
    assert train["user u"] != train["user v"]


def test_nothing_to_train_on(tmp_path: Path) -> None:
    of = contents(tmp_path)
    empty = RatingDivision(of.division.users, (), tuple("abcdxy"))
    object.__setattr__(of, "division", empty)
    with pytest.raises(DataError, match=r"training users must have ratings of old items, none has. Lower --new-items."):
        _ = of.training_rows
