"""Pictures as vectors of a frozen network: each goes through it once, and the vectors are kept in the cache."""

import functools
import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DataError
from .class_pool import ClassPool
from .embedding_cache import embed_once
from .image_pools import FrozenFolders, read_images
from .pretrained import Pretrained
from .progress_bars import show_progress

_BATCH = 32


def embed_images(paths: Sequence[Path], backbone: Pretrained, *, invert: bool = False) -> Tensor:
    """The vectors of pictures, float32 ``[n, features]``, of length 1. Raises ``DataError`` for one that cannot be read."""
    parts = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    return torch.cat([backbone.encode(read_images(part, backbone.size, "rgb", invert=invert)) for part in parts])


# Two entries: for example one folder for training and one for testing.
@functools.lru_cache(maxsize=2)
def embedded_images(
    root: Path, cache: Path, fingerprint: str, folders: FrozenFolders, backbone: Pretrained, invert: bool
) -> ClassPool:
    """The pictures of ``folders`` as a pool of vectors, stored in the folder ``cache``, for each root and form.

    ``fingerprint`` changes whenever the pictures do. An interrupt loses a minute of work at most.
    """
    files = folders.folders.files
    paths = [path for group in files.values() for path in group]
    states = {_state(path): path for path in paths}

    def encode_batches(names: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        starts = range(0, len(names), _BATCH)
        for start in show_progress(starts, "Embedding images", len(starts)):
            rows = list(range(start, min(start + _BATCH, len(names))))
            yield rows, embed_images([states[names[row]] for row in rows], backbone, invert=invert)

    identity = blake2b(json.dumps([str(root.resolve()), backbone.key, invert]).encode(), digest_size=6).hexdigest()
    name = root.name[:40].encode("ascii", "replace").decode().replace("?", "_")
    file = cache / f"embeddings-{name}-{identity}.safetensors"
    vectors = embed_once(file, backbone.key, [_state(path) for path in paths], encode_batches, where="images")
    counts = torch.tensor([len(group) for group in files.values()])
    return ClassPool(vectors, counts, tuple(files), hashes=tuple(_hash_files(group) for group in files.values()))


def _state(path: Path) -> str:
    """A picture in one state: another size or time means that it may have changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"images: {path} cannot be read ({error.strerror}). Check the path.") from error
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def _hash_files(paths: Sequence[Path]) -> str:
    digest = blake2b(digest_size=8)
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
