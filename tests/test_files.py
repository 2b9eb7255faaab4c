"""A file is the old one or the new one, and what cannot be read says why in one line."""

import errno
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from tokay.errors import DataError
from tokay.files import (
    append_line,
    clear_temporaries,
    read_json,
    read_tensors,
    write_atomically,
    write_json,
    write_tensors,
)


def full(*arguments: Any, **keywords: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(*arguments: Any, **keywords: Any) -> Any:
    raise KeyboardInterrupt


def test_writes_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"old", b"", b"new" * 1000):
        write_atomically(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.open"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, existing: bool
) -> None:
    file = tmp_path / "file"
    if existing:
        file.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(call, full)
        with pytest.raises(DataError) as caught:
            write_atomically(file, b"x" * 2**20)
    said = str(caught.value)
    assert said.startswith(f"{file}: 1.0 MiB cannot be written (No space left on device); ")
    assert ("the file that was there is untouched" if existing else "nothing was written") in said
    assert "\n" not in said
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"] * existing


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace"])
def test_an_interrupt_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(call, interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(tmp_path / "file", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_content_is_on_the_disk_before_the_name_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, rename = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        events.append(f"sync {os.fstat(descriptor).st_size}")
        sync(descriptor)

    def replace(source: Path, target: Path) -> Path:
        events.append("rename")
        return rename(source, target)

    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_atomically(tmp_path / "file", b"12345")
    assert events == ["sync 5", "rename"]


@pytest.mark.parametrize("below", ["none", "file"])
def test_a_folder_that_cannot_hold_it(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="nothing was written"):
        write_atomically(tmp_path / below / "x", b"")


def test_clearing_takes_temporaries_only(tmp_path: Path) -> None:
    for name in (".model.safetensors.12.tmp", ".keep", "model.safetensors", "notes.tmp"):
        (tmp_path / name).write_text("")
    clear_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".keep", "model.safetensors", "notes.tmp"}


def test_what_a_killed_write_leaves_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupted)
        patch.setattr("pathlib.Path.unlink", full)  # a kill gives no time to clean up
        with pytest.raises(KeyboardInterrupt):
            write_atomically(tmp_path / "file", b"new")
    assert len(list(tmp_path.iterdir())) == 1
    clear_temporaries(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_lines_are_added(tmp_path: Path) -> None:
    for line in ("one", "zwei: ü"):
        append_line(tmp_path / "log", line)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\nzwei: ü\n"


def test_a_line_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"log: cannot be written \(No space left on device\).* --resume"):
        append_line(tmp_path / "log", "line")


def test_json(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None], "b": {"c": "ü"}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value == json.loads((tmp_path / "x.json").read_text())
    with pytest.raises(DataError, match=r"cannot be read .* Is this a run folder\?"):
        read_json(tmp_path / "y.json")
    for content in (b"{", b"\xff\xfe"):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(DataError, match="must be JSON, and is not"):
            read_json(tmp_path / "x.json")


def test_tensors(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    tensors = {
        "plain": base,
        "shared": base,
        "transposed": base.T,
        "view": base[:, 1],
        "double": torch.rand(3, dtype=torch.float64),
        "integer": torch.tensor(7),
        "empty": torch.zeros(0, 4),
        "learned": torch.ones(2, requires_grad=True),
    }
    write_tensors(tmp_path / "t.safetensors", tensors, {"who": "me"})
    found, about = read_tensors(tmp_path / "t.safetensors")
    assert about == {"who": "me"}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype


@pytest.mark.parametrize("keep", [1, 7, 8, 50, -1])
def test_tensors_that_were_cut_short(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "t.safetensors"
    write_tensors(file, {"weight": torch.rand(50)}, {})
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match="must be a safetensors file, and is truncated or damaged") as caught:
        read_tensors(file)
    assert str(file) in str(caught.value)


def test_what_is_no_tensor_file(tmp_path: Path) -> None:
    file = tmp_path / "t.safetensors"
    with pytest.raises(DataError, match="does not exist"):
        read_tensors(file)
    with pytest.raises(DataError, match="does not exist"):
        read_tensors(tmp_path)
    file.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        read_tensors(file)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        file.write_bytes(pickle.dumps({"weight": [1.0]}, protocol=protocol))
        with pytest.raises(DataError, match="a pickle, which Tokay never opens"):
            read_tensors(file)
    torch.save({"weight": torch.rand(2)}, file)
    with pytest.raises(DataError, match="a pickle, which Tokay never opens"):
        read_tensors(file)
