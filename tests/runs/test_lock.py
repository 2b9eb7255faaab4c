"""One training per run folder; the lock of a process that has ended is none."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tokay import ConfigError, DataError
from tokay.runs import lock
from tokay.runs.lock import FolderLock

HOLD = """
import sys, time
from pathlib import Path
from tokay.runs.lock import FolderLock
FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_the_second_lock_names_the_process(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()
    with pytest.raises(ConfigError, match=rf"run/name: only one process .* and process {os.getpid()} on .* does"):
        FolderLock(tmp_path, name=Path("run/name"))
    first.release()
    assert list(tmp_path.iterdir()) == []
    first.release()
    FolderLock(tmp_path).release()


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            with pytest.raises(ConfigError, match=f"process {process.pid} on"):
                FolderLock(tmp_path)
        finally:
            process.kill()
    assert (tmp_path / ".lock").exists()
    again = FolderLock(tmp_path)
    assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()
    again.release()


@pytest.mark.parametrize("content", ["", "[1]", '{"process": "x"}', "\0\0"])
def test_a_holder_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    """A lock file of unreadable content is taken if nobody holds it, and respected if somebody does."""
    (tmp_path / ".lock").write_text(content)
    first = FolderLock(tmp_path)
    (tmp_path / ".lock").write_text(content)
    with pytest.raises(ConfigError, match="and another process does"):
        FolderLock(tmp_path)
    first.release()


def test_a_folder_that_is_renamed_keeps_its_lock(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first = FolderLock(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    first.folder = tmp_path / "b"
    with pytest.raises(ConfigError, match="only one process"):
        FolderLock(tmp_path / "b")
    first.release()
    assert list((tmp_path / "b").iterdir()) == []


def test_a_file_that_was_removed_meanwhile_is_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process before us removes the file after we opened it, so we hold a lock on no file."""
    real, calls = lock._lock, []

    def remove_first(file: int) -> None:
        calls.append(file)
        if len(calls) == 1:
            (tmp_path / ".lock").unlink()
        real(file)

    monkeypatch.setattr(lock, "_lock", remove_first)
    first = FolderLock(tmp_path)
    assert len(calls) == 2
    with pytest.raises(ConfigError, match="only one process"):
        FolderLock(tmp_path)
    first.release()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the lock file .lock cannot be made \(No such file or directory\)"):
        FolderLock(tmp_path / "none")


def test_a_file_system_without_locks_trains_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int) -> Any:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock, "_lock", refuse)
    FolderLock(tmp_path).release()


def test_a_full_disk_does_not_stop_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.write", refuse)
    first = FolderLock(tmp_path)
    with pytest.raises(ConfigError, match="another process does"):
        FolderLock(tmp_path)
    first.release()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("target", ["model.safetensors", "nowhere"])
def test_a_link_is_not_followed(tmp_path: Path, target: str) -> None:
    """The lock is written into its file, so the target of a link would lose its content."""
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / ".lock").symlink_to(target)
    with pytest.raises(DataError, match=r"the lock file .lock cannot be made \(.*\)\. Remove .lock, which is a link\."):
        FolderLock(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == b"weights"
    assert not (tmp_path / "nowhere").exists()
