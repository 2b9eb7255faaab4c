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
from .decoded_images import decoded
from .download import download, fetch_missing
from .omniglot_archive import read_archive
from .source import Source
from .splits import check_split, portion, shuffled

Scheme = Literal["random", "vinyals", "lake"]
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

    - ``random``: 1,200 characters to train on and 423 to test on, whatever their alphabet; of the 1,200 the last
      100 are for validation. The setting of MAML (1,100 / 100 / 423 characters) and of most tables since.
    - ``vinyals``: whole alphabets are held out, 33 / 5 / 12 of them, in the *style* of Vinyals et al. (2016). Which
      ones they took is not known here, and the 33 / 5 / 13 often quoted are more than the 50 there are; ours are
      drawn by ``split_seed``, so compare with published numbers with care.
    - ``lake``: the 30 background alphabets, 5 of them for validation, against the 20 evaluation alphabets.

    Which random characters a paper's code drew depends on its language's generator: ours are other ones of the
    same number. Rotated copies count as classes of their own and never leave the split of their character. As
    ``rotations=train`` makes it, Reptile and MAML++ test on upright characters only; MAML's code rotates at test.

    Inputs are float32 ``[tasks, n, 1, size, size]`` in [0, 1], ink = 1. They are resized with anti-aliasing, which
    the original code asked for too but did not get (PIL falls back to nearest on 1-bit images).
    Archives are read from ``TOKAY_DATA/omniglot`` and downloaded when they are missing (14 MB). Drawings 3 and 19
    of Braille/character01 are the same image.
    """

    summary: ClassVar[str] = "1,623 handwritten characters of 50 alphabets (Lake et al. 2015)"
    bright_ink = True

    split: Scheme = "random"
    """which classes are held out: random characters, whole alphabets (vinyals), or the evaluation set (lake)"""
    rotations: Rotations = "all"
    """copies turned by 90, 180 and 270 degrees as new classes: in training only, in all splits, or none"""
    within_alphabet: bool = False
    """draw all classes of an episode from one alphabet (and one rotation of it)"""
    size: int = 28
    """side of the square images, in pixels"""
    split_seed: int = 1
    """which characters or alphabets are held out"""

    def __post_init__(self) -> None:
        for field, choices in (("split", Scheme), ("rotations", Rotations)):
            if getattr(self, field) not in get_args(choices):
                allowed = ", ".join(get_args(choices))
                raise ConfigError(f"{_WHERE}: {field} must be one of {allowed}, got {getattr(self, field)!r}.")
        if self.size < 1:
            raise ConfigError(f"{_WHERE}: size must be at least 1 pixel, got {self.size}.")

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes from the characters of ``split``.

        Raises ``DataError`` when the archives are missing and cannot be downloaded, or are damaged; ``TaskError``
        when the split is too small for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        pool = characters(self.size)
        pool = pool.subset(split_characters(pool.names, self.split, split, self.split_seed))
        if self.rotations == "all" or (self.rotations == "train" and split == "train"):
            pool = with_rotations(pool)
        return Episodes(pool, sizes, where, alphabets_of(pool.names) if self.within_alphabet else None)


def characters(size: int) -> ClassPool:
    """All 1,623 characters, ``background/<alphabet>/<character>`` first; downloaded and decoded when need be."""
    folder = data_dir() / "omniglot"
    fetch(folder)
    status = [(folder / name).stat() for name in _ARCHIVES]
    return _load(folder, cache_dir(), " ".join(f"{s.st_size} {s.st_mtime_ns}" for s in status), size)


def split_characters(names: Sequence[str], scheme: Scheme, split: Split, seed: int) -> Sequence[str]:
    """The characters of one split: of ``names`` like ``background/Latin/character01``."""
    if scheme == "random":
        return portion(shuffled(names, seed), split, validation=100, test=423)
    alphabets = {name.split("/")[1]: name.startswith("evaluation/") for name in names}
    if scheme == "vinyals":
        chosen = portion(shuffled(alphabets, seed), split, validation=5, test=12)
    elif split == "test":
        chosen = [alphabet for alphabet, evaluation in alphabets.items() if evaluation]
    else:
        background = [alphabet for alphabet, evaluation in alphabets.items() if not evaluation]
        chosen = portion(shuffled(background, seed), split, validation=5, test=0)
    return [name for name in names if name.split("/")[1] in chosen]


def with_rotations(pool: ClassPool) -> ClassPool:
    """The classes of ``pool`` and, as classes of their own, the same turned left by 90, 180 and 270 degrees."""
    return ClassPool(
        torch.cat([pool.images.rot90(turns, (2, 3)) for turns in range(4)]),
        pool.counts.repeat(4),
        tuple(name + turn for turn in ("", "@90", "@180", "@270") for name in pool.names),
    )


def fetch(folder: Path, get: Callable[..., None] = download) -> None:
    """Download the official archives that ``folder`` lacks. Raises ``DataError`` when that does not work."""
    files = {name: (f"{URL}/{name}", md5) for name, (_, md5) in _ARCHIVES.items()}
    fetch_missing(folder, files, where=_WHERE, get=get)


def alphabets_of(names: Sequence[str]) -> torch.Tensor:
    """The number of each character's alphabet, the rotated copies of an alphabet counting as another one."""
    keys = [(name.split("/")[1], name.partition("@")[2]) for name in names]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return torch.tensor([numbers[key] for key in keys])


# Two: training at one size, say, and looking at another. Each is 25 MB at 28 pixels.
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

    return decoded(cache / f"omniglot-{size}.safetensors", fingerprint, decode, where=_WHERE)
