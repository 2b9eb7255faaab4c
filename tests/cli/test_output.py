"""The two screens and their tables."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    for command in (["list"], ["--help"]):
        with Path("/dev/full").open("w") as full:
            process = subprocess.run(
                [sys.executable, "-m", "tokay", *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert process.returncode == 2
        assert process.stderr == "tokay: the output cannot be written: the disk is full. Free some space.\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin1", "cp1252"])
def test_letters_that_the_terminal_lacks(encoding: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tokay", "list"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, b"")
    assert "reptile" in process.stdout.decode(encoding)


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_closed_streams(closed: str) -> None:
    process = subprocess.run(
        f"{sys.executable} -m tokay list {closed}", shell=True, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_a_warning_is_one_line(tmp_path: Path) -> None:
    """A cache that cannot be written costs time only: the program goes on."""
    (tmp_path / "file").touch()
    process = subprocess.run(
        [sys.executable, "-m", "tokay", "train", "scratch", "glyphs", "--size", "16", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env={**os.environ, "TOKAY_CACHE": str(tmp_path / "file" / "cache")},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    warnings = [line for line in process.stderr.splitlines() if "cannot store decoded images" in line]
    assert all(line.startswith("glyphs: cannot store") for line in warnings)
    assert warnings
    assert "warnings.warn" not in process.stderr
