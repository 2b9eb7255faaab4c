"""Decoded images on disk: written once, read in a fraction of a second, never unpickled."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import DataError
from .class_pool import ClassPool
from .data_folders import replacing


def decoded(file: Path, key: str, decode: Callable[[], ClassPool], *, where: str) -> ClassPool:
    """The pool in ``file`` if it was written under ``key`` and is sound; otherwise ``decode()``, kept there.

    ``key`` must change whenever what ``decode`` reads changes. Raises ``DataError``, beginning with ``where``,
    when the file cannot be written, and whatever ``decode`` raises.
    """
    pool = _read(file, key)
    if pool is None:
        pool = decode()
        _write(file, key, pool, where)
    return pool


def _read(file: Path, key: str) -> ClassPool | None:
    """None for a file that is missing, stale or damaged in any way: the raw data has all that is needed to rebuild."""
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
        with replacing(file) as temporary:
            save_file({"images": pool.images, "counts": pool.counts}, temporary, about)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(
            f"{where}: cannot write decoded images to {file} ({reason}). "
            "Set TOKAY_CACHE to a folder with room that can be written."
        ) from error


def _checksum(pool: ClassPool) -> str:
    """Safetensors notices a file that was cut short, but not flipped bytes."""
    crc = zlib.crc32(json.dumps([pool.names, pool.counts.tolist(), list(pool.images.shape)]).encode())
    return f"{zlib.crc32(pool.images.contiguous().numpy().data, crc):08x}"
