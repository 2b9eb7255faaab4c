"""A training that fails before its first save leaves no half folder, and one that is out of disk can go on."""

from pathlib import Path
from typing import Any

import pytest

from tokay import DataError, TaskError
from tokay.cli import training_loop
from tokay.runs import recorder

from .helpers import Call

QUICK = (
    "train",
    "maml",
    "sinusoid",
    "--inner-lr",
    "0.01",
    "--meta-batch",
    "2",
    "--validate-every",
    "0",
    "--steps",
    "40",
)
OUT_OF_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")


def fail_at(step: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the training fail before ``step``."""
    real = training_loop.fit

    def fit(*arguments: Any, **settings: Any) -> Any:
        for result in real(*arguments, **settings):
            if result.step == step:
                raise error
            yield result

    monkeypatch.setattr(training_loop, "fit", fit)


@pytest.mark.parametrize("step", [1, 15])
@pytest.mark.parametrize(
    ("error", "code"), [(OUT_OF_MEMORY, 2), (MemoryError(), 2), (TaskError("no"), 2), (KeyboardInterrupt(), 130)]
)
def test_before_the_first_save_nothing_is_left(
    error: BaseException, code: int, step: int, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(step, error, monkeypatch)
    assert call(*QUICK, "--out", tmp_path / "run").code == code
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_program_leaves_nothing_either(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(3, ZeroDivisionError(), monkeypatch)
    with pytest.raises(ZeroDivisionError):
        call(*QUICK, "--out", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OUT_OF_MEMORY, KeyboardInterrupt()])
def test_after_a_save_the_run_stays(
    error: BaseException, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(15, error, patch)
        assert call(*QUICK, "--save-every", "10", "--out", tmp_path / "run").code in (2, 130)
    assert call("train", "--resume", tmp_path / "run").code == 0


def test_a_full_disk_leaves_what_can_go_on(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the message of the error says."""

    def fail(*arguments: Any) -> None:
        raise DataError("model.safetensors: cannot be written (No space left on device).")

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "save_model", fail)
        assert call(*QUICK, "--out", tmp_path / "run").code == 2
    assert call("train", "--resume", tmp_path / "run").code == 0
