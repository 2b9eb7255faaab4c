"""What a training says about ratings before it starts."""

from pathlib import Path
from typing import Any

import pytest

from tokay import Sizes
from tokay.tasks import Ratings
from tokay.tasks.ratings_description import describe_division, describe_small_users

from .rating_files import ratings, write_films, write_lines

pytest.importorskip("pandas")

SIZES = Sizes(ways=1, shots=3, queries=2)


def source(folder: Path, **settings: Any) -> Ratings:
    lines = ["::".join(map(str, row)) for row in ratings()]
    file = write_lines(folder / "r.dat", ["lone::i0::3::1", *lines, "u0::i0::2::100", "u0::i0::3::101"])
    return Ratings(file=file, history=4, **settings)


def test_the_division(tmp_path: Path) -> None:
    line = describe_division(source(tmp_path, setting="both-new", new_items=0.25).contents())
    for part in (
        "ratings: 14 training, 3 validation and 4 test users, 18 old and 6 new items in ",
        "setting both-new: test users are new, their queries are new items",
        " in training; history 4; inputs item (",
        "nothing tells new items apart",
        "that the user rated again later left out",
    ):
        assert part in line, part
    assert "\n" not in line


def test_what_is_missing(tmp_path: Path) -> None:
    line = describe_division(source(tmp_path, items=write_films(tmp_path, items=20), validation=0.0).contents())
    assert "without validation users the last weights are kept" in line
    assert "4 of 24 items have no row in --items" in line
    assert "columns that tell little apart, so left out: item title" in line


def test_small_users(tmp_path: Path) -> None:
    of = source(tmp_path)
    lines = [describe_small_users(of.contents(), split, SIZES) for split in ("train", "validation", "test")]
    assert [line for line in lines if "(lone 1)" in line]  # a user with one rating
    assert len([line for line in lines if line]) == 1
    assert source(tmp_path, skip_small=2).describe_omissions("train", SIZES) == ""
    new = source(tmp_path, new_items=0.2).contents()
    line = describe_small_users(new, "test", Sizes(ways=1, shots=3, queries=9))
    assert "with fewer than 4 ratings of old items and then 9 of old and of new items (" in line
