"""``tokay train --overwrite``: the old run goes when the new one has been saved, and a run in training stays."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tokay
from tokay.runs import recorder
from tokay.runs.lock import FolderLock

from .helpers import Call, refused

QUICK = ("train", "maml", "sinusoid", "--inner-lr", "0.01", "--meta-batch", "2", "--validate-every", "0")


def content(run: Path) -> dict[str, bytes]:
    return {str(file.relative_to(run)): file.read_bytes() for file in run.rglob("*") if file.is_file()}


@pytest.fixture
def old(sine_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sine_run, tmp_path / "run")


@pytest.mark.parametrize(
    "words, expected",
    [
        (("--network", "conv4"), "pictures"),
        (("--memory", "1", "--hidden", "512", "512"), "memory"),
        (("--inner-lr", "1e30"), "must stay finite"),
        (("--seed", "1", "--save-every", "0"), "--save-every must be at least 1"),
    ],
)
def test_a_new_run_that_fails_keeps_the_old_one(call: Call, old: Path, words: tuple[str, ...], expected: str) -> None:
    previous = content(old)
    common = ("train", "maml", "sinusoid", "--steps", "5", "--validate-every", "0")
    result = call(*common, *words, "--out", old, "--overwrite")
    assert result.code == 2
    assert expected in result.err.splitlines()[-1]
    assert content(old) == previous
    assert [file.name for file in old.parent.iterdir()] == ["run"]


def test_the_new_run_takes_the_place_at_its_first_save(call: Call, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked at each log line and each save, from inside the training."""
    previous, published = content(old), []
    real_log, real_save = recorder.append_to_log, recorder.save_state

    def log(path: Path, line: Any) -> None:
        published.append(json.loads((old / "run.json").read_text())["fit"]["steps"] == 40)
        real_log(path, line)

    def save(path: Path, *arguments: Any) -> None:
        if not published[-1]:
            files = {name: data for name, data in content(old).items() if name != ".lock"}
            assert files == previous, "the old run is whole until the new one is saved"
        real_save(path, *arguments)

    monkeypatch.setattr(recorder, "append_to_log", log)
    monkeypatch.setattr(recorder, "save_state", save)
    assert call(*QUICK, "--steps", "40", "--save-every", "20", "--out", old, "--overwrite").code == 0
    assert published == [False, False, True, True]
    assert [json.loads(line)["step"] for line in (old / "metrics.jsonl").read_text().splitlines()] == [10, 20, 30, 40]
    assert {file.name for file in old.iterdir() if file.is_file()} == {
        *("run.json", "model.safetensors", "state.safetensors", "metrics.jsonl")
    }
    assert [file.name for file in old.parent.iterdir()] == ["run"]
    tokay.load(old)


def test_it_ends_as_a_run_in_a_new_folder_does(call: Call, old: Path, tmp_path: Path) -> None:
    for out, words in ((old, ("--overwrite",)), (tmp_path / "new", ())):
        assert call(*QUICK, "--steps", "12", "--save-every", "5", "--out", out, *words).code == 0
    ours, theirs = (tokay.files.read_tensors(run / "state.safetensors")[0] for run in (old, tmp_path / "new"))
    assert all(bool((ours[name] == theirs[name]).all()) for name in {**ours, **theirs})


def test_a_run_without_steps_takes_the_place_too(call: Call, old: Path) -> None:
    assert call("train", "scratch", "sinusoid", "--out", old, "--overwrite").code == 0
    assert {file.name for file in old.iterdir() if file.is_file()} == {"run.json", "model.safetensors"}


@pytest.mark.parametrize("saves", [False, True])
def test_interrupted_it_says_which_run_stays(
    call: Call, old: Path, monkeypatch: pytest.MonkeyPatch, saves: bool
) -> None:
    previous = content(old)

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    real = recorder.append_to_log
    monkeypatch.setattr(
        recorder, "append_to_log", lambda path, line: interrupt() if line["step"] == 20 else real(path, line)
    )
    result = call(*QUICK, "--steps", "40", "--save-every", "10" if saves else "30", "--out", old, "--overwrite")
    assert result.code == 130
    last = result.err.splitlines()[-1]
    if saves:
        assert last.endswith(f"; the last save stays. Continue with: tokay train --resume {old}")
        monkeypatch.undo()
        assert call("train", "--resume", old).code == 0
    else:
        assert last.endswith(f", before the first save; the old run in {old} stays.")
        assert content(old) == previous
    assert [file.name for file in old.parent.iterdir()] == ["run"]


def test_interrupted_before_the_first_save_of_a_new_folder(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recorder, "append_to_log", interrupt)
    result = call(*QUICK, "--steps", "40", "--out", tmp_path / "run")
    assert result.code == 130
    assert result.err.splitlines()[-1] == "Interrupted after step 10, before the first save: nothing is saved."
    assert not (tmp_path / "run").exists()


def test_the_current_folder_and_what_is_no_run(call: Call, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    previous = content(old)
    with monkeypatch.context() as patch:
        patch.chdir(old)
        for place in (".", "..", "../run", old):
            refused(call(*QUICK, "--out", place, "--overwrite"), "must not be the current folder")
        refused(call(*QUICK, "--out", "", "--overwrite"), "--out must name a folder, got ''")
    assert content(old) == previous
    (old / "thesis.tex").write_text("years of work")
    refused(call(*QUICK, "--out", old, "--overwrite"), "has thesis.tex, which is no file of a run")
    assert content(old) == {**previous, "thesis.tex": b"years of work"}


def test_a_folder_in_training_is_refused(call: Call, old: Path) -> None:
    lock = FolderLock(old)
    previous = content(old)
    for words in ((*QUICK, "--out", old, "--overwrite"), ("train", "--resume", old)):
        result = call(*words)
        assert result.code == 2
        assert f"only one process can train in a run folder, and process {os.getpid()}" in result.err.splitlines()[-1]
        assert content(old) == previous
    lock.release()
    assert call("train", "--resume", old).code == 0


def test_two_trainings_at_once(call: Call, tmp_path: Path) -> None:
    """The first goes on unharmed, whatever the second one wants; after its kill, the folder is free again."""
    run = tmp_path / "run"
    words = (
        "train",
        "maml",
        "sinusoid",
        "--steps",
        "100000",
        "--save-every",
        "3",
        "--meta-batch",
        "2",
        "--out",
        str(run),
    )
    with subprocess.Popen(
        [sys.executable, "-m", "tokay", *words], stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as process:
        try:
            while not (run / "state.safetensors").exists():
                assert process.poll() is None
                time.sleep(0.01)
            for second in (("train", "--resume", run), (*QUICK, "--out", run, "--overwrite")):
                result = call(*second)
                assert result.code == 2
                assert f"and process {process.pid} on" in result.err.splitlines()[-1]
            assert process.poll() is None
        finally:
            process.kill()
    tokay.load(run)
    assert call(*QUICK, "--steps", "1", "--out", run, "--overwrite").code == 0
    assert json.loads((run / "run.json").read_text())["fit"]["steps"] == 1
