"""Files that are either the old one or the new one, never half of it."""

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .errors import DataError


def write_atomically(path: Path, content: bytes) -> None:
    """Write under a temporary name, force it to the disk, then rename: a kill or a full disk leaves the old file.

    Raises ``DataError`` when the disk is full or the folder cannot be written; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        kept = "the file that was there is untouched" if path.exists() else "nothing was written"
        raise DataError(
            f"{path}: {len(content) / 2**20:.1f} MiB cannot be written ({error.strerror}); {kept}. "
            "Free some space or choose another folder, then do it again (training goes on with --resume)."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # it has been renamed, or could not even be made
            temporary.unlink()


def clear_temporaries(folder: Path) -> None:
    """Remove what a kill in the middle of ``write_atomically`` left in ``folder``."""
    for left in folder.glob(".*.tmp"):
        left.unlink()


def append_line(path: Path, line: str) -> None:
    """Add a line to a log. Raises ``DataError`` when the disk is full: then part of the line may be there."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror}). Free some space, then go on with --resume."
        ) from error


def finite_json(value: Any) -> Any:
    """``value`` with null for NaN and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {name: finite_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [finite_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """``value`` as readable JSON, atomically."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote. Raises ``DataError`` for a file that is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Is this a run folder?") from error
    except ValueError as error:
        raise DataError(
            f"{path}: must be JSON, and is not ({error}). Take it from a backup, or train again."
        ) from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Tensors as safetensors, atomically."""
    # A tensor that shares memory with another, or is no plain block, is not what safetensors stores.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_atomically(path, save(plain, metadata=metadata))


def read_tensors(path: Path, device: torch.device | str = "cpu") -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata. Raises ``DataError`` for a file that is missing, truncated or no safetensors file."""
    if not path.is_file():
        raise DataError(f"{path}: must be a safetensors file, and does not exist. Is this a run folder?")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: must be a safetensors file, and is empty. Take it from a backup, or train again.")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        with path.open("rb") as raw:
            start = raw.read(2)
        kind = "a pickle, which Tokay never opens" if start[:1] == b"\x80" or start == b"PK" else "truncated or damaged"
        raise DataError(
            f"{path}: must be a safetensors file, and is {kind} ({error}). Take it from a backup, or train again."
        ) from error
