"""What a run was made with."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch

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


def test_what_decides_the_last_bits() -> None:
    computation = machine.describe_computation(torch.device("cpu", 0))
    assert computation == {"threads": str(torch.get_num_threads()), "torch": torch.__version__, "device": "cpu"}
    assert machine.describe_change(json.dumps(computation), computation) == ""
    record = json.dumps({**computation, "threads": "99", "device": "cuda"})
    assert (
        machine.describe_change(record, computation)
        == f"threads 99, now {computation['threads']}; device cuda, now cpu"
    )


@pytest.mark.parametrize("record", [None, "", "{", "[1]", "7", "{}", '{"others": 1}', "[" * 100_000])
def test_a_record_that_is_none_says_nothing(record: str | None) -> None:
    assert machine.describe_change(record, machine.describe_computation(torch.device("cpu"))) == ""
