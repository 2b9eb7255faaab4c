"""The official Omniglot one-shot challenge: 20 runs, each with 20 characters of one alphabet."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

import torch

from ..core.task import Examples, Sizes, Split, Task, TaskSource, one_hot
from ..errors import ConfigError, TaskError
from .class_pool import ClassPool, Episodes
from .data_folders import cache_dir, data_dir
from .download import fetch_missing
from .fixed_tasks import FixedTasks
from .image_cache import decode_once
from .omniglot import URL, alphabets_of, characters, with_rotations
from .omniglot_archive import read_runs
from .omniglot_splits import split_characters
from .source import Source
from .splits import check_split

_WHERE = "omniglot-runs"
_ARCHIVE = "all_runs.zip"
_FILES = {_ARCHIVE: (f"{URL}/one-shot-classification/{_ARCHIVE}", "e8996daecdf12afeeb4a53a179f06b19")}
_RUN = Sizes(ways=20, shots=1, queries=1)


@dataclass(frozen=True, kw_only=True)
class OmniglotRuns(Source, name="omniglot-runs"):
    """One-shot classification *within* an alphabet (Lake, Salakhutdinov & Tenenbaum 2015), on the published tasks.

    The test tasks are the official 20 runs: two for each of ten evaluation alphabets. A run has 20 ways. Each class has
    one support drawing (by one person) and one query drawing (by another). Classes and queries come in the order of the
    run. ``tokay evaluate`` scores every run once, for any larger ``--tasks``.

    Training and validation use only the 30 background alphabets, as the challenge asks. Five of them, drawn by
    ``split_seed``, are for validation: the same as in ``omniglot --split lake``. The test of that source is easier, and
    most published numbers are about it: by default its episodes mix the 20 evaluation alphabets.

    Inputs are float32 ``[tasks, n, 1, size, size]`` in [0, 1] with ink = 1, as those of ``omniglot``. At 105 pixels they
    are the original drawings. The runs are read from ``TOKAY_DATA/omniglot/all_runs.zip``, and downloaded if missing.
    """

    summary: ClassVar[str] = (
        "the official 20 runs of 20-way one-shot classification within an alphabet (Lake et al. 2015)"
    )
    bright_ink = True
    test_sizes: ClassVar[Sizes] = _RUN

    rotations: Literal["train", "none"] = "train"
    """add copies rotated by 90, 180 and 270 degrees as new classes in training (train), or none"""
    within_alphabet: bool = True
    """draw all classes of a training or validation episode from one alphabet, as in a run"""
    size: int = 28
    """side of the square images, in pixels (105: original size)"""
    split_seed: int = 1
    """seed that chooses the background alphabets for validation"""

    def __post_init__(self) -> None:
        if self.rotations not in get_args(Literal["train", "none"]):
            raise ConfigError(f"{_WHERE}: rotations must be one of train, none, got {self.rotations!r}.")
        if self.size < 1:
            raise ConfigError(f"{_WHERE}: size must be at least 1 pixel, got {self.size}.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """The 20 runs for "test", episodes of background alphabets otherwise.

        Raises ``DataError`` if an archive is damaged, or missing and cannot be downloaded. Raises ``TaskError`` if the
        split is "test" and ``sizes`` are not those of a run, or the split is too small for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        if split == "test":
            if sizes != _RUN:
                raise TaskError(
                    f"{where}: the runs have 20 ways, 1 shot and 1 query per class, got {sizes.ways} ways, "
                    f"{sizes.shots} shots and {sizes.queries} queries. Give no sizes, or use omniglot --split lake."
                )
            return FixedTasks(runs_of(run_drawings(self.size)))
        pool = characters(self.size)
        pool = pool.subset(split_characters(pool.names, "lake", split, self.split_seed))
        if self.rotations == "train" and split == "train":
            pool = with_rotations(pool)
        return Episodes(pool, sizes, where, alphabets_of(pool.names) if self.within_alphabet else None)


def run_drawings(size: int) -> ClassPool:
    """Both drawings of all 400 classes, named ``run01/class08/item01``. Downloads the archive if necessary."""
    folder = data_dir() / "omniglot"
    fetch_missing(folder, _FILES, where=_WHERE)
    status = (folder / _ARCHIVE).stat()
    return _load(folder / _ARCHIVE, cache_dir(), f"{status.st_size} {status.st_mtime_ns}", size)


def runs_of(pool: ClassPool) -> Task:
    """The runs as tasks: the support set in the order of classes, the queries in the order of items."""
    names = [name.split("/") for name in pool.names]
    runs = len({run for run, _, _ in names})
    ways = len(names) // runs
    images = (
        pool.stored().reshape(runs, ways, 2, *pool.images.shape[1:]).float().div_(255)
    )  # [runs, ways, 2, 1, size, size]
    item = torch.tensor([int(item.removeprefix("item")) for _, _, item in names]).reshape(runs, ways)
    order = item.argsort(1)  # [runs, ways]: the class of each item
    query = images[:, :, 1][torch.arange(runs)[:, None], order]
    labels = torch.arange(ways).expand(runs, ways)
    return Task(Examples(images[:, :, 0], one_hot(labels, ways)), Examples(query, one_hot(order, ways)))


@functools.lru_cache(maxsize=2)
def _load(archive: Path, cache: Path, fingerprint: str, size: int) -> ClassPool:
    file = cache / f"omniglot-runs-{size}.safetensors"
    return decode_once(file, fingerprint, lambda: read_runs(archive, size=size), where=_WHERE)
