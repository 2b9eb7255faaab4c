"""Event files, if the extra is installed."""

from pathlib import Path

import pytest

from tokay.cli import tensorboard
from tokay.cli.tensorboard import board

LINE = {"step": 10, "loss": 0.5, "lr": 0.1, "validation": {"loss": {"mean": 0.25, "ci95": 0.1}}}


def test_lines_become_scalars(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with board(tmp_path) as write:
        write(LINE)
        write({**LINE, "step": 20, "loss": 0.75})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train/loss", "train/lr", "validation/loss"}
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(10, 0.5), (20, 0.75)]
    assert events.Scalars("validation/loss")[0].value == 0.25


def test_without_the_extra_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with board(tmp_path) as write:
        write(LINE)
    assert list(tmp_path.iterdir()) == []
