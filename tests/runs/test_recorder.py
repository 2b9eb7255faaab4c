"""What a training leaves in its folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from tokay import FitConfig, FitState, Scratch, fit
from tokay.runs.checkpoint import load_model
from tokay.runs.file_names import MODEL, STATE
from tokay.runs.folder import new_folder
from tokay.runs.log import read_log
from tokay.runs.recorder import Recorder
from tokay.runs.run import Run
from tokay.runs.settings import write

from .small_run import RUN, SPEC


def record(path: Path, run: Run, save_every: int, *, overwrite: bool = False, stop: int = 1000) -> list[bool]:
    """Train ``run`` in ``path``. Returns whether there was a state after each step."""
    saves = []
    with new_folder(path, overwrite=overwrite) as folder:
        write(folder.path, run, SPEC)
        net = run.build(SPEC)
        recorder = Recorder(folder, run, net, save_every=save_every)
        for step in fit(run.algorithm, net, run.tasks("train"), run.fit, validation=run.tasks("validation")):
            recorder.record(step, 10.0)
            saves.append((folder.path / STATE).exists())
            if step.step == stop:
                return saves
        recorder.finish(FitState())
    return saves


def small(**changes: int) -> Run:
    return replace(RUN, fit=FitConfig(**{"steps": 12, "meta_batch": 1, "validate_every": 0, **changes}))


def test_every_tenth_step_and_the_last_one_are_logged(tmp_path: Path) -> None:
    record(tmp_path / "run", small(), 100)
    lines = read_log(tmp_path / "run")
    assert [line["step"] for line in lines] == [10, 12]
    assert lines[0].keys() == {"step", "loss", "mse", "cost", "lr", "tasks_per_second"}


def test_validations_are_logged(tmp_path: Path) -> None:
    record(tmp_path / "run", small(validate_every=5, validation_tasks=2), 100)
    lines = read_log(tmp_path / "run")
    assert ["validation" in line for line in lines] == [True, True, True]
    assert lines[0]["validation"]["mse"].keys() == {"mean", "ci95"}


def test_saves_come_in_time_and_at_the_end(tmp_path: Path) -> None:
    assert record(tmp_path / "run", small(steps=5), 3) == [False, False, True, True, True]
    assert load_model(tmp_path / "run")[0] == small(steps=5)


def test_an_old_run_stays_until_the_first_save(tmp_path: Path) -> None:
    record(tmp_path / "run", small(steps=2), 1)
    old = (tmp_path / "run" / MODEL).read_bytes()
    record(tmp_path / "run", small(seed=1), 5, overwrite=True, stop=4)
    assert (tmp_path / "run" / MODEL).read_bytes() == old
    record(tmp_path / "run", small(seed=1), 5, overwrite=True, stop=5)
    assert (tmp_path / "run" / MODEL).read_bytes() != old


@pytest.mark.parametrize("algorithm", [RUN.algorithm, Scratch()])
def test_without_a_step_the_initial_weights_are_saved(tmp_path: Path, algorithm: object) -> None:
    record(tmp_path / "run", replace(small(steps=0), algorithm=algorithm), 1)
    assert (tmp_path / "run" / MODEL).exists()
