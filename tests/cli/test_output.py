"""The two screens and their tables."""

from io import StringIO

import pytest
from rich.console import Console

from tokay.cli.output import stderr, stdout, table


def test_results_and_everything_else_are_separate(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.print("result :smile:")
    stderr.print("else :smile:")
    assert capsys.readouterr() == ("result :smile:\n", "else :smile:\n")


def test_table_has_numbers_to_the_right() -> None:
    listing = table("title", "name", "score")
    assert [column.justify for column in listing.columns] == ["left", "right"]
    assert listing.title == "title"


def test_a_narrow_table_cuts_nothing() -> None:
    listing = table("title", "name", "score")
    listing.add_row("x" * 60, "98.77 ± 0.12")
    narrow = Console(file=StringIO(), width=40)
    narrow.print(listing)
    assert isinstance(narrow.file, StringIO)
    text = narrow.file.getvalue()
    assert text.count("x") == 60
    assert "…" not in text


def test_the_console_asks_for_its_stream_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = StringIO()
    monkeypatch.setattr("sys.stdout", elsewhere)
    stdout.print("here")
    assert elsewhere.getvalue() == "here\n"
