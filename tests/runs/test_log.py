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


GOOD = b'{"step": 10, "loss": 0.5, "mse": 0.5, "validation": {"mse": {"mean": 0.5, "ci95": null}}}\n'
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


@pytest.mark.parametrize(
    "line, name",
    [
        ({"step": 20, "accuracy": 0.5}, "loss"),
        ({"step": 20, "loss": 0.5, "mse": 0.5}, "accuracy"),
        ({"step": 20, "loss": 0.5, "accuracy": 0.5}, "log_likelihood"),
        (
            {"step": 20, "loss": 1, "accuracy": 1, "log_likelihood": 1, "validation": {"mse": {"mean": 1, "ci95": 1}}},
            "validation.loss",
        ),
    ],
)
def test_a_line_without_a_measure_of_the_first_one(tmp_path: Path, line: dict[str, object], name: str) -> None:
    """A figure draws a measure of all lines."""
    append_to_log(tmp_path, {"step": 10, "loss": 0.5, "accuracy": 0.5, "log_likelihood": 0.5})
    append_to_log(tmp_path, line)
    with pytest.raises(DataError, match=f"line 2 must be one JSON object of a step, and lacks {name}. Remove the line"):
        read_log(tmp_path)
    assert describe_damage(tmp_path) == []  # a training goes on


def test_a_log_of_which_no_line_is_good_takes_a_few_sentences(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("gibberish\n" * 60)
    assert len(describe_damage(tmp_path)) == 4
    assert "each of 57 more lines must be one JSON object of a step" in describe_damage(tmp_path)[-1]


def test_a_link_to_another_file_of_the_run_gets_no_lines(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}\n")
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "run.json")
    for write in (lambda: append_to_log(tmp_path, {"step": 10, "mse": 1.0}), lambda: cut_log(tmp_path, 0)):
        with pytest.raises(DataError, match=r"metrics.jsonl: must be a file of its own, and is a link to run.json"):
            write()
    assert (tmp_path / "run.json").read_text() == "{}\n"
