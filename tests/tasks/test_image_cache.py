import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tokay.errors import DataError
from tokay.tasks import ClassPool
from tokay.tasks.image_cache import decode_once, fill_once


def pool() -> ClassPool:
    images = torch.arange(48, dtype=torch.uint8).reshape(3, 1, 4, 4)
    return ClassPool(images, torch.tensor([1, 2]), ("Löwe", "b/\udcff"))  # unusual names that file systems allow


class Decoder:
    calls = 0

    def __call__(self) -> ClassPool:
        self.calls += 1
        return pool()


def load(file: Path, decoder: Decoder, key: str = "key") -> None:
    """The result is that of decoding, for any content of the file."""
    pool_read = decode_once(file, key, decoder, where="here")
    assert torch.equal(pool_read.images, pool().images)
    assert torch.equal(pool_read.counts, pool().counts)
    assert pool_read.names == pool().names


def test_decodes_once(tmp_path: Path) -> None:
    file, decoder = tmp_path / "cache" / "x.safetensors", Decoder()
    load(file, decoder)
    load(file, decoder)
    assert decoder.calls == 1
    assert list(file.parent.iterdir()) == [file]


def test_another_key_decodes_again_and_takes_the_place(tmp_path: Path) -> None:
    file, decoder = tmp_path / "x.safetensors", Decoder()
    load(file, decoder, "old")
    load(file, decoder, "new")
    load(file, decoder, "new")
    assert decoder.calls == 2


def test_any_damage_is_noticed_and_mended(tmp_path: Path) -> None:
    file, decoder = tmp_path / "x.safetensors", Decoder()
    load(file, decoder)
    good = file.read_bytes()
    damaged = [good[:n] for n in (0, 5, 60, len(good) - 1)]
    damaged += [good + b"x", b"not a cache at all", b"\xff" * 200]
    damaged += [good[:n] + bytes([good[n] ^ 1]) + good[n + 1 :] for n in range(len(good))]  # every single byte
    for content in damaged:
        file.write_bytes(content)
        calls = decoder.calls
        load(file, decoder)
        assert decoder.calls == calls + 1
        load(file, decoder)
        assert decoder.calls == calls + 1


def test_counts_are_guarded_too(tmp_path: Path) -> None:
    file, decoder = tmp_path / "x.safetensors", Decoder()
    load(file, decoder)
    with safe_open(file, framework="pt") as content:
        about = content.metadata()
    save_file({"images": pool().images, "counts": pool().counts.flip(0)}, file, about)
    load(file, decoder)
    assert decoder.calls == 2


def test_a_cache_of_another_program(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    save_file({"weights": torch.zeros(3)}, file)
    load(file, Decoder())
    save_file({"images": pool().images, "counts": pool().counts}, file, {"key": "key", "names": "3"})
    load(file, Decoder())


def test_a_failed_decoding_leaves_nothing(tmp_path: Path) -> None:
    def decode() -> ClassPool:
        raise DataError("a picture is damaged")

    with pytest.raises(DataError, match="a picture is damaged"):
        decode_once(tmp_path / "x.safetensors", "key", decode, where="here")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="omniglot") as caught:
        decoded = decode_once(tmp_path / "file" / "x.safetensors", "key", pool, where="omniglot")
    assert torch.equal(decoded.images, pool().images)
    assert [str(warning.message) for warning in caught] == [
        f"omniglot: cannot store decoded images in {tmp_path}/file/x.safetensors (File exists), so they are decoded every "
        "time. Set TOKAY_CACHE to a writable folder with free space."
    ]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, content: bytes) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.warns(UserWarning, match="No space left on device"):
        decode_once(tmp_path / "x.safetensors", "key", pool, where="omniglot")
    assert list(tmp_path.iterdir()) == []


def test_files_can_be_shared(tmp_path: Path) -> None:
    """Who may read them, the umask decides."""
    file = tmp_path / "x.safetensors"
    for mask in (0o022, 0o077):
        previous = os.umask(mask)
        try:
            decode_once(file, str(mask), pool, where="here")
        finally:
            os.umask(previous)
        assert file.stat().st_mode & 0o777 == 0o666 & ~mask


def test_what_a_kill_leaves_goes(tmp_path: Path) -> None:
    """Of any file of the cache, but not what another process may be writing, nor files of other programs."""
    file = tmp_path / "x.safetensors"
    stale, fresh, foreign = (tmp_path / name for name in (".y.safetensors.1f.tmp", ".x.safetensors.2f.tmp", ".z.tmp"))
    for temporary in (stale, fresh, foreign):
        temporary.write_bytes(b"half")
    for temporary in (stale, foreign):
        os.utime(temporary, (0, 0))
    decode_once(file, "key", pool, where="here")
    assert sorted(tmp_path.iterdir()) == sorted([fresh, foreign, file])


def test_a_killed_process_leaves_a_name_that_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def fail(path: Path, content: bytes) -> None:
        names.append(path.name)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.warns(UserWarning, match="cannot store"):  # nothing was written
        decode_once(tmp_path / "x.safetensors", "key", pool, where="here")
    (tmp_path / names[0]).touch()
    os.utime(tmp_path / names[0], (0, 0))
    monkeypatch.undo()
    decode_once(tmp_path / "x.safetensors", "key", pool, where="here")
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_filling_makes_the_file_that_decoding_makes(tmp_path: Path) -> None:
    content = pool()
    shape, counts, names = tuple(content.images.shape[1:]), content.counts, content.names
    decode_once(tmp_path / "a.safetensors", "key", pool, where="here")

    def fill(pixels: torch.Tensor) -> None:
        pixels.copy_(content.images)

    filled = fill_once(tmp_path / "b.safetensors", "key", shape, counts, names, fill, where="here")
    assert torch.equal(filled.images, content.images)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    never = None  # a call would fail
    again = fill_once(tmp_path / "b.safetensors", "key", shape, counts, names, never, where="here")  # type: ignore[arg-type]
    assert torch.equal(again.images, content.images)
    assert (again.names, again.counts.tolist()) == (names, counts.tolist())


def test_without_a_cache_the_pictures_are_in_memory(tmp_path: Path) -> None:
    def fill(pixels: torch.Tensor) -> None:
        pixels.fill_(7)

    (tmp_path / "file").write_text("")
    file, counts = tmp_path / "file" / "x.safetensors", torch.tensor([1, 1])
    with pytest.warns(UserWarning, match="cannot store decoded images"):
        filled = fill_once(file, "key", (1, 2, 2), counts, ("a", "b"), fill, where="here")
    assert (filled.images == 7).all()


def test_pictures_larger_than_a_limit_of_memory_are_decoded(tmp_path: Path) -> None:
    """400 MB of pictures in a process that may have 200 MB more than it needs to begin with: they lie in the file."""
    code = """
import resource, sys
from pathlib import Path
import torch
from tokay.tasks.image_cache import fill_once

status = Path("/proc/self/status").read_text()
start = int(status.split("RssAnon:")[1].split()[0])
count = 400
def fill(pixels):
    for row in range(count):
        pixels[row] = row % 251
pool = fill_once(Path(sys.argv[1]), "k", (1, 1024, 1024), torch.tensor([count]), ("a",), fill, where="here")
assert int(pool.inputs(torch.tensor([399]))[0, 0, 0, 0] * 255 + 0.5) == 399 % 251
used = int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) - start
print(used)
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux says how much memory is a process's own")
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.safetensors")], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 100_000, "kilobytes"
