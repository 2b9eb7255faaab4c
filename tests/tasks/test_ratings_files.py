"""Files of ratings in every form, and bad ones."""

from pathlib import Path

import pytest
import torch

from tokay import ConfigError, DataError
from tokay.tasks.ratings_files import RatingColumns, RatingRows, leave_out_small, read_ratings

from .rating_files import write_lines

pandas = pytest.importorskip("pandas")

# Two users; u2 rated b before a.
ROWS = (("u1", "a", "4", "10"), ("u2", "a", "5", "30"), ("u2", "b", "1.5", "20"), ("u1", "c", "2", "11"))
HEADS = ("userId", "movieId", "rating", "timestamp")


def read(
    path: str, columns: RatingColumns | None = None, rating_range: tuple[float, float] | None = None
) -> RatingRows:
    return read_ratings(Path(path), columns or RatingColumns(), "ratings", rating_range=rating_range)


def as_rows(rows: RatingRows) -> list[tuple[str, str, float]]:
    triples = zip(rows.user.tolist(), rows.item.tolist(), rows.rating.tolist(), strict=True)
    return [(rows.users[user], rows.items[item], rating) for user, item, rating in triples]


IN_ORDER = [("u1", "a", 4.0), ("u1", "c", 2.0), ("u2", "b", 1.5), ("u2", "a", 5.0)]


@pytest.mark.parametrize(
    "name, between, heads",
    [
        ("ratings.dat", "::", None),  # MovieLens 1M, MovieTweetings
        ("u.data", "\t", None),  # MovieLens 100K
        ("ratings_Books.csv", ",", None),  # Amazon
        ("ratings.csv", ",", HEADS),  # MovieLens 25M
        ("r.csv", ";", ("User-ID", "ISBN", "Book-Rating", "Date")),
        ("r.tsv", "\t", ("user_id", "item_id", "stars", "time")),
        ("r.dat", "::", ("user", "item", "rating", "time")),
    ],
)
def test_every_form(tmp_path: Path, name: str, between: str, heads: tuple[str, ...] | None) -> None:
    lines = [between.join(row) for row in (*([heads] if heads else []), *ROWS)]
    rows = read(write_lines(tmp_path / name, lines))
    assert as_rows(rows) == IN_ORDER
    assert rows.notes == ()
    assert rows.unit == (heads[2] if heads else "rating")
    assert rows.span() == (1.5, 5.0)


