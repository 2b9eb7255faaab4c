"""A source whose kind depends on its data."""

from pathlib import Path

import pytest

from tokay.cli.early_source import own_words, resolve_early
from tokay.errors import DataError
from tokay.tasks import Sinusoid, Table

CSV = "who,x,y\n" + "".join(f"p{i},{i},{i * 1.5}\n" for i in range(8))


def test_the_kind_comes_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV)
    words = ["--steps", "3", "--file", str(tmp_path / "t.csv"), "--target", "y", "--task", "who", "--columns", "x"]
    source = resolve_early(Table, words, "tokay")
    assert isinstance(source, Table)
    assert (source.kind, source.columns) == ("regression", ("x",))
    rows = [f"{x},{x % 3},p{x // 5}" for x in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,who", *rows]))
    source = resolve_early(Table, [*words, "--kind=classification"], "tokay")
    assert (source.kind, source.test_sizes.ways) == ("classification", 3)


def test_what_the_parser_of_all_flags_decides(tmp_path: Path) -> None:
    assert resolve_early(Sinusoid, ["--variant", "no"], "tokay") is Sinusoid
    for words in (["--target", "y"], ["--file", "t.csv", "--target", "y", "--help"], ["--file", "t", "--test", "7"]):
        assert resolve_early(Table, words, "tokay") is Table
    with pytest.raises(DataError, match="cannot be read"):
        resolve_early(Table, ["--file", str(tmp_path / "gone.csv"), "--target", "y"], "tokay")


def test_words_of_one_source() -> None:
    words = ["--inner-lr", "0.1", "--columns", "a", "b", "--out=r", "--order_by", "day", "--ways", "2"]
    assert own_words(Table, words) == ["--columns", "a", "b", "--order_by", "day"]
