"""Thousands of random command lines: none ends in a traceback, none loses a run."""

import hashlib
import time
from pathlib import Path

import pytest

from tokay.cli.main import main

from .fuzz import command_line

SECONDS = 60  # in `make test`; `make test-all` runs all cases
CASES = 10_000


def failure(words: list[str], capfd: pytest.CaptureFixture[str]) -> str | None:
    """What is wrong with the way that a command line ended; None if nothing is."""
    try:
        code = main(words)
    except SystemExit as stop:  # --help
        code = int(stop.code or 0)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    out, err = capfd.readouterr()
    if code not in (0, 2) or (code == 2 and err.rstrip("\n").count("\n") > err.count("Inverted") + 2):
        return f"exit {code}: {err[-300:]}"
    return "a refusal says nothing" if code == 2 and not (err or out) else None


def fingerprint(run: Path) -> str:
    """A hash of the files that every command needs. Pictures may be drawn again."""
    files = sorted(file for file in run.iterdir() if file.suffix in (".json", ".safetensors", ".jsonl"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def run_cases(numbers: range, runs: list[Path], folder: Path, capfd: pytest.CaptureFixture[str], seconds: float) -> int:
    prints = [fingerprint(run) for run in runs]
    start, count = time.monotonic(), 0
    failures: dict[str, str] = {}
    for number in numbers:
        if time.monotonic() - start > seconds:
            break
        words = command_line(number, runs, folder)
        complaint = failure(words, capfd)
        if complaint is not None:
            failures[f"{number}: {words}"] = complaint
        count += 1
    assert not failures, "\n".join(f"{words}\n    {complaint}" for words, complaint in failures.items())
    assert [fingerprint(run) for run in runs] == prints
    return count


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.filterwarnings("default")
def test_for_a_minute(place: Path, proto_run: Path, reptile_run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_cases(range(CASES), [proto_run, reptile_run], place, capfd, SECONDS) > 50


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ten_thousand(place: Path, proto_run: Path, reptile_run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_cases(range(CASES), [proto_run, reptile_run], place, capfd, float("inf")) == CASES
