"""Omniglot: 1,623 handwritten characters of 50 alphabets, each drawn by 20 people."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

import torch

from ..core.task import Sizes, Split
from ..errors import ConfigError
from .class_pool import ClassPool, Episodes
from .data_folders import cache_dir, data_dir
from .download import download, fetch_missing
from .image_cache import decode_once
from .omniglot_archive import read_archive
from .omniglot_splits import Scheme, split_characters
from .source import Source
from .splits import check_split

Rotations = Literal["train", "all", "none"]

_WHERE = "omniglot"
URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
_ARCHIVES = {  # name: (characters in it, MD5 of the official file as torchvision publishes it)
    "images_background.zip": (964, "68d2efa1b9178cc56df9314c21c6e718"),
    "images_evaluation.zip": (659, "6b91aef0f799c5bb55b94e3f2daec811"),
}


@dataclass(frozen=True, kw_only=True)
class Omniglot(Source, name="omniglot"):
    """Few-shot classification of handwritten characters (Lake et al. 2015), in the splits of the literature.

    - ``random``: 1,100 / 100 / 423 characters for training / validation / test, of any alphabet. MAML and most later
      papers use this split.
    - ``vinyals``: 1,028 / 172 / 423 characters of 33 / 5 / 13 alphabets, from the lists that the authors of prototypical
      networks published as the split of Vinyals et al. (2016). Alphabets are whole, except that Gurmukhi has 41 characters
      in training and 4 in test. With rotations: 4,112 / 688 / 1,692 classes. ``split_seed`` changes nothing here.
    - ``alphabets``: 33 / 5 / 12 whole alphabets, drawn by ``split_seed``.
    - ``lake``: the 30 background alphabets for training, 5 of them for validation, and the 20 evaluation alphabets for
      test.

    The random characters of a paper depend on the random generator of its code. Ours are different characters of the
    same number. Rotated copies are classes of their own, in the split of their character. Reptile and MAML++ test on
    upright characters only (``rotations=train``); the code of MAML also rotates the test characters.

    Inputs are float32 ``[tasks, n, 1, size, size]`` in [0, 1], with ink = 1. Deviation: they are resized with
    anti-aliasing. The original code asked for it too, but PIL ignores it on 1-bit images.

    The archives are read from ``TOKAY_DATA/omniglot``, and downloaded (14 MB) if they are missing. Drawings 3 and 19
    of Braille/character01 are the same image.
    """

    summary: ClassVar[str] = "1,623 handwritten characters of 50 alphabets (Lake et al. 2015)"
    bright_ink = True

    split: Scheme = "random"
    """classes held out: random characters, the published lists (vinyals), whole random alphabets, or the evaluation set (lake)"""
    rotations: Rotations = "all"
    """add copies rotated by 90, 180 and 270 degrees as new classes: in training only (train), in all splits, or none"""
    within_alphabet: bool = False
    """draw all classes of an episode from one alphabet, in one rotation"""
    size: int = 28
    """side of the square images, in pixels"""
    split_seed: int = 1
    """seed that chooses the characters or alphabets held out (not with --split vinyals)"""

    def __post_init__(self) -> None:
        for field, choices in (("split", Scheme), ("rotations", Rotations)):
            if getattr(self, field) not in get_args(choices):
                allowed = ", ".join(get_args(choices))
                raise ConfigError(f"{_WHERE}: {field} must be one of {allowed}, got {getattr(self, field)!r}.")
        if self.size < 1:
            raise ConfigError(f"{_WHERE}: size must be at least 1 pixel, got {self.size}.")

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes from the characters of ``split``.

        Raises ``DataError`` if the archives are damaged, or missing and cannot be downloaded, and ``TaskError`` if the
        split is too small for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        pool = characters(self.size)
        pool = pool.subset(split_characters(pool.names, self.split, split, self.split_seed))
        if self.rotations == "all" or (self.rotations == "train" and split == "train"):
            pool = with_rotations(pool)
        return Episodes(pool, sizes, where, alphabets_of(pool.names) if self.within_alphabet else None)


def characters(size: int) -> ClassPool:
    """All 1,623 characters, named ``background/<alphabet>/<character>`` or ``evaluation/...``. Downloads if necessary."""
    folder = data_dir() / "omniglot"
    fetch(folder)
    status = [(folder / name).stat() for name in _ARCHIVES]
    return _load(folder, cache_dir(), " ".join(f"{s.st_size} {s.st_mtime_ns}" for s in status), size)


def with_rotations(pool: ClassPool) -> ClassPool:
    """Adds copies of all classes, turned left by 90, 180 and 270 degrees, as new classes such as ``a@90``."""
    return ClassPool(
        torch.cat([pool.stored().rot90(turns, (2, 3)) for turns in range(4)]),
        pool.counts.repeat(4),
        tuple(name + turn for turn in ("", "@90", "@180", "@270") for name in pool.names),
    )


def fetch(folder: Path, get: Callable[..., None] = download) -> None:
    """Downloads the official archives that are missing in ``folder``. Raises ``DataError`` if a download fails."""
    files = {name: (f"{URL}/{name}", md5) for name, (_, md5) in _ARCHIVES.items()}
    fetch_missing(folder, files, where=_WHERE, get=get)


def alphabets_of(names: Sequence[str]) -> torch.Tensor:
    """The number of the alphabet of each character. A rotated copy of an alphabet has a number of its own."""
    keys = [(name.split("/")[1], name.partition("@")[2]) for name in names]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return torch.tensor([numbers[key] for key in keys])


# Two entries, for two sizes of images. Each has 25 MB at 28 pixels.
@functools.lru_cache(maxsize=2)
def _load(folder: Path, cache: Path, fingerprint: str, size: int) -> ClassPool:
    def decode() -> ClassPool:
        parts = [read_archive(folder / name, size=size, characters=count) for name, (count, _) in _ARCHIVES.items()]
        background, evaluation = parts
        return ClassPool(
            torch.cat([background.images, evaluation.images]),
            torch.cat([background.counts, evaluation.counts]),
            background.names + evaluation.names,
        )

    return decode_once(cache / f"omniglot-{size}.safetensors", fingerprint, decode, where=_WHERE)
