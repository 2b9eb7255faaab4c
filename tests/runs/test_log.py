"""The log of a training, whole or cut short by a kill."""

import json
from pathlib import Path

import pytest

from tokay import DataError
from tokay.runs.log import append_to_log, cut_log, read_log


def test_lines_there_and_back(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []
    for step in (10, 20):
        append_to_log(tmp_path, {"step": step, "loss": float("nan")})
    assert read_log(tmp_path) == [{"step": 10, "loss": None}, {"step": 20, "loss": None}]


def test_a_last_line_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 10}\n{"ste')
    assert read_log(tmp_path) == [{"step": 10}]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 10\n{"step": 20}\n')
    with pytest.raises(DataError, match="must be one JSON object per line"):
        read_log(tmp_path)


@pytest.mark.parametrize("tail", ["", '{"step": 30, "loss', '{"step": 30, "loss": 1.0}', "\x00\x00"])
def test_cutting_the_log(tmp_path: Path, tail: str) -> None:
    file = tmp_path / "metrics.jsonl"
    complete = "".join(json.dumps({"step": step, "loss": 0.5}) + "\n" for step in (10, 20))
    file.write_text(complete + tail)
    cut_log(tmp_path, 30)
    assert file.read_text() == complete
    cut_log(tmp_path, 20)
    assert file.read_text() == complete
    cut_log(tmp_path, 19)
    assert file.read_text() == complete.splitlines(keepends=True)[0]
    cut_log(tmp_path / "none", 3)
    assert not (tmp_path / "none").exists()
