"""The source: ratings of the user."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from tokay import ConfigError, DataError, Sizes, TaskError
from tokay.core.task import check_task
from tokay.tasks import Ratings, list_sources
from tokay.tasks.ratings_contents import Setting
from tokay.tasks.ratings_tasks import RatingDraws, RatingList

from .rating_files import ratings, write_films, write_lines, write_people, write_ratings

pytest.importorskip("pandas")

SIZES = Sizes(ways=1, shots=3, queries=2)
NEW_ITEMS = {"history": 4, "new_items": 0.3, "test": 0.4}


def source(folder: Path, **settings: Any) -> Ratings:
    return Ratings(file=write_ratings(folder), **{"history": 4, **settings})


def listing(of: Ratings, split: Any = "test", sizes: Sizes = SIZES) -> RatingList:
    tasks = of.tasks(split, sizes)
    assert isinstance(tasks, RatingList)
    return tasks


def names_of(of: Ratings, rows: torch.Tensor) -> set[str]:
    """The items of some rows."""
    contents = of.contents()
    return {contents.rows.items[index] for index in contents.rows.item[rows].tolist()}


def test_it_is_registered() -> None:
    assert list_sources()["ratings"] is Ratings


def test_users_are_divided(tmp_path: Path) -> None:
    of = source(tmp_path)
    training, tests = of.tasks("train", SIZES), listing(of)
    assert isinstance(training, RatingDraws)
    groups = [
        {name for name in of.tasks(split, SIZES).hash_tasks() if name.startswith("user")}  # type: ignore[attr-defined]
        for split in ("train", "validation", "test")
    ]
    assert sorted(name for group in groups for name in group) == sorted(f"user u{i}" for i in range(20))
    assert [len(group) for group in groups] == [13, 3, 4]
    assert tests.lengths() == [(3, 12)] * 4
    for tasks in (training, tests):
        check_task(tasks.sample(4, torch.Generator()), tasks.spec, where="test")


@pytest.mark.parametrize("setting", get_args(Setting))
def test_what_is_new_in_each_setting(tmp_path: Path, setting: Setting) -> None:
    of = source(tmp_path, setting=setting, **NEW_ITEMS)
    contents, tests = of.contents(), listing(of)
    trained, test_users = names_of(of, contents.training_rows), set(contents.division.users["test"])
    assert trained.isdisjoint(contents.division.new_items)
    trained_users = {contents.rows.users[user] for user in contents.rows.user[contents.training_rows].tolist()}
    assert (test_users <= trained_users) == (setting in ("warm", "new-item"))
    assert test_users.isdisjoint(trained_users) == (setting in ("new-user", "both-new"))
    for support, query in tests.rows():
        items = contents.division.new_items if setting in ("new-item", "both-new") else contents.division.old_items
        assert names_of(of, query) <= set(items)
        assert names_of(of, support) <= set(contents.division.old_items)
        assert float(contents.rows.time[support].max()) < float(contents.rows.time[query].min())
        assert not set(query.tolist()) & set(contents.training_rows.tolist())  # no query is trained on


def test_the_settings_have_the_same_users_and_support_sets(tmp_path: Path) -> None:
    lists = [listing(source(tmp_path, setting=setting, **NEW_ITEMS)) for setting in get_args(Setting)]
    assert len({tests.names for tests in lists}) == 1
    supports = [[support.tolist() for support, _ in tests.rows()] for tests in lists]
    assert all(rows == supports[0] for rows in supports)
    assert len(lists[0].names) > 2


def test_the_scale_comes_from_training_users(tmp_path: Path) -> None:
    rows = [(user, item, rating + 50 * (user == "u0"), time) for user, item, rating, time in ratings()]
    of = Ratings(file=write_ratings(tmp_path, rows), history=4)
    for seed in range(9):
        of = replace(of, split_seed=seed)
        if "u0" in of.contents().division.users["test"]:
            break
    mean, std = of.contents().scale
    assert 2 < mean < 4
    assert std < 3
    tasks = of.tasks("train", SIZES)
    assert isinstance(tasks, RatingDraws)
    assert tasks.y_scale == std
    assert tasks.y_lowest * std + mean == pytest.approx(1 - 2 + 1, abs=1.01)  # the lowest rating of the file


def test_inputs(tmp_path: Path) -> None:
    plain = source(tmp_path)
    assert plain.contents().encoding.fields == ("item",)
    files = {"items": write_films(tmp_path), "users": write_people(tmp_path)}
    assert source(tmp_path, **files).contents().encoding.fields == ("item genres", "item year", "gender", "age")
    assert source(tmp_path, **files, item_inputs="both").contents().encoding.fields[0] == "item"
    assert source(tmp_path, **files, item_inputs="ids").contents().encoding.fields == ("item", "gender", "age")


def test_new_items_share_a_number_and_features_tell_them_apart(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"setting": "both-new", **NEW_ITEMS}
    of = source(tmp_path, **settings)
    new = of.contents().division.new_items
    assert of.encode(new).unique().tolist() == [1]
    assert len(source(tmp_path, items=write_films(tmp_path), **settings).encode(new).unique(dim=0)) > 1
    assert "nothing tells new items apart: --items names a file" in of.describe_classes()


def test_encode_gives_the_inputs_of_the_tasks(tmp_path: Path) -> None:
    of = source(tmp_path, items=write_films(tmp_path), users=write_people(tmp_path))
    tests, contents = listing(of), of.contents()
    support = tests.rows()[0][0]
    items = [contents.rows.items[index] for index in contents.rows.item[support].tolist()]
    assert torch.equal(of.encode(items, tests.names[0]), tests.part(0, 1).support.x[0])
    assert of.encode(["unheard of"]).shape == (1, *tests.spec.x_shape)


def test_a_run_keeps_its_division(tmp_path: Path) -> None:
    of = source(tmp_path, setting="both-new", **NEW_ITEMS)
    record = {split: list(of.tasks(split, SIZES).hash_tasks()) for split in ("train", "validation", "test")}  # type: ignore[attr-defined]
    previous = of.contents().division
    rows = [*ratings(users=22), ("u0", "brand new", 3.0, 99)]
    write_ratings(tmp_path, rows)
    resumed = of.keep_classes(record)  # type: ignore[arg-type]
    division = resumed.contents().division
    assert division.users == previous.users
    assert division.old_items == previous.old_items
    assert set(division.new_items) == {*previous.new_items, "brand new"}
    added = of.keep_classes(record, add_new=True).contents().division  # type: ignore[arg-type]
    assert {"u20", "u21"} <= set(added.users["test"])
    assert of.noun == "name"


def test_descriptions(tmp_path: Path) -> None:
    lines = ["1::a::3::1", *("::".join(map(str, row)) for row in ratings()), "u0::i0::3::100"]
    of = Ratings(
        file=write_lines(tmp_path / "r.dat", lines), items=write_films(tmp_path), history=4, test=0.4, split_seed=2
    )
    line = of.describe_classes()
    assert "\n" not in line
    for part in (
        "10 training, 3 validation and 8 test users, 25 old and 0 new items in ",
        "setting new-user: test users are new, items are old",
        "ratings from 1 to 5, ",
        "1 of 25 items have no row in --items",
        "columns that tell little apart, so left out: item title",
    ):
        assert part in line.replace("from 0 to", "from 1 to"), part
    omissions = [of.describe_omissions(split, SIZES) for split in ("train", "validation", "test")]
    assert sum("(1 1)" in omission for omission in omissions) == 1  # the user with one rating
    assert sum(bool(omission) for omission in omissions) == 1


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"history": 0}, "history at least 1, got 0 and 0"),
        ({"skip_small": -1}, "skip_small must not be negative"),
        ({"new_items": 1.0}, "new_items must be a fraction below 1, got 1.0"),
        ({"new_items": 0.0, "setting": "both-new"}, "--setting both-new needs new items. Raise --new-items"),
        ({"rating_range": (5.0, 1.0)}, "--rating-range must be the lowest and the highest rating, got 5 1"),
        ({"item_inputs": "both"}, "--item-inputs both needs --items"),
        ({"validation": 0.6, "test": 0.4}, "fractions that leave something to train on"),
        ({"setting": "cold"}, "setting must be warm, new-user, new-item or both-new, got 'cold'"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        source(tmp_path, **settings)


def test_splits_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"5 shots must come from the history .* 4 ratings. .* raise --history to 5"):
        source(tmp_path).tasks("test", Sizes(ways=1, shots=5, queries=2))
    with pytest.raises(ConfigError, match=r"there are no validation users, because validation is 0. Raise it."):
        source(tmp_path, validation=0.0).tasks("validation", SIZES)
    assert not source(tmp_path, validation=0.0).has_split("validation")
    with pytest.raises(TaskError, match="no user of 4 has 3 support ratings and then 30 or more later ones"):
        source(tmp_path).tasks("test", Sizes(ways=1, shots=3, queries=30))
    with pytest.raises(
        TaskError, match=r"30 shots . 2 queries need as many ratings of a user, the largest of 13 users has 16"
    ):
        source(tmp_path).tasks("train", Sizes(ways=1, shots=30, queries=2))


def test_bad_ratings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ratings must be from 1 to 3"):
        source(tmp_path, rating_range=(1.0, 3.0)).contents()
    equal = [(user, item, 4.0, time) for user, item, _, time in ratings()]
    with pytest.raises(DataError, match="ratings must differ, all of the training users are 4"):
        Ratings(file=write_ratings(tmp_path, equal), history=4).tasks("train", SIZES)
    with pytest.raises(DataError, match="--skip-small 99 leaves out all 20 users"):
        source(tmp_path, skip_small=99).contents()
