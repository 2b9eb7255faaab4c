"""Pictures of the user, in one folder per class, and the readers that `tokay adapt` uses too."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ..core.task import Sizes, Split
from ..errors import ConfigError, DataError
from .class_pool import ClassPool, Episodes
from .data_folders import cache_dir
from .image_cache import decode_once
from .image_decoding import Channels, decode_picture
from .progress_bars import show_progress
from .source import Source
from .splits import check_split, shuffle_names, take_split

_WHERE = "images"
_LITTER = {"thumbs.db", "desktop.ini"}  # files of file managers that are not hidden


@dataclass(frozen=True, kw_only=True)
class Images(Source, name="images"):
    """Few-shot classification of your own pictures, laid out as ``root/<class>/<file>``.

    Every picture becomes a square of ``size`` pixels: the short side is resized to ``size``, and the middle of the long
    side stays. Classes (not pictures) are divided between training, validation and test. The division depends only on
    ``split_seed`` and the names of the classes. Files beside the class folders are ignored. Pictures are decoded once
    and stored in ``TOKAY_CACHE``.

    Inputs are float32 ``[tasks, n, 3 or 1, size, size]`` in [0, 1].
    """

    summary: ClassVar[str] = "your own pictures: a folder with one folder of images per class"

    root: str
    """folder that holds one folder of images per class"""
    size: int = 84
    """side of the square that every image is resized and cropped to, in pixels"""
    channels: Channels = "rgb"
    """colour of the inputs: three channels (rgb) or one channel (grey)"""
    invert: bool = False
    """turn dark ink on light paper into bright ink on black"""
    validation: float = 0.16
    """fraction of the classes held out for validation"""
    test: float = 0.2
    """fraction of the classes held out for testing"""
    split_seed: int = 0
    """seed of the division of classes into training, validation and test"""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"{_WHERE}: size must be at least 1 pixel, got {self.size}.")
        if self.channels not in ("rgb", "grey"):
            raise ConfigError(f"{_WHERE}: channels must be rgb or grey, got {self.channels!r}.")
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ConfigError(
                f"{_WHERE}: validation and test must be fractions that leave classes to train on, "
                f"got {self.validation} and {self.test}."
            )

    @property
    def is_inverted(self) -> bool:
        """The setting ``invert``."""
        return self.invert

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes from the classes of ``split``.

        Raises ``DataError`` if the folder or a file in it cannot be used, and ``TaskError`` if the split is too small
        for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        root = Path(self.root).expanduser()
        fingerprint = _fingerprint(list_class_folders(root))
        pool = _load(root, cache_dir(), fingerprint, self.size, self.channels, self.invert)
        return Episodes(pool.subset(self._members(pool.names, split)), sizes, where)

    def _members(self, names: Sequence[str], split: Split) -> Sequence[str]:
        """The classes of a split. A fraction above 0 gives at least one class."""
        validation, test = (round(len(names) * share) or int(share > 0) for share in (self.validation, self.test))
        if validation + test >= len(names):
            raise DataError(
                f"{_WHERE}: {self.root} must have more than {validation} validation + {test} test classes, "
                f"got {len(names)}. Add classes, or set validation or test to 0."
            )
        members = take_split(shuffle_names(names, self.split_seed), split, validation=validation, test=test)
        if not members:
            raise ConfigError(f"{_WHERE}: {split} must be above 0 to use this split, got 0. Raise it.")
        return members


def list_class_folders(root: Path) -> dict[str, list[Path]]:
    """The pictures of each class folder in ``root``. Classes and pictures are sorted by name, hidden files are ignored.

    Raises ``DataError`` if ``root`` does not exist or has no class folder, or if a class folder is empty or has a folder
    in it.
    """
    folders = [entry for entry in _entries(root) if entry.is_dir()]
    if not folders:
        raise DataError(
            f"{_WHERE}: {root} must have one folder of images per class, it has no folder. Put each class into a folder."
        )
    return {folder.name: list_images(folder) for folder in folders}


def list_images(folder: Path) -> list[Path]:
    """The files of a folder, sorted by name, without hidden files such as .DS_Store.

    Raises ``DataError`` if the folder does not exist, has no files, or has a folder in it.
    """
    files = _entries(folder)
    if not files:
        raise DataError(f"{_WHERE}: {folder} must have images, it has none. Add some, or remove the folder.")
    for file in files:
        if not file.is_file():
            raise DataError(
                f"{_WHERE}: {folder} must have only image files, {file.name} is no file. Move it elsewhere."
            )
    return files


def read_images(paths: Sequence[Path], size: int, channels: Channels, *, invert: bool = False) -> Tensor:
    """Reads pictures into one uint8 tensor ``[n, C, size, size]``: see `tokay.tasks.image_decoding.decode_picture`.

    Raises ``DataError`` with the name of a file that is missing, damaged, cut short or not a picture.
    """
    pixels = torch.empty(len(paths), 3 if channels == "rgb" else 1, size, size, dtype=torch.uint8)
    for row, path in enumerate(paths):
        pixels[row] = decode_picture(path, size=size, channels=channels, invert=invert, name=str(path), where=_WHERE)
    return pixels


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{_WHERE}: cannot list the folder {folder} ({error.strerror}). Check the path.") from error
    return [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in _LITTER]


def _fingerprint(folders: dict[str, list[Path]]) -> str:
    """A hash of the pictures. It changes when a picture is added, removed, renamed or written."""
    listing = []
    for name, files in folders.items():
        for file in files:
            status = file.stat()
            listing.append([name, file.name, status.st_size, status.st_mtime_ns])
    return blake2b(json.dumps(listing).encode(), digest_size=16).hexdigest()


# Two entries: for example one folder for training and one for testing. Each may have hundreds of megabytes.
@functools.lru_cache(maxsize=2)
def _load(root: Path, cache: Path, fingerprint: str, size: int, channels: Channels, invert: bool) -> ClassPool:
    def decode() -> ClassPool:
        folders = list_class_folders(root)
        counts = torch.tensor([len(files) for files in folders.values()])
        pixels = torch.empty(int(counts.sum()), 3 if channels == "rgb" else 1, size, size, dtype=torch.uint8)
        parts = zip(torch.split(pixels, counts.tolist()), folders.values(), strict=True)
        for part, files in show_progress(parts, "Decoding images", len(folders)):
            part.copy_(read_images(files, size, channels, invert=invert))
        return ClassPool(pixels, counts, tuple(folders))

    place = root.resolve()
    identity = blake2b(json.dumps([str(place), size, channels, invert]).encode(), digest_size=6).hexdigest()
    return decode_once(cache / f"images-{place.name[:40]}-{identity}.safetensors", fingerprint, decode, where=_WHERE)
