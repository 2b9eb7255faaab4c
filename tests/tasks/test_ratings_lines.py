"""Lines of fields."""

from pathlib import Path

import pytest

from tokay import DataError
from tokay.tasks.ratings_lines import find_fields, read_text, split_lines


def test_two_colons_divide_and_quotes_are_text() -> None:
    text = 'i1::Film "A" (1990)::Drama\ni2::B:1, or C (1991)::Comedy\n'
    assert find_fields(text) == ("::", ["i1", 'Film "A" (1990)', "Drama"])
    rows = split_lines(text, "f", "ratings", delimiter="::", fields=3)
    assert rows[1] == ["i2", "B:1, or C (1991)", "Comedy"]


def test_quotes_hold_delimiters_elsewhere() -> None:
    assert find_fields('1,"a, b",3\n2,c,4\n') == (",", ["1", "a, b", "3"])


def test_a_line_that_is_short() -> None:
    with pytest.raises(DataError, match=r"ratings: f must have 2 fields in every line .divided at ','., line 3 has 1"):
        split_lines("a,b\n\nc\n", "f", "ratings", delimiter=",", fields=2)


def test_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes("é,b\n".encode("latin-1"))
    assert read_text(path, "ratings") == "é,b\n"
