"""A cache of decoded images on disk, as safetensors files: written once, then read in a fraction of a second."""

import contextlib
import json
import math
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import DataError
from ..files import replace_atomically
from .class_pool import ClassPool

_STALE = 3600  # seconds: no process writes for so long


def decode_once(file: Path, key: str, decode: Callable[[], ClassPool], *, where: str) -> ClassPool:
    """Reads the pool from ``file``. If this fails, or the file has another key, calls ``decode()`` and writes the file.

    ``key`` must change whenever the data that ``decode`` reads changes. Warns, with ``where`` at the start, if the file
    cannot be written: only time is lost. Errors of ``decode`` pass through.
    """
    _remove_stale(file.parent)
    pool = _read(file, key)
    if pool is None:
        pool = decode()
        shape, images = tuple(pool.images.shape[1:]), pool.images
        _write(file, key, shape, pool.counts, pool.names, lambda pixels: _copy(images, pixels), where)
    return pool


def fill_once(
    file: Path,
    key: str,
    shape: tuple[int, ...],
    counts: Tensor,
    names: tuple[str, ...],
    fill: Callable[[Tensor], None],
    *,
    where: str,
) -> ClassPool:
    """Like ``decode_once`` for pictures that may be larger than memory: they are decoded straight into the file.

    ``fill`` gets uint8 ``[examples, *shape]`` and writes all of it. The pool lies in the file, which is mapped into memory:
    only the pictures of a task are read. If the file cannot be written, the pictures fill the memory.
    """
    _remove_stale(file.parent)
    pool = _read(file, key)
    if pool is None and _write(file, key, shape, counts, names, fill, where):
        pool = _read(file, key)
    if pool is None:
        images = torch.empty(int(counts.sum()), *shape, dtype=torch.uint8)
        fill(images)
        pool = ClassPool(images, counts, names)
    return pool


def _copy(images: Tensor, pixels: Tensor) -> None:
    pixels.copy_(images)


def _read(file: Path, key: str) -> ClassPool | None:
    """The pool, or None if the file is missing, damaged or has another key. The raw data can always rebuild it."""
    try:
        with safe_open(file, framework="pt") as content:
            about = content.metadata() or {}
            if about["key"] != key:
                return None
            pool = ClassPool(
                content.get_tensor("images"), content.get_tensor("counts"), tuple(json.loads(about["names"]))
            )
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    return pool if about.get("checksum") == _checksum(pool.images, pool.counts, pool.names) else None


def _write(
    file: Path,
    key: str,
    shape: tuple[int, ...],
    counts: Tensor,
    names: tuple[str, ...],
    fill: Callable[[Tensor], None],
    where: str,
) -> bool:
    """Write the file, in the format of safetensors: a length, a header, and the numbers. Returns whether it could.

    safetensors itself would need all of it in memory.
    """
    pixels = [int(counts.sum()), *shape]
    length = math.prod(pixels)

    def head(checksum: str) -> bytes:
        about = {"key": key, "names": json.dumps(names), "checksum": checksum}
        places = {
            "counts": {"dtype": "I64", "shape": [len(counts)], "data_offsets": [0, 8 * len(counts)]},
            "images": {"dtype": "U8", "shape": pixels, "data_offsets": [8 * len(counts), 8 * len(counts) + length]},
        }
        text = json.dumps({"__metadata__": about, **places}).encode()
        text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight bytes
        return len(text).to_bytes(8, "little") + text

    start = len(head("0" * 8)) + 8 * len(counts)
    try:
        with replace_atomically(file, make_folder=True) as temporary:
            temporary.write_bytes(head("0" * 8) + counts.long().numpy().tobytes())
            _reserve(temporary, start + length)
            # Mapped, so that the pictures need not fit into memory.
            mapped = torch.from_file(str(temporary), shared=True, size=start + length, dtype=torch.uint8)
            images = mapped[start:].reshape(pixels)
            fill(images)
            checksum = _checksum(images, counts, names)
            mapped[: len(head(checksum))] = torch.frombuffer(bytearray(head(checksum)), dtype=torch.uint8)
    except DataError:  # of ``fill``, and an OSError too
        raise
    except OSError as error:
        warnings.warn(
            f"{where}: cannot store decoded images in {file} ({error.strerror}), so they are decoded every time. "
            "Set TOKAY_CACHE to a writable folder with free space.",
            stacklevel=2,
        )
        return False
    return True


def _reserve(file: Path, size: int) -> None:
    """Give the file its size, with real space: writing to a map of a full disk would end the process without a word."""
    block = bytes(2**20)
    with file.open("ab") as stream:
        while (missing := size - stream.tell()) > 0:
            stream.write(block[:missing])


def _remove_stale(folder: Path) -> None:
    """Remove temporary files that a killed process left in the cache, whatever file they were for."""
    with contextlib.suppress(OSError):  # another process removes them too, or the cache is read-only
        for temporary in folder.glob(".*.safetensors.*.tmp"):
            if time.time() - temporary.stat().st_mtime > _STALE:
                temporary.unlink()


def _checksum(images: Tensor, counts: Tensor, names: tuple[str, ...]) -> str:
    """A checksum of the content: safetensors detects a file that is cut short, but not a changed byte."""
    crc = zlib.crc32(json.dumps([names, counts.tolist(), list(images.shape)]).encode())
    return f"{zlib.crc32(images.contiguous().numpy().data, crc):08x}"
