"""Signals inside a process, and what becomes of the program."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

import tokay
from tokay.cli import signals
from tokay.cli.signals import Interrupt, SignalWatch, guard_imports, report

TRAIN = ("train", "maml", "sinusoid", "--inner-lr", "0.01", "--meta-batch", "2", "--validate-every", "0")
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", CODES)
def test_the_first_signal_raises_and_the_handlers_come_back(number: signal.Signals) -> None:
    previous = signal.getsignal(number)
    with pytest.raises(Interrupt, match="Interrupted"), SignalWatch() as watch:
        signal.raise_signal(number)
    assert watch.code == CODES[number]
    assert signal.getsignal(number) == previous


def test_a_deferred_signal_raises_the_second_time() -> None:
    with SignalWatch(deferred=True) as watch:
        assert watch.code is None
        signal.raise_signal(signal.SIGTERM)
        assert watch.code == 143
        with pytest.raises(Interrupt):
            signal.raise_signal(signal.SIGINT)
        assert watch.code == 143, "the first signal decides"


def test_signals_while_it_ends_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(signals, "end_now", ends.append)
    with SignalWatch() as outer:
        with SignalWatch(deferred=True):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # while the command ends
        assert outer.code == 130
        assert ends == []
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 10)
        signal.raise_signal(signal.SIGINT)  # it does not end
    assert ends == [130]


def test_ignored_signals_stay_ignored() -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalWatch() as watch:
            signal.raise_signal(signal.SIGHUP)
        assert watch.code is None
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_other_threads_watch_nothing() -> None:
    codes: list[int | None] = []

    def watch_here() -> None:
        with SignalWatch() as watch:
            codes.append(watch.code)

    previous = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=watch_here)
    thread.start()
    thread.join()
    assert codes == [None]
    assert signal.getsignal(signal.SIGINT) == previous


def test_imports_of_another_program_are_interrupted_as_usual() -> None:
    with SignalWatch(), pytest.raises(Interrupt), guard_imports():
        signal.raise_signal(signal.SIGINT)


def test_what_an_interrupt_became_is_still_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report(ValueError("swallowed"))
    report(Interrupt("Interrupted after step 3."))
    assert capsys.readouterr().err == "Interrupted.\nInterrupted after step 3.\n"


def start(*words: str | Path, number: int = signal.SIGINT, **streams: int) -> "subprocess.Popen[str]":
    """The program, in a process that does not ignore ``number`` as background jobs of a shell do."""
    return subprocess.Popen(
        [sys.executable, "-m", "tokay", *map(str, words)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_saves_first(number: signal.Signals, tmp_path: Path) -> None:
    """Also if nothing was saved before."""
    run = tmp_path / "run"
    with start(*TRAIN, "--steps", "1000000", "--save-every", "1000000", "--out", run, number=number) as process:
        wait_for(run / "metrics.jsonl", process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (CODES[number], "")
    assert err.splitlines()[-1].endswith(f"; saved. Continue with: tokay train --resume {run}")
    assert "Traceback" not in err
    tokay.load(run)
    assert not [file for file in run.iterdir() if file.name.startswith(".")]


def test_many_signals_end_at_once_in_one_line(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with start(*TRAIN, "--steps", "1000000", "--save-every", "10", "--out", run) as process:
        wait_for(run / "state.safetensors", process)
        for _ in range(8):
            process.send_signal(signal.SIGINT)
            time.sleep(0.005)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].endswith(f"Continue with: tokay train --resume {run}")
    assert "Traceback" not in err
    tokay.load(run)


def test_a_closed_terminal_saves_too(tmp_path: Path) -> None:
    """After SIGHUP nobody can read what the program says: writing fails."""
    run, (control, terminal) = tmp_path / "run", os.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    with subprocess.Popen(
        [sys.executable, "-m", "tokay", *TRAIN, "--steps", "1000000", "--save-every", "1000000", "--out", str(run)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=take_terminal,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm"},
    ) as process:
        os.close(terminal)
        while not (run / "metrics.jsonl").exists():
            os.set_blocking(control, False)
            try:
                os.read(control, 65536)
            except BlockingIOError:
                time.sleep(0.01)
        os.close(control)
        assert process.wait(timeout=60) == 129
    tokay.load(run)
    assert (run / "state.safetensors").exists()


def test_other_commands_end_in_one_line(sine_run: Path) -> None:
    with start("evaluate", sine_run, "--tasks", "100000000") as process:
        time.sleep(4)  # some of it is imports, the rest is scoring
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "")
    assert err.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in err


def test_an_interrupted_overwrite_takes_the_place(sine_run: Path, tmp_path: Path) -> None:
    """Its first step is as good a save as any: the user asked for the new run."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_bytes((sine_run / "run.json").read_bytes())
    (tmp_path / "run" / "training.png").touch()
    words = (*TRAIN, "--steps", "1000000", "--save-every", "1000000", "--overwrite", "--out", tmp_path / "run")
    with start(*words) as process:
        wait_for(tmp_path / ".run.tokay-new" / "metrics.jsonl", process)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert err.splitlines()[-1].endswith(f"; saved. Continue with: tokay train --resume {tmp_path / 'run'}")
    assert [file.name for file in tmp_path.iterdir()] == ["run"]
    assert not (tmp_path / "run" / "training.png").exists()
    tokay.load(tmp_path / "run")
