"""The training loop of the command line: its log, interruptions, kills and full disks. A good save is never lost."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import tokay
from tokay.cli import training_loop
from tokay.cli.main import main
from tokay.files import read_tensors
from tokay.runs import recorder
from tokay.runs.checkpoint import load_model, save_model, save_state

from .helpers import Call, quietly

PRELOAD = ["tokay.cli.train", "tokay.algorithms", "torch.utils.tensorboard", "torch._dynamo", "typeguard"]
"""what a training imports, so that a process that is forked has it"""
SETTINGS: dict[str, tuple[str, ...]] = {
    "maml": ("--inner-lr", "0.01", "--meta-batch", "3"),  # Adam
    "reptile": ("--inner-steps", "2", "--test-steps", "2", "--meta-batch", "3"),  # SGD, annealed
}


def words(algorithm: str, out: Path, steps: int) -> list[str]:
    validation = ("--validate-every", "20", "--validation-tasks", "4")
    common = ("--steps", str(steps), "--save-every", "3", "--shots", "5", "--queries", "5")
    return ["train", algorithm, "sinusoid", "--out", str(out), *common, *validation, *SETTINGS[algorithm]]


def log(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "tasks_per_second"} for line in lines]


def same(a: Path, b: Path) -> None:
    """Weights, states and logs are equal, bit for bit."""
    for name in ("model.safetensors", "state.safetensors"):
        ours, about = read_tensors(a / name)
        theirs, about_theirs = read_tensors(b / name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
        assert about == about_theirs
    assert log(a) == log(b)


def step_of(run: Path) -> int:
    _, about = read_tensors(run / "state.safetensors")
    return int(json.loads(about["progress"])["step"])


def wait_for(happened: Callable[[], bool], process: Any) -> None:
    """Wait until it has happened, or until the process has ended."""
    while not happened() and process.is_alive():
        time.sleep(0.001)


def changed(file: Path) -> Callable[[], bool]:
    previous = file.stat().st_mtime_ns if file.exists() else None
    return lambda: file.exists() and file.stat().st_mtime_ns != previous


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that start fast, as copies of a process that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", SETTINGS)
def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(
    algorithm: str, tmp_path: Path, processes: Any
) -> None:
    uncut, broken, steps = tmp_path / "whole", tmp_path / "broken", 90
    quietly(*words(algorithm, uncut, steps))

    def start(*arguments: str) -> Any:
        process = processes.Process(target=main, args=(list(arguments),))
        process.start()
        return process

    chance, saved_steps = random.Random(algorithm), []
    process = start(*words(algorithm, broken, steps))
    wait_for((broken / "run.json").exists, process)  # the first kill comes before anything is saved
    for _ in range(6):
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run is too short to be killed this often"
        if (broken / "state.safetensors").exists():
            saved_steps.append(step_of(broken))
            tokay.load(broken)  # the weights are good after a kill at any moment
        saved = changed(broken / "state.safetensors")
        process = start("train", "--resume", str(broken), "--save-every", "3")
        wait_for(saved, process)
    process.join()
    assert process.exitcode == 0
    assert 0 < saved_steps[0] < saved_steps[-1] < steps, saved_steps
    same(uncut, broken)
    assert not [file for file in broken.iterdir() if file.name.endswith(".tmp")]


@pytest.mark.parametrize("part", ["save_model", "save_state"])
def test_killed_between_the_two_saves_of_the_last_step(
    part: str, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncut, broken = tmp_path / "whole", tmp_path / "broken"
    quietly(*words("reptile", uncut, 24))
    real: Any = {"save_model": save_model, "save_state": save_state}[part]

    def stops_at_the_end(path: Path, run: Any, net: Any, state: Any) -> None:
        if state.step == 24:
            raise KeyboardInterrupt
        real(path, run, net, state)

    with monkeypatch.context() as patch:
        patch.setattr(recorder, part, stops_at_the_end)
        assert call(*words("reptile", broken, 24)).code == 130
    assert call("train", "--resume", broken, "--save-every", "3").code == 0
    same(uncut, broken)


def test_resuming_what_is_complete_changes_nothing(tmp_path: Path, call: Call) -> None:
    quietly(*words("maml", tmp_path / "run", 21))
    shutil.copytree(tmp_path / "run", tmp_path / "before")
    result = call("train", "--resume", tmp_path / "run")
    assert result.code == 0
    assert "complete, all 21 steps" in result.err
    same(tmp_path / "before", tmp_path / "run")


def test_interrupted_it_says_how_to_go_on_and_keeps_the_last_save(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-m", "tokay", *words("maml", run, 100_000)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # A shell ignores SIGINT for a test run in its background, and the child would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            while not (run / "state.safetensors").exists():
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == (
        f"Interrupted after step {step_of(run)}; saved. Continue with: tokay train --resume {run}"
    )
    assert "Traceback" not in err
    assert step_of(run) >= 3
    assert not [file for file in run.iterdir() if file.name.endswith(".tmp")]
    tokay.load(run)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 96 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here; test_files simulates one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_keeps_the_previous_checkpoint(
    small_disk: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokay.cli.tensorboard.find_spec", lambda name: None)
    run = small_disk / "run"
    quietly(*words("maml", run, 3))
    good = (run / "model.safetensors").read_bytes(), (run / "state.safetensors").read_bytes()
    settings = json.loads((run / "run.json").read_text())
    settings.pop("checksum", None)
    settings["fit"]["steps"] = 9
    (run / "run.json").write_text(json.dumps(settings))
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "ballast").write_bytes(b"x" * (free - 4096))

    result = call("train", "--resume", run, "--save-every", "3")
    assert result.code == 2
    last = result.err.splitlines()[-1]
    assert all(words in last for words in (str(run), "No space left on device", "--resume"))
    assert good == ((run / "model.safetensors").read_bytes(), (run / "state.safetensors").read_bytes())
    assert {file.name for file in run.iterdir()} == {
        "run.json",
        "metrics.jsonl",
        "model.safetensors",
        "state.safetensors",
    }
    tokay.load(run)

    (small_disk / "ballast").unlink()
    assert call("train", "--resume", run).code == 0
    assert step_of(run) == 9


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    quietly(*words("maml", run, 0))
    settings = json.loads((run / "run.json").read_text())
    settings.pop("checksum", None)
    settings["fit"]["steps"] = 10
    (run / "run.json").write_text(json.dumps(settings))
    monkeypatch.setattr(training_loop, "cut_log", lambda run, step: None)
    (run / "metrics.jsonl").symlink_to("/dev/full")
    result = call("train", "--resume", run)
    assert result.code == 2
    assert "metrics.jsonl: cannot be written (No space left on device)" in result.err.splitlines()[-1]


def test_training_that_diverges_is_one_line(tmp_path: Path, call: Call) -> None:
    result = call("train", "maml", "sinusoid", "--out", tmp_path / "run", "--inner-lr", "1e30", "--steps", "5")
    assert result.code == 2
    assert "must stay finite" in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_the_log(sine_run: Path, reptile_run: Path) -> None:
    lines = [json.loads(line) for line in (sine_run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert all(line["tasks_per_second"] > 0 for line in lines)
    for line in lines:
        assert set(line) == {"step", "loss", "mse", "cost", "lr", "tasks_per_second", "validation"}
        assert set(line["validation"]) == {"loss", "mse"}
        assert set(line["validation"]["mse"]) == {"mean", "ci95"}
    (first, *_) = (json.loads(line) for line in (reptile_run / "metrics.jsonl").read_text().splitlines())
    assert 0 <= first["validation"]["accuracy"]["mean"] <= 1


def test_a_damaged_line_of_the_log_is_named_and_nothing_is_lost(tmp_path: Path, call: Call) -> None:
    """Even of a complete run, whose log nobody could write again."""
    run = tmp_path / "run"
    quietly(*words("maml", run, 21))
    file = run / "metrics.jsonl"
    content = b"#" + file.read_bytes()[1:]
    assert content.count(b"\n") == 3
    file.write_bytes(content)
    result = call("train", "--resume", run)
    assert result.code == 0
    assert f"{file}: line 1 must be one JSON object of a step, and is not. It stays as it is" in result.err
    assert file.read_bytes() == content


def test_left_over_temporary_files_are_removed(tmp_path: Path, call: Call) -> None:
    quietly(*words("maml", tmp_path / "run", 3))
    (tmp_path / "run" / ".model.safetensors.123.tmp").write_bytes(b"half")
    assert call("train", "--resume", tmp_path / "run").code == 0
    assert not list((tmp_path / "run").glob(".*"))


def test_no_step_at_all_saves_the_start(tmp_path: Path, call: Call) -> None:
    out = tmp_path / "run"
    quietly("train", "maml", "sinusoid", "--out", out, "--steps", "0")
    run, net = load_model(out)
    start = run.build(run.tasks("train").spec)
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), start.parameters(), strict=True))
    assert call("evaluate", out, "--tasks", "2", "--seen-tasks", "0").code == 0
