"""The log of a training, whole or cut short by a kill."""

import json
import os
from pathlib import Path

import pytest

from tokay import DataError
from tokay.runs.log import append_to_log, cut_log, describe_damage, read_log


def test_lines_there_and_back(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []
    for step in (10, 20):
        append_to_log(tmp_path, {"step": step, "mse": float("nan")})
    assert read_log(tmp_path) == [{"step": 10, "mse": None}, {"step": 20, "mse": None}]


def test_a_last_line_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "mse": 1}\n{"ste')
    assert read_log(tmp_path) == [{"step": 10, "mse": 1}]


GOOD = b'{"step": 10, "loss": 0.5, "mse": 0.5, "validation": {"loss": {"mean": 0.5, "ci95": null}}}\n'
DAMAGE = {
    b"gibberish": "line 2 must be one JSON object of a step, and is not",
    b'{"step": 20, "loss": 0.\xff}': "and is not",
    b"\x00" * 100: "and is not",
    b"[1]": "and is list",
    b"[" * 100_000: "and is not",
    b'{"stop": 20, "loss": 0.5}': "and has no step",
    b'{"step": "20", "loss": 0.5}': "and has a step that is no number of a step",
    b'{"step": true, "loss": 0.5}': "and has a step that is no number of a step",
    b'{"step": -3, "loss": 0.5}': "and has a step that is no number of a step",
    b'{"step": 20, "loss": "low"}': "and has a value of 'loss' that is no number",
    b'{"step": 20, "loss": 1' + b"0" * 400 + b"}": "and has a value of 'loss' that is no number",
    b'{"step": 20, "validation": {"loss": 1}}': "and has a value of 'validation' that is no number",
    b'{"step": 20, "loss": 1, "mse": 1, "validation": {"loss": {}}}': "and has a value of 'validation' that is no number",
    b'{"step": 20, "loss": 0.5}': "and has none of accuracy, mse, bits",
}


@pytest.mark.parametrize("line", DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_line_is_named_and_kept(tmp_path: Path, line: bytes) -> None:
    """At the start and in the middle: resuming removes no line of an earlier step, and none that it cannot read."""
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(GOOD + line + b"\n" + GOOD)
    with pytest.raises(DataError) as caught:
        read_log(tmp_path)
    assert str(caught.value).startswith(f"{file}: line 2 must be one JSON object of a step, and ")
    assert DAMAGE[line] in str(caught.value)
    assert "Remove the line" in str(caught.value)
    assert describe_damage(tmp_path) == [str(caught.value).split(". Remove")[0]]
    cut_log(tmp_path, 10)
    assert file.read_bytes() == GOOD + line + b"\n" + GOOD
    file.write_bytes(line + b"\n" + GOOD + GOOD.replace(b"10", b"20") + b'{"ste')
    cut_log(tmp_path, 10)
    assert file.read_bytes() == line + b"\n" + GOOD
    cut_log(tmp_path, 0)
    assert file.read_bytes() == line + b"\n"


def test_a_log_with_nothing_to_cut_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(GOOD)
    monkeypatch.setattr("tokay.runs.log.write_atomically", None)
    cut_log(tmp_path, 10)
    assert file.read_bytes() == GOOD
    assert describe_damage(tmp_path) == []


def test_a_log_that_is_no_file_is_not_read(tmp_path: Path) -> None:
    """A pipe would block, and a device has no end."""
    os.mkfifo(tmp_path / "metrics.jsonl")
    assert read_log(tmp_path) == describe_damage(tmp_path) == []
    cut_log(tmp_path, 10)


@pytest.mark.parametrize("tail", ["", '{"step": 30, "loss', '{"step": 30, "mse": 1.0}', "\x00\x00"])
def test_cutting_the_log(tmp_path: Path, tail: str) -> None:
    file = tmp_path / "metrics.jsonl"
    complete = "".join(json.dumps({"step": step, "mse": 0.5}) + "\n" for step in (10, 20))
    file.write_text(complete + tail)
    cut_log(tmp_path, 30)
    assert file.read_text() == complete
    cut_log(tmp_path, 20)
    assert file.read_text() == complete
    cut_log(tmp_path, 19)
    assert file.read_text() == complete.splitlines(keepends=True)[0]
    cut_log(tmp_path / "none", 3)
    assert not (tmp_path / "none").exists()
