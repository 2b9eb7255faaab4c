"""What a run was made with."""

import os
import subprocess
from pathlib import Path

import pytest

from tokay.runs import machine


def test_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.git_commit() is None
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert machine.git_commit() is None  # a repository without a commit
    subprocess.run([*git, "commit", "-q", "--allow-empty", "--no-verify", "-m", "x"], check=True)
    commit = machine.git_commit()
    assert commit is not None
    assert len(commit) == 40
    monkeypatch.setenv("PATH", "")
    assert machine.git_commit() is None


def test_the_hardware() -> None:
    assert f"{os.cpu_count()} cores" in machine.hardware()
