"""Features of items and users."""

from pathlib import Path

import pytest

from tokay import ConfigError, DataError
from tokay.tasks.ratings_features import FeatureTable, Field, fit_fields, read_features

from .rating_files import write_films, write_lines, write_people

pytest.importorskip("pandas")

ITEMS = {f"i{number}" for number in range(24)}


def items(path: str, column: str | None = None, present: set[str] = ITEMS) -> FeatureTable:
    return read_features(Path(path), "item", column, present, "ratings")


def fields_of(columns: dict[str, list[str]], training: set[str] | None = None) -> tuple[dict[str, Field], list[str]]:
    names = tuple(f"i{place}" for place in range(len(next(iter(columns.values())))))
    table = FeatureTable(names, {name: tuple(texts) for name, texts in columns.items()})
    fields, omissions = fit_fields(table, set(names) if training is None else training)
    return {field.name: field for field in fields}, omissions


def test_films_as_movielens_has_them(tmp_path: Path) -> None:
    table = items(write_films(tmp_path))
    assert list(table.columns) == ["title", "genres", "year"]
    assert table.rows()["i1"] == ("Film 1 (1991)", "Comedy|Short", "1991")
    fields, omissions = fit_fields(table, ITEMS)
    assert omissions == ["title"]
    assert [field.name for field in fields] == ["genres", "year"]
    assert dict(fields[0].index) == {"Comedy": 1, "Drama": 2, "Short": 3}
    assert fields[0].encode("Comedy|Short") == [1, 3]
    assert (fields[1].encode("1990"), fields[1].encode("2050")) == ([4], [9])  # six categories of years


def test_people(tmp_path: Path) -> None:
    present = {f"u{number}" for number in range(20)}
    table = read_features(Path(write_people(tmp_path)), "user", None, present, "ratings")
    fields, omissions = fit_fields(table, present)
    assert ([field.name for field in fields], omissions) == (["gender", "age"], [])


@pytest.mark.parametrize(
    "lines",
    [
        ["movieId,title,genres", 'i1,"A, or B (1990)",Drama', "i2,C (1991),Comedy"],
        ["genres\tid\ttitle", "Drama\ti1\tA, or B (1990)", "Comedy\ti2\tC (1991)"],
        ["what;title;genres", "i1;A, or B (1990);Drama", "i2;C (1991);Comedy"],  # the first column
        ["i1|A, or B (1990)|Drama|0", "i2|C (1991)|Comedy|1"],  # u.item of MovieLens 100K: no line of names
    ],
)
def test_other_files(tmp_path: Path, lines: list[str]) -> None:
    table = items(write_lines(tmp_path / "items.csv", lines))
    assert table.names == ("i1", "i2")
    assert table.columns["year"] == ("1990", "1991")


def test_the_column_of_the_ratings_names_that_of_the_items(tmp_path: Path) -> None:
    lines = ["id,sku,colour", "1,i1,red", "2,i2,blue"]
    assert items(write_lines(tmp_path / "items.csv", lines), "sku").names == ("i1", "i2")


def test_values_of_one_item_share_a_category() -> None:
    fields, _ = fields_of({"colour": ["red", "red", "blue", "blue", "green"]})
    field = fields["colour"]
    assert [field.encode(text) for text in ("blue", "red", "green", "black", "")] == [[1], [2], [3], [3], []]


def test_without_rare_values_an_unknown_one_is_padding() -> None:
    fields, _ = fields_of({"colour": ["red", "red", "blue", "blue"]})
    assert fields["colour"].encode("black") == []


def test_categories_come_from_training_items() -> None:
    fields, _ = fields_of({"colour": ["red", "red", "blue", "blue", "green", "green"]}, {"i0", "i1", "i2", "i3"})
    assert set(fields["colour"].index) == {"red", "blue"}


def test_columns_that_tell_little_are_left_out() -> None:
    columns = {"title": ["a", "b", "c", "d"], "constant": ["x"] * 4, "empty": [""] * 4, "flag": ["0", "1", "1", "0"]}
    fields, omissions = fields_of(columns)
    assert (list(fields), omissions) == (["flag"], ["title", "constant", "empty"])


def test_numbers_are_divided_into_ten_equal_parts() -> None:
    fields, _ = fields_of({"price": [str(number) for number in range(40)]})
    numbers = [fields["price"].encode(str(number)) for number in (0, 3, 4, 39)]
    assert numbers == [[1], [1], [2], [10]]
    assert fields["price"].encode("unknown") == []


@pytest.mark.parametrize(
    "lines, kind, message",
    [
        (["i1::A::Drama", "i2::B"], DataError, "must have 3 fields in every line .*, line 2 has 2"),
        (["i1::A::Drama", "i1::B::Drama"], DataError, "must have one row for each item, i1 has more"),
        (
            ["x1::A::Drama"],
            DataError,
            "must have rows for the items that are rated, it has none: .* 'x1', ratings are of 'i0'",
        ),
        (["item", "i1", "i2"], ConfigError, "must have a column beside item, it has none. Leave out --items"),
        ([""], DataError, "must have rows, it is empty"),
    ],
)
def test_bad_files(tmp_path: Path, lines: list[str], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        items(write_lines(tmp_path / "movies.dat", lines))
