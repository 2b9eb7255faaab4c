"""Event files, if the extra is installed."""

from pathlib import Path

import pytest

from tokay.cli import tensorboard
from tokay.cli.tensorboard import board
from tokay.runs.folder import new_folder

LINE = {"step": 10, "loss": 0.5, "lr": 0.25, "validation": {"loss": {"mean": 0.25, "ci95": 0.1}}}


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_lines_become_scalars(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with new_folder(tmp_path / "run", overwrite=False) as folder, board(folder) as write:
        write(LINE)
        write({**LINE, "step": 20, "loss": 0.75})
    assert scalars(tmp_path / "run") == {
        "train/loss": [(10, 0.5), (20, 0.75)],
        "train/lr": [(10, 0.25), (20, 0.25)],
        "validation/loss": [(10, 0.25), (20, 0.25)],
    }


def test_lines_wait_until_the_folder_is_published(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "run").mkdir()
    with new_folder(tmp_path / "run", overwrite=True) as folder, board(folder) as write:
        write(LINE)
        assert {file.name for file in folder.path.iterdir()} == {".lock"}
        folder.publish()
        write({**LINE, "step": 20})
    assert {file.name for file in (tmp_path / "run").iterdir()} == {"tensorboard"}
    assert scalars(tmp_path / "run")["train/lr"] == [(10, 0.25), (20, 0.25)]


def test_without_the_extra_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with new_folder(tmp_path / "run", overwrite=False) as folder, board(folder) as write:
        write(LINE)
    assert list((tmp_path / "run").iterdir()) == []
