import pytest

from tokay.errors import DataError
from tokay.tasks.delimited_text import find_delimiter, read_decimal_commas, read_delimited

pandas = pytest.importorskip("pandas")


def rows_of(text: str, **settings: object) -> dict[str, list[object]]:
    frame = read_delimited(text, "t.csv", "table", **settings)  # type: ignore[arg-type]
    return {name: frame[name].tolist() for name in frame.columns}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_seen(delimiter: str) -> None:
    text = "a,b,c\n1,2,x\n3,4,y\n".replace(",", delimiter)
    assert find_delimiter(text) == delimiter
    assert rows_of(text) == {"a": [1, 3], "b": [2, 4], "c": ["x", "y"]}


def test_decimal_commas() -> None:
    text = "n;price;code;name\n1;3,5;1,2,3;a, b\n2;1.234,25;4,5;c\n3;;6;d\n"
    rows = rows_of(text)
    assert rows["price"][:2] == [3.5, 1234.25]
    assert rows["code"] == ["1,2,3", "4,5", "6"]  # 1,2,3 is no number, so none of the column is
    assert rows["n"] == [1, 2, 3]


def test_a_point_is_no_thousand() -> None:
    column = pandas.Series(["1.5", "2,5"])
    assert read_decimal_commas(column) is column


def test_text_with_the_delimiter_in_quotes() -> None:
    assert rows_of('text,label\n"well, yes",a\n"no\nno",b\n') == {"text": ["well, yes", "no\nno"], "label": ["a", "b"]}


def test_row_names_are_no_column() -> None:
    assert rows_of(",a,b\n0,1,2\n1,3,4\n") == {"a": [1, 3], "b": [2, 4]}  # as pandas writes them
    assert rows_of('"a" ,"b"\n"r1",1,2\n"r2",3,4\n') == {"a": [1, 3], "b": [2, 4]}  # as R writes them


@pytest.mark.parametrize("text", ["a,b\n1,2,\n3,4,\n", "a,b,\n1,2,\n3,4,\n"])
def test_a_delimiter_at_the_end_shifts_nothing(text: str) -> None:
    assert rows_of(text) == {"a": [1, 3], "b": [2, 4]}


def test_missing_values_and_strings() -> None:
    rows = rows_of("code,value,word\n007,?,NA\n8,NA,\n", strings=["code", "word"])
    assert rows["code"] == ["007", "8"]
    assert rows["word"][0] == "NA"
    assert pandas.isna(rows["word"][1])
    assert pandas.isna(rows["value"]).all()


def test_empty_lines_are_passed_over() -> None:
    assert rows_of("\na,b\n\n1,2\n\n3,4\n") == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a,b,c\n1,2,3\n1,2\n",
            r"table: t.csv must have 3 fields in every row, line 3 has 2 \(divided at ','\)\. Mend",
        ),
        ("a,b\n1,2\n1,2,3\n", "2 fields in every row, line 3 has 3"),
        ("a,b,a\n1,2,3\n", "two columns of t.csv have the name a. Rename"),
        ("a,,b\n1,2,3\n", "column 2 of t.csv must have a name"),
        ("a,b\n", "must have rows below the names"),
        ('a,b\n1,"' + "x" * 200_000, "cannot be divided into fields at line .* never closed"),
    ],
)
def test_bad_rows_are_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        rows_of(text)
    assert "\n" not in str(error.value)
