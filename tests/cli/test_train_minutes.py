"""``tokay train --minutes``: a training that ends in time, as an ordinary run of so many steps."""

import json
import time
from pathlib import Path

import pytest
import torch

from tokay.cli import training_loop
from tokay.files import read_tensors
from tokay.runs.settings import read
from tokay.training.time_plan import Cost

from .helpers import Call, quietly, refused

QUICK = ("train", "maml", "sinusoid", "--inner-lr", "0.01", "--meta-batch", "2", "--validate-every", "0")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_tensors(run / "state.safetensors")[0]


def test_it_ends_in_time_as_a_run_of_so_many_steps(tmp_path: Path, call: Call) -> None:
    start = time.perf_counter()
    result = call(*QUICK, "--minutes", "0.05", "--out", tmp_path / "run")
    assert result.code == 0
    assert time.perf_counter() - start < 8  # 3 seconds, the start, and a busy machine
    steps = read(tmp_path / "run")[0].fit.steps
    assert steps > 5
    assert json.loads(read_tensors(tmp_path / "run" / "state.safetensors")[1]["progress"])["step"] == steps
    assert f"is complete, all {steps} steps" in call("train", "--resume", tmp_path / "run").err
    quietly(*QUICK, "--steps", str(steps), "--out", tmp_path / "planned")
    mine, theirs = weights(tmp_path / "run"), weights(tmp_path / "planned")
    assert all(torch.equal(mine[name], theirs[name]) for name in {**mine, **theirs})
    assert (tmp_path / "run" / "run.json").read_bytes() == (tmp_path / "planned" / "run.json").read_bytes()


@pytest.mark.parametrize("resumed", [False, True])
def test_steps_that_are_slower_than_measured_end_in_time_too(
    resumed: bool, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, words = tmp_path / "run", (*QUICK, "--out", tmp_path / "run")
    if resumed:
        quietly(*map(str, words), "--steps", "3")
        words = ("train", "--resume", run)
    monkeypatch.setattr(training_loop, "measure_cost", lambda *arguments, **settings: Cost(step=1e-6, validation=0.0))
    result = call(*words, "--minutes", "0.01")
    assert result.code == 0
    assert "steps." in result.err
    steps = read(run)[0].fit.steps
    assert 3 * resumed < steps < 10_000
    assert "is complete" in call("train", "--resume", run).err


def test_what_says_how_long_twice_is_refused(tmp_path: Path, call: Call) -> None:
    for steps in (("--steps", "5"), ("--steps=5",)):
        refused(call(*QUICK, "--minutes", "1", *steps, "--out", tmp_path / "run"), "Give one of them")
    for minutes in ("0", "-1", "nan", "inf"):
        refused(call(*QUICK, f"--minutes={minutes}", "--out", tmp_path / "run"), "--minutes must be above 0")
    assert not (tmp_path / "run").exists()


def test_a_method_that_does_not_train_needs_no_time(tmp_path: Path, call: Call) -> None:
    assert call("train", "scratch", "sinusoid", "--minutes", "5", "--out", tmp_path / "run").code == 0
    assert read(tmp_path / "run")[0].fit.steps == 2000
