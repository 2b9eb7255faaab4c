"""Reads and writes files. A write replaces a file wholly or not at all."""

import contextlib
import json
import math
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .errors import DataError

_CHECKSUM = "checksum"
"""the key of the checksum in the metadata of a safetensors file"""


@contextlib.contextmanager
def replace_atomically(path: Path, *, make_folder: bool = False) -> Iterator[Path]:
    """Yields a temporary path in the folder of ``path``: write the new content there.

    If the block succeeds, the content is forced to the disk and the temporary file is renamed to ``path``. If the block
    fails, the temporary file is removed. So a kill or a full disk leaves the old file.

    ``make_folder`` creates the folder first. Raises ``OSError`` if the folder cannot be made, or the file not written.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    # The name is unique: two processes that write the same file do not mix their bytes, and the last one wins.
    # It begins with that of the file, so that what a kill leaves can be told from other files (``is_temporary``).
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):  # already renamed, or never created
            temporary.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` with ``replace_atomically``. The folder must exist.

    Raises ``DataError`` if the disk is full or the folder cannot be written. Then the old file, if any, is unchanged.
    """
    try:
        with replace_atomically(path) as temporary, temporary.open("wb") as file:
            file.write(content)
    except OSError as error:
        outcome = "the old file is unchanged" if path.exists() else "nothing was written"
        raise DataError(
            f"{path}: {len(content) / 2**20:.1f} MiB cannot be written ({error.strerror}); {outcome}. "
            "Free some space or choose another folder, then try again (training continues with --resume)."
        ) from error


def is_temporary(name: str, of: str = "") -> bool:
    """Whether a file of this name is what a killed write leaves; of the file ``of``, if it is given."""
    return name.startswith(f".{of}") and name.endswith(".tmp")


def clear_temporaries(folder: Path, of: str = "") -> None:
    """Remove the temporary files that killed writes left in ``folder``; only those of the file ``of``, if it is given."""
    for file in folder.iterdir():
        if is_temporary(file.name, of):
            file.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Append a line to a log. Raises ``DataError`` if the disk is full; then the log may contain a part of the line."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror}). Free some space, then continue with --resume."
        ) from error


def finite_json(value: Any) -> Any:
    """Replace NaN and infinity in ``value`` by None, because JSON has no such numbers."""
    if isinstance(value, dict):
        return {name: finite_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [finite_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, with ``write_atomically``."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises ``DataError`` if the file is missing, is not JSON, or is nested too deeply."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Is this a run folder?") from error
    except ValueError as error:
        raise DataError(
            f"{path}: must be a JSON file, but is not ({error}). Restore it from a backup, or train again."
        ) from error
    except RecursionError as error:
        raise DataError(
            f"{path}: must be a JSON file of a few levels, but is nested too deeply. Restore it from a backup."
        ) from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write ``tensors`` as a safetensors file with a checksum, with ``write_atomically``."""
    # Safetensors stores only contiguous tensors that share no memory.
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    checksum = {_CHECKSUM: compute_checksum(copies, metadata)}
    write_atomically(path, _sort_metadata(save(copies, metadata={**metadata, **checksum})))


def _sort_metadata(content: bytes) -> bytes:
    """The same safetensors file with its metadata in order: safetensors writes them in another order each time."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def read_tensors(path: Path, device: torch.device | str = "cpu") -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read (tensors, metadata). The metadata has no checksum: it is compared here, if the file has one.

    Raises ``DataError`` if the file is missing, truncated, not a safetensors file, or not what its checksum says.
    """
    if not path.is_file():
        raise DataError(f"{path}: must be a safetensors file, but does not exist. Is this a run folder?")
    try:
        if path.stat().st_size == 0:
            raise DataError(
                f"{path}: must be a safetensors file, but is empty. Restore it from a backup, or train again."
            )
        with safe_open(path, framework="pt", device=str(device)) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except DataError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(
            f"{path}: must be a safetensors file, but is {_kind(path)} ({str(error)[:200]}). "
            "Restore it from a backup, or train again."
        ) from error
    checksum = metadata.pop(_CHECKSUM, None)
    if checksum is not None and checksum != compute_checksum(tensors, metadata):
        raise DataError(
            f"{path}: must match its checksum, but does not: it was damaged or changed after it was written. "
            "Restore it from a backup, or train again."
        )
    return tensors, metadata


def has_checksum(path: Path) -> bool:
    """Whether the safetensors file ``path`` has a checksum. Those of earlier versions have none."""
    return _CHECKSUM in read_metadata(path)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, with the checksum, without reading its tensors."""
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def compute_checksum(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """A hash of the names, dtypes, shapes and bytes of ``tensors``, and of ``metadata``. The order does not matter."""
    digest = blake2b(json.dumps(sorted(metadata.items())).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _kind(path: Path) -> str:
    """What a file that is no safetensors file seems to be."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        return "unreadable"
    # A safetensors file begins with a number of 8 bytes, which may look like a pickle's mark, and then a brace.
    is_pickle = start[:1] == b"\x80" and start[1:2] in (b"\2", b"\3", b"\4", b"\5") and start[8:] != b"{"
    return "a pickle, which Tokay never opens" if is_pickle or start[:2] == b"PK" else "truncated or damaged"