def test_json_lines_and_parquet(tmp_path: Path) -> None:
    frame = pandas.DataFrame(ROWS, columns=HEADS).astype({"rating": float, "timestamp": int})
    frame.to_json(tmp_path / "r.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "r.parquet")
    for name in ("r.jsonl", "r.parquet"):
        assert as_rows(read(str(tmp_path / name))) == IN_ORDER


def test_names_stay_text_and_numbers_in_them_are_names(tmp_path: Path) -> None:
    lines = ["user,item,rating", "007,0012,3", "7,12,4"]
    assert read(write_lines(tmp_path / "r.csv", lines)).users == ["007", "7"]
    frame = pandas.DataFrame({"user": [1, 2], "item": [3.0, 4.0], "rating": [1, 2]})
    frame.to_parquet(tmp_path / "r.parquet")
    rows = read(str(tmp_path / "r.parquet"))
    assert (rows.users, rows.items) == (["1", "2"], ["3", "4"])


def test_byte_order_mark_and_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes("user;item;rating\r\nu;a;3,5\r\nu;b;4,0\r\n".encode("utf-8-sig"))
    assert as_rows(read(str(path))) == [("u", "a", 3.5), ("u", "b", 4.0)]


def test_columns_of_other_names(tmp_path: Path) -> None:
    lines = ["who,what,liking,when,item", "u,a,3,2,x", "u,b,4,1,x"]
    columns = RatingColumns(user="who", item="what", rating="liking", time="when")
    rows = read(write_lines(tmp_path / "r.csv", lines), columns)
    assert as_rows(rows) == [("u", "b", 4.0), ("u", "a", 3.0)]


def test_dates_and_no_times(tmp_path: Path) -> None:
    lines = ["user,item,rating,date", "u,a,3,2024-02-01", "u,b,4,2024-01-31T10:00:00"]
    assert [row[1] for row in as_rows(read(write_lines(tmp_path / "r.csv", lines)))] == ["b", "a"]
    rows = read(write_lines(tmp_path / "r.csv", [line.rpartition(",")[0] for line in lines]))
    assert [row[1] for row in as_rows(rows)] == ["a", "b"]
    assert rows.notes == ("no times, so the order of the lines counts",)


def test_the_last_rating_of_an_item_counts(tmp_path: Path) -> None:
    rows = read(write_lines(tmp_path / "r.dat", ["u::a::5::9", "u::b::3::2", "u::a::1::1", "v::a::2::0"]))
    assert as_rows(rows) == [("u", "b", 3.0), ("u", "a", 5.0), ("v", "a", 2.0)]
    assert rows.notes == ("1 ratings of an item that the user rated again later left out",)


def test_lines_without_a_user_are_left_out(tmp_path: Path) -> None:
    rows = read(write_lines(tmp_path / "r.csv", ["user,item,rating", "u,a,5", ",b,3", "v,,2", "v,a,"]))
    assert as_rows(rows) == [("u", "a", 5.0)]
    assert rows.notes[0] == "3 lines without user, item or rating left out"


def test_small_users_are_left_out(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.dat", ["u::a::5::9", "v::b::3::2", "v::c::1::3"])
    rows = leave_out_small(read(path), 2, "ratings")
    assert (rows.users, rows.items, as_rows(rows)) == (["v"], ["b", "c"], [("v", "b", 3.0), ("v", "c", 1.0)])
    assert rows.notes == ("1 users with fewer than 2 ratings left out",)
    with pytest.raises(DataError, match=r"--skip-small 3 leaves out all 2 users, the largest has 2 ratings. Lower it."):
        leave_out_small(read(path), 3, "ratings")


@pytest.mark.parametrize(
    "lines, message",
    [
        (["u::a::5::9", "u::b::3"], r"r.dat must have 4 fields in every line .*, line 2 has 3. Mend or remove it."),
        (["u::a::5::9", "", "u::b::3::4::5"], "line 3 has 5"),
        (["u::a::5::9", "u::b::good::9"], "rating must hold numbers, 1 of 2 in .* are none, such as 'good' .row 2."),
        (["u::a::5::9", "u::b::inf::9"], "rating must hold numbers, .* such as 'inf'"),
        (["u::a::5::9", "u::b::3::soon"], "time must hold numbers, or dates .* such as 'soon' .row 2."),
        (["u::a"], "must have users, items and ratings, its first line has 2 fields"),
        (["", " "], "must have rows, it is empty"),
        (["user,item,rating"], "must have rows below the names of its columns"),
        (["user,item,rating", "u,,5"], "must have rows with user, item, rating, it has none"),
    ],
)
def test_bad_lines(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as failure:
        read(write_lines(tmp_path / "r.dat", lines))
    assert str(failure.value).startswith("ratings: ")
    assert "\n" not in str(failure.value)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read .No such file"):
        read(str(tmp_path / "missing.dat"))
    with pytest.raises(DataError, match="must be a file, it is a folder"):
        read(str(tmp_path))
    (tmp_path / "r.zip").write_bytes(b"PK\x03\x04\0\0\0")
    with pytest.raises(DataError, match=r"must be text, it is none. Unpack it"):
        read(str(tmp_path / "r.zip"))


@pytest.mark.parametrize(
    "columns, message",
    [
        (RatingColumns(rating="ratin"), "has no column ratin. Did you mean rating"),
        (RatingColumns(user="movieId"), "user, item, rating and time must be different columns, got movieId"),
    ],
)
def test_bad_columns(tmp_path: Path, columns: RatingColumns, message: str) -> None:
    path = write_lines(tmp_path / "r.csv", [",".join(row) for row in (HEADS, *ROWS)])
    with pytest.raises(ConfigError, match=message):
        read(path, columns if columns.user is None else RatingColumns(user="movieId", item="movieId"))


def test_a_column_that_cannot_be_guessed(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.csv", ["who,item,rating", "u,a,3"])
    with pytest.raises(
        ConfigError, match=r"has no column that is called user or alike. It has who, item, rating. .*--user"
    ):
        read(path)


def test_ratings_out_of_range(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.dat", ["u::a::5::9", "u::b::55::9", "u::c::0::9"])
    message = "must be from 1 to 5 .--rating-range., 2 of 3 .* such as 55. The file has 0 to 55: mend it, or change"
    with pytest.raises(DataError, match=message):
        read(path, rating_range=(1, 5))
    assert torch.equal(read(path, rating_range=(0, 55)).rating, torch.tensor([5.0, 55.0, 0.0]).double())
