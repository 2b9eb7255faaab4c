"""A cache of text embeddings on disk: each text goes through a frozen encoder once."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DataError
from ..files import has_checksum, read_tensors, write_tensors

_SAVE_EVERY = 60.0  # seconds of encoding that an interrupt can cost at most

EncodeBatches = Callable[[Sequence[str]], Iterator[tuple[list[int], Tensor]]]
"""yields (positions in the texts, their vectors)"""


def embed_once(file: Path, key: str, texts: Sequence[str], encode_batches: EncodeBatches, *, where: str) -> Tensor:
    """The vectors of ``texts``, float32 ``[n, features]``: from ``file``, and from ``encode_batches`` for those it lacks.

    ``key`` stands for the weights of the encoder. If the file has another key, or is damaged, all vectors are computed
    anew, and a warning with ``where`` at its start says so. Warns, too, if the file cannot be written: only time is lost.
    Errors of ``encode_batches`` pass through.
    """
    hashes = [_hash(text) for text in texts]
    vectors = _read(file, key, where)
    missing = {number: text for number, text in zip(hashes, texts, strict=True) if number not in vectors}
    if missing:
        numbers, last_save = list(missing), time.monotonic()
        for rows, batch in encode_batches(list(missing.values())):
            vectors.update((numbers[row], vector) for row, vector in zip(rows, batch, strict=True))
            if time.monotonic() - last_save > _SAVE_EVERY:
                _write(file, key, vectors, where)
                last_save = time.monotonic()
        needed = set(hashes)
        _write(file, key, {number: vector for number, vector in vectors.items() if number in needed}, where)
    return torch.stack([vectors[number] for number in hashes])


def _hash(text: str) -> int:
    digest = blake2b(text.encode(errors="backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _read(file: Path, key: str, where: str) -> dict[int, Tensor]:
    """The vector of each text, by its hash. Empty if there is no file, or none that can be used."""
    if not file.exists():
        return {}
    reason = "is damaged"
    try:
        tensors, about = read_tensors(file)
        hashes, vectors = tensors["texts"], tensors["vectors"]
        if about.get("key") != key:
            reason = "holds embeddings of other weights"
        elif (
            has_checksum(file)
            and hashes.dtype == torch.int64
            and vectors.dtype == torch.float32
            and hashes.shape == vectors.shape[:1]
        ):
            return dict(zip(hashes.tolist(), vectors, strict=True))
    except (DataError, KeyError):
        pass
    warnings.warn(f"{where}: {file} {reason}, so all texts are encoded anew.", stacklevel=3)
    return {}


def _write(file: Path, key: str, vectors: dict[int, Tensor], where: str) -> None:
    tensors = {"texts": torch.tensor(list(vectors)), "vectors": torch.stack(list(vectors.values()))}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(file, tensors, {"key": key})
    except OSError as error:  # DataError is one
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        warnings.warn(
            f"{where}: cannot store embeddings in {file} ({cause.strerror}), so texts are encoded every time. "
            "Set TOKAY_CACHE to a writable folder with free space.",
            stacklevel=3,
        )
