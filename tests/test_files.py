"""A write replaces a file wholly or not at all, and an unreadable file gives an error of one line."""

import errno
import itertools
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tokay.errors import DataError
from tokay.files import (
    append_line,
    clear_temporaries,
    compute_checksum,
    has_checksum,
    read_json,
    read_metadata,
    read_tensors,
    replace_atomically,
    write_atomically,
    write_json,
    write_tensors,
)


def raise_disk_full(*arguments: Any, **keywords: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def raise_interrupt(*arguments: Any, **keywords: Any) -> Any:
    raise KeyboardInterrupt


def test_writes_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"old", b"", b"new" * 1000):
        write_atomically(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with replace_atomically(target, make_folder=True) as temporary:
        temporary.write_text("first")
        assert not target.exists()
    assert target.read_text() == "first"

    def interrupt() -> None:
        with replace_atomically(target, make_folder=True) as temporary:
            temporary.write_text("sec")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert target.read_text() == "first"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.open"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, existing: bool
) -> None:
    file = tmp_path / "file"
    if existing:
        file.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(call, raise_disk_full)
        with pytest.raises(DataError) as caught:
            write_atomically(file, b"x" * 2**20)
    message = str(caught.value)
    assert message.startswith(f"{file}: 1.0 MiB cannot be written (No space left on device); ")
    assert ("the old file is unchanged" if existing else "nothing was written") in message
    assert "\n" not in message
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"] * existing


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace"])
def test_an_interrupt_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(call, raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(tmp_path / "file", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_content_is_synced_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_folder_that_does_not_exist(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="nothing was written"):
        write_atomically(tmp_path / below / "x", b"")


def test_only_temporary_files_are_cleared(tmp_path: Path) -> None:
    for name in (".model.safetensors.12.tmp", ".keep", "model.safetensors", "notes.tmp"):
        (tmp_path / name).write_text("")
    clear_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".keep", "model.safetensors", "notes.tmp"}


def test_temporary_files_of_a_killed_write_are_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", raise_interrupt)
        patch.setattr("pathlib.Path.unlink", raise_disk_full)  # a killed process cannot clean up
        with pytest.raises(KeyboardInterrupt):
            write_atomically(tmp_path / "file", b"new")
    assert len(list(tmp_path.iterdir())) == 1
    clear_temporaries(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_lines_are_appended(tmp_path: Path) -> None:
    for line in ("one", "zwei: ü"):
        append_line(tmp_path / "log", line)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\nzwei: ü\n"


def test_appending_to_a_full_disk(tmp_path: Path) -> None:
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
        with pytest.raises(DataError, match="must be a JSON file, but is not"):
            read_json(tmp_path / "x.json")
    for content in (b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(DataError, match=r"nested too deeply|but is not"):
            read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("9" * 5000)
    with pytest.raises(DataError, match="must be a JSON file, but is not"):
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
    loaded, metadata = read_tensors(tmp_path / "t.safetensors")
    assert metadata == {"who": "me"}
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(loaded[name], tensor)
        assert loaded[name].dtype == tensor.dtype


def test_every_flipped_bit_of_a_tensor_file_is_noticed(tmp_path: Path) -> None:
    """A flip gives an error, or changes nothing (a space of the padding that becomes another white space)."""
    file = tmp_path / "t.safetensors"
    tensors = {"weight": torch.rand(3, 2), "count": torch.tensor(7)}
    write_tensors(file, tensors, {"step": "12"})
    content, silent = file.read_bytes(), 0
    for index, bit in itertools.product(range(len(content)), (1, 16)):
        file.write_bytes(content[:index] + bytes([content[index] ^ bit]) + content[index + 1 :])
        try:
            loaded, metadata = read_tensors(file)
        except DataError:
            continue
        if has_checksum(file):  # else the flip is in the word "checksum", and a run asks for one
            silent += 1
            assert metadata == {"step": "12"}
            assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)
    assert silent < 20


def test_a_checksum_does_not_depend_on_order_or_layout(tmp_path: Path) -> None:
    a, b = torch.rand(3, 2), torch.tensor(True)
    reference = compute_checksum({"a": a, "b": b}, {"x": "1", "y": "2"})
    assert reference == compute_checksum({"b": b, "a": a.T.contiguous().T}, {"y": "2", "x": "1"})
    for tensors, metadata in (
        ({"a": a.reshape(2, 3), "b": b}, {"x": "1", "y": "2"}),
        ({"a": a, "c": b}, {"x": "1", "y": "2"}),
        ({"a": a, "b": b.to(torch.uint8)}, {"x": "1", "y": "2"}),
        ({"a": a, "b": b}, {"x": "1", "y": "3"}),
    ):
        assert compute_checksum(tensors, metadata) != reference
    save_file({"a": a}, tmp_path / "t.safetensors")
    assert not has_checksum(tmp_path / "t.safetensors")
    assert torch.equal(read_tensors(tmp_path / "t.safetensors")[0]["a"], a)


@pytest.mark.parametrize("keep", [1, 7, 8, 50, -1])
def test_truncated_tensor_files(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "t.safetensors"
    write_tensors(file, {"weight": torch.rand(50)}, {})
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match="must be a safetensors file, but is truncated or damaged") as caught:
        read_tensors(file)
    assert str(file) in str(caught.value)


def test_other_files_than_tensors(tmp_path: Path) -> None:
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


def test_equal_tensors_are_equal_files(tmp_path: Path) -> None:
    """Safetensors alone writes the metadata in another order each time."""
    metadata = {f"name {i}": str(i) for i in range(12)}
    tensors = {"b": torch.arange(5, dtype=torch.uint8), "a": torch.rand(3), "empty": torch.zeros(0, 2)}
    for name in ("first", "second", "third"):
        write_tensors(tmp_path / name, tensors, metadata)
    contents = {(tmp_path / name).read_bytes() for name in ("first", "second", "third")}
    assert len(contents) == 1
    content = contents.pop()
    assert (8 + int.from_bytes(content[:8], "little")) % 8 == 0
    loaded, loaded_metadata = read_tensors(tmp_path / "first")
    assert loaded_metadata == metadata
    assert loaded.keys() == tensors.keys()
    assert all(
        torch.equal(loaded[name], value) and loaded[name].dtype == value.dtype for name, value in tensors.items()
    )
    assert read_metadata(tmp_path / "first").keys() == {*metadata, "checksum"}
