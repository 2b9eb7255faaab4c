"""The first moments of the program."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tokay.cli.start import SIGNALS, guard_start, is_program


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/usr/bin/tokay", True),
        ("C:\\bin\\tokay.exe", True),
        ("/site-packages/tokay/__main__.py", True),
        ("/mine/__main__.py", False),
        ("/usr/bin/pytest", False),
        ("tokay", True),
        ("", False),
    ],
)
def test_which_processes_are_the_program(word: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [word])
    assert is_program() is expected


def test_other_programs_keep_their_handlers() -> None:
    previous = [signal.getsignal(number) for number in SIGNALS]
    guard_start()
    assert [signal.getsignal(number) for number in SIGNALS] == previous


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_during_the_imports_is_one_line(name: str, code: int, tmp_path: Path) -> None:
    """A plugin stands for a slow import, and for one that swallows the exception."""
    number = getattr(signal, name)
    (tmp_path / "slow.py").write_text(
        "import time, pathlib\n"
        "try:\n    pathlib.Path('ready').touch(); time.sleep(60)\nexcept BaseException:\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "tokay", "--import", "slow", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("", "Interrupted.\n")
        assert process.returncode == code


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    """As under nohup, and in the background of a script."""
    (tmp_path / "signals.py").write_text("import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)")
    process = subprocess.run(
        [sys.executable, "-m", "tokay", "--import", "signals", "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stdout.startswith("True\n")
