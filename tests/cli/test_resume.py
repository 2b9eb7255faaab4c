"""``tokay train --resume``: longer runs, other patience, other threads, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tokay.files import read_tensors, write_tensors
from tokay.runs.settings import read

from .helpers import Call, quietly, refused

QUICK = ("train", "maml", "sinusoid", "--inner-lr", "0.01", "--meta-batch", "2", "--shots", "5", "--queries", "5")
VALIDATE = ("--validate-every", "5", "--validation-tasks", "2")


def train(out: Path, *words: str, method: tuple[str, ...] = QUICK) -> Path:
    quietly(*method, *VALIDATE, *words, "--out", out)
    return out


def weights(run: Path) -> dict[str, torch.Tensor]:
    return {**read_tensors(run / "state.safetensors")[0], **read_tensors(run / "model.safetensors")[0]}


def step_of(run: Path) -> int:
    step = json.loads(read_tensors(run / "state.safetensors")[1]["progress"])["step"]
    assert isinstance(step, int)
    return step


@pytest.mark.parametrize("steps", ["10", "7"])
def test_a_run_that_is_made_longer_is_one_started_with_that_total(steps: str, tmp_path: Path, call: Call) -> None:
    """The weights are. After 7 steps the last one was validated, too, and may stay the best."""
    longer, planned = train(tmp_path / "longer", "--steps", steps), train(tmp_path / "planned", "--steps", "20")
    result = call("train", "--resume", longer, "--steps", "20")
    assert result.code == 0
    assert "followed" not in result.err
    assert step_of(longer) == 20
    mine, theirs = (
        {
            name: value
            for name, value in read_tensors(run / "state.safetensors")[0].items()
            if steps == "10" or "best" not in name
        }
        for run in (longer, planned)
    )
    assert all(torch.equal(mine[name], theirs[name]) for name in {**mine, **theirs})
    assert json.loads((longer / "run.json").read_text()) == json.loads((planned / "run.json").read_text())
    assert "is complete, all 20 steps" in call("train", "--resume", longer).err


def test_the_total_of_a_run_that_is_not_complete_changes_too(tmp_path: Path, call: Call) -> None:
    run = train(tmp_path / "run", "--steps", "10")
    assert call("train", "--resume", run, "--steps", "30").code == 0
    refused(
        call("train", "--resume", run, "--steps", "29"), "--steps is the new total, at least the 30 steps", "--steps 59"
    )
    refused(call("train", "--resume", run, "--steps", "-1"), "got -1")
    assert read(run)[0].fit.steps == 30
    result = call("train", "--resume", run, "--steps", "30")
    assert (result.code, step_of(run)) == (0, 30)


def test_a_schedule_that_follows_the_total_is_named(tmp_path: Path, call: Call) -> None:
    reptile = (
        "train",
        "reptile",
        "sinusoid",
        "--inner-steps",
        "1",
        "--meta-batch",
        "2",
        "--shots",
        "5",
        "--queries",
        "5",
    )
    run = train(tmp_path / "run", "--steps", "10", method=reptile)
    result = call("train", "--resume", run, "--steps", "20")
    assert result.code == 0
    assert "the learning rate (linear) followed a total of 10 steps so far" in result.err


def test_a_failure_leaves_the_total(tmp_path: Path, call: Call) -> None:
    run = train(tmp_path / "run", "--steps", "10")
    settings = (run / "run.json").read_bytes()
    refused(call("train", "--resume", run, "--steps", "5"), "at least the 10 steps")
    refused(call("train", "--resume", run, "--steps", "20", "--patience", "-1"), "patience must not be negative")
    refused(call("train", "--resume", run, "--steps", "20", "--minutes", "1"), "Give one of them")
    refused(call("train", "--resume", run, "--minutes", "0"), "--minutes must be above 0")
    assert (run / "run.json").read_bytes() == settings


def test_a_run_of_the_first_format_is_made_longer(tmp_path: Path, call: Call) -> None:
    """All else in its settings stays as it was."""
    run = shutil.copytree(Path(__file__).parent.parent / "runs" / "format_1" / "reptile", tmp_path / "run")
    previous = json.loads((run / "run.json").read_text())
    total = previous["fit"]["steps"] + 2
    assert call("train", "--resume", run, "--steps", str(total)).code == 0
    settings = json.loads((run / "run.json").read_text())
    assert settings["fit"] == {**previous["fit"], "steps": total, "patience": 0}
    assert {**settings, "fit": 0} == {**previous, "fit": 0}
    assert step_of(run) == total


def stale(run: Path, peak_step: int) -> None:
    """Let no validation since ``peak_step`` have been better."""
    tensors, metadata = read_tensors(run / "state.safetensors")
    progress = json.loads(metadata["progress"])
    progress = json.dumps({**progress, "peak_step": peak_step, "best_step": peak_step, "best_score": 1e9})
    write_tensors(run / "state.safetensors", tensors, {**metadata, "progress": progress})


def test_a_run_that_stopped_early_is_complete_until_the_patience_changes(tmp_path: Path, call: Call) -> None:
    run = train(tmp_path / "run", "--steps", "40", "--patience", "3", "--save-every", "1")
    if step_of(run) == 40:  # it went on getting better
        assert call("train", "--resume", run, "--steps", "100").code == 0
    stale(run, step_of(run) - 15)
    steps = step_of(run)
    settings = (run / "run.json").read_text()
    for longer in (("--steps", str(steps + 60)), ("--minutes", "1")):  # these alone would train nothing
        refused(call("train", "--resume", run, *longer), f"stopped early after {steps} steps", "Add --patience 0")
    assert ((run / "run.json").read_text(), step_of(run)) == (settings, steps)
    assert f"it stopped early after {steps} steps" in call("train", "--resume", run).err
    assert call("train", "--resume", run, "--steps", str(steps + 60), "--patience", "5").code == 0
    assert step_of(run) == steps + 10, "two validations more"
    assert call("train", "--resume", run, "--patience", "0").code == 0
    assert step_of(run) == steps + 60


def test_stopping_early_is_saved_and_logged(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """With weights that hardly change, no validation is better than the first."""
    words = (*QUICK, *VALIDATE, "--steps", "100", "--patience", "2", "--lr", "1e-30", "--save-every", "1000")
    result = call(*words, "--out", tmp_path / "run")
    assert result.code == 0
    assert "Stopped early: the best of 15 steps was 15." in result.err  # a tie keeps the later weights
    assert step_of(tmp_path / "run") == 15
    assert read(tmp_path / "run")[0].fit.steps == 100
    lines = [json.loads(line)["step"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines == [5, 10, 15]
    lines = call("train", "--resume", tmp_path / "run").err.splitlines()
    expected = "is complete, it stopped early after 15 steps; the best was step 15. --patience 0 trains all steps."
    assert lines == [
        f"{tmp_path / 'run'}: {expected}",
        f"Saved {tmp_path / 'run'}. Next: tokay evaluate {tmp_path / 'run'}",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"threads": "7"}, "threads 7, now"),
        ({"torch": "1.0"}, "torch 1.0, now"),
        ({"device": "cuda"}, "device cuda, now cpu"),
        ({}, ""),
    ],
)
def test_other_threads_are_named(change: dict[str, str], expected: str, tmp_path: Path, call: Call) -> None:
    run = train(tmp_path / "run", "--steps", "5")
    tensors, metadata = read_tensors(run / "state.safetensors")
    computation: dict[str, Any] = {**json.loads(metadata["computation"]), **change}
    assert computation.keys() == {"threads", "torch", "device"}
    write_tensors(run / "state.safetensors", tensors, {**metadata, "computation": json.dumps(computation)})
    lines = [line for line in call("train", "--resume", run, "--steps", "6").err.splitlines() if "last bits" in line]
    assert len(lines) == bool(expected)
    assert all(line.startswith(f"{run}: {expected}") for line in lines)
    assert "last bits" not in call("train", "--resume", run, "--steps", "7").err, "the last save is of this process"


@pytest.mark.parametrize("record", [None, "{", "[]", '{"threads": {}}'])
def test_a_state_without_a_good_record_says_nothing_or_something(
    record: str | None, tmp_path: Path, call: Call
) -> None:
    run = train(tmp_path / "run", "--steps", "5")
    tensors, metadata = read_tensors(run / "state.safetensors")
    metadata = {name: value for name, value in metadata.items() if name != "computation"}
    write_tensors(run / "state.safetensors", tensors, metadata | ({} if record is None else {"computation": record}))
    assert call("train", "--resume", run, "--steps", "6").code == 0


def test_flags_come_in_any_order(tmp_path: Path, call: Call) -> None:
    run = train(tmp_path / "run", "--steps", "5")
    assert call("train", "--steps", "6", f"--resume={run}").code == 0
    assert step_of(run) == 6


def test_a_method_that_does_not_train_is_complete(tmp_path: Path, call: Call) -> None:
    quietly("train", "scratch", "sinusoid", "--out", tmp_path / "run")
    assert "is complete, scratch does not train.\n" in call("train", "--resume", tmp_path / "run").err


def test_equal_runs_are_equal_files(tmp_path: Path) -> None:
    """Byte by byte: nothing in them depends on the time, the folder, or the order of a hash map."""
    first, second = (train(tmp_path / name, "--steps", "10") for name in ("first", "second"))
    for name in ("model.safetensors", "state.safetensors", "run.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_a_state_that_is_missing_is_named(tmp_path: Path, call: Call) -> None:
    """Starting again gives the same weights, but takes as long as before."""
    run = train(tmp_path / "run", "--steps", "10")
    (run / "state.safetensors").unlink()
    result = call("train", "--resume", run)
    assert result.code == 0
    assert "has weights but no state.safetensors, so the training starts again at step 0." in result.err
    assert step_of(run) == 10
    assert "starts again" not in call("train", "--resume", run).err
