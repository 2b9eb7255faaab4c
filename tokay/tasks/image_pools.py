"""The pictures of many files as one pool: decoded once, straight into a file, so that they may be larger than memory."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor

from .class_pool import ClassPool
from .image_cache import fill_once
from .image_decoding import Channels, decode_picture
from .image_folders import ClassFolders
from .progress_bars import show_progress

_WHERE = "images"


@dataclass(frozen=True)
class Form:
    """What a picture becomes."""

    size: int
    channels: Channels
    invert: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (3 if self.channels == "rgb" else 1, self.size, self.size)


def read_images(paths: Sequence[Path], size: int, channels: Channels, *, invert: bool = False) -> Tensor:
    """Reads pictures into one uint8 tensor ``[n, C, size, size]``: see `tokay.tasks.image_decoding.decode_picture`.

    Raises ``DataError`` with the name of a file that is missing, damaged, cut short or not a picture.
    """
    form = Form(size, channels, invert)
    pixels = torch.empty(len(paths), *form.shape, dtype=torch.uint8)
    _decode_into(pixels, paths, form)
    return pixels


# Two entries: for example one folder for training and one for testing. Each may have hundreds of megabytes.
@functools.lru_cache(maxsize=2)
def load_pool(root: Path, cache: Path, fingerprint: str, folders: "FrozenFolders", form: Form) -> ClassPool:
    """The pictures of ``folders`` as a pool. They are stored in the folder ``cache``, for each root and form.

    ``fingerprint`` changes whenever the pictures do. Raises ``DataError`` for a file that cannot be read.
    """
    files = folders.folders.files
    counts = torch.tensor([len(paths) for paths in files.values()])

    def fill(pixels: Tensor) -> None:
        parts = zip(torch.split(pixels, counts.tolist()), files.values(), strict=True)
        for part, paths in show_progress(parts, "Decoding images", len(files)):
            _decode_into(part, paths, form)

    place = root.resolve()
    identity = blake2b(
        json.dumps([str(place), form.size, form.channels, form.invert]).encode(), digest_size=6
    ).hexdigest()
    name = place.name[:40].encode("ascii", "replace").decode().replace("?", "_")
    file = cache / f"images-{name}-{identity}.safetensors"
    return fill_once(file, fingerprint, form.shape, counts, tuple(files), fill, where=_WHERE)


class FrozenFolders:
    """Folders as an argument of a function that remembers its results: the fingerprint beside it tells them apart."""

    def __init__(self, folders: ClassFolders) -> None:
        self.folders = folders

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenFolders)

    def __hash__(self) -> int:
        return 0


def _decode_into(pixels: Tensor, paths: Sequence[Path], form: Form) -> None:
    for row, path in enumerate(paths):
        pixels[row] = decode_picture(
            path, size=form.size, channels=form.channels, invert=form.invert, name=str(path), where=_WHERE
        )
