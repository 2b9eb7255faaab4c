"""A cache of decoded images on disk, as safetensors files: written once, then read in a fraction of a second."""

import contextlib
import json
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

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
        _write(file, key, pool, where)
    return pool


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
    return pool if about.get("checksum") == _checksum(pool) else None


def _write(file: Path, key: str, pool: ClassPool, where: str) -> None:
    about = {"key": key, "names": json.dumps(pool.names), "checksum": _checksum(pool)}
    try:
        with replace_atomically(file, make_folder=True) as temporary:
            # Not save_file, whose files only their owner can read: others may share the cache.
            temporary.write_bytes(save({"images": pool.images, "counts": pool.counts}, about))
    except OSError as error:
        warnings.warn(
            f"{where}: cannot store decoded images in {file} ({error.strerror}), so they are decoded every time. "
            "Set TOKAY_CACHE to a writable folder with free space.",
            stacklevel=2,
        )


def _remove_stale(folder: Path) -> None:
    """Remove temporary files that a killed process left in the cache, whatever file they were for."""
    with contextlib.suppress(OSError):  # another process removes them too, or the cache is read-only
        for temporary in folder.glob(".*.safetensors.*.tmp"):
            if time.time() - temporary.stat().st_mtime > _STALE:
                temporary.unlink()


def _checksum(pool: ClassPool) -> str:
    """A checksum of the content: safetensors detects a file that is cut short, but not a changed byte."""
    crc = zlib.crc32(json.dumps([pool.names, pool.counts.tolist(), list(pool.images.shape)]).encode())
    return f"{zlib.crc32(pool.images.contiguous().numpy().data, crc):08x}"
