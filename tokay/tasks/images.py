"""Pictures of the user, in one folder per class, and the reader that `tokay adapt` uses too."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor

from ..core.task import Sizes, Split
from ..errors import ConfigError, DataError, TaskError
from .class_pool import ClassPool, Episodes
from .data_folders import cache_dir
from .image_cache import decode_once
from .image_decoding import Channels, decode_picture
from .image_folders import ClassFolders, list_folder
from .progress_bars import show_progress
from .source import Source
from .splits import check_split, shuffle_names, take_split

_WHERE = "images"
_VALIDATION, _TEST = 0.16, 0.2  # default fractions


@dataclass(frozen=True, kw_only=True)
class Images(Source, name="images"):
    """Few-shot classification of your own pictures, laid out as ``root/<class>/<file>``.

    Every picture becomes a square of ``size`` pixels: the short side is resized to ``size``, and the middle of the long
    side stays. Files beside the class folders are ignored. Pictures are decoded once and stored in ``TOKAY_CACHE``.

    Classes (not pictures) are divided between training, validation and test. The division depends only on
    ``split_seed`` and the names of the classes. If ``root`` has folders train, validation (or val, valid) and test with
    class folders in them, the division is theirs, and the settings of the division must be left out. Any of the three
    folders may lack.

    ``root`` becomes an absolute path.

    Inputs are float32 ``[tasks, n, 3 or 1, size, size]`` in [0, 1].
    """

    summary: ClassVar[str] = "your own pictures: a folder with one folder of images per class"
    # A step of the usual four convolutions then takes well below a second of one processor core.
    pixels_per_step: ClassVar[int | None] = 100_000
    _run_classes: ClassVar[Mapping[Split, Sequence[str]] | None] = None  # set by keep_classes
    _has_new_classes: ClassVar[bool] = False

    root: str
    """folder that holds one folder of images per class, or folders train, validation and test that hold them"""
    size: int = 32
    """side of the square that every image is resized and cropped to, in pixels"""
    channels: Channels = "rgb"
    """colour of the inputs: three channels (rgb) or one channel (grey)"""
    invert: bool = False
    """turn dark ink on light paper into bright ink on black"""
    validation: float | None = None
    """fraction of the classes held out for validation (default: 0.16)"""
    test: float | None = None
    """fraction of the classes held out for testing; 1: all, to score another run on them (default: 0.2)"""
    split_seed: int | None = None
    """seed of the division of classes into training, validation and test (default: 0)"""
    skip_small: int = 0
    """leave out classes with fewer pictures than this"""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"{_WHERE}: size must be at least 1 pixel, got {self.size}.")
        if self.channels not in ("rgb", "grey"):
            raise ConfigError(f"{_WHERE}: channels must be rgb or grey, got {self.channels!r}.")
        validation, test = self._shares()
        is_all_test = validation == 0 and test == 1
        if not (validation >= 0 and test >= 0 and (validation + test < 1 or is_all_test)):
            raise ConfigError(
                f"{_WHERE}: validation and test must be fractions that leave classes to train on, "
                f"got {validation} and {test}."
            )
        if self.skip_small < 0:
            raise ConfigError(f"{_WHERE}: skip_small must not be negative, got {self.skip_small}.")
        object.__setattr__(self, "root", str(Path(self.root).expanduser().absolute()))  # for other working directories

    @property
    def is_inverted(self) -> bool:
        """The setting ``invert``."""
        return self.invert

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes from the classes of ``split``.

        Raises ``DataError`` if the folder or a file in it cannot be used, ``ConfigError`` if the split has no class, and
        ``TaskError`` if it is too small for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        folders = self._folders()
        names = self._divide(folders)[split]
        if not names:
            raise ConfigError(f"{_WHERE}: {self._explain_empty(split, folders)}")
        if sizes.ways <= len(names):  # else the episodes say that classes are missing
            self._check_counts(folders, names, sizes, where)
        pool = _load(Path(self.root), self.skip_small, cache_dir(), folders.fingerprint(), *self._form())
        return Episodes(pool.subset(names), sizes, where)

    def has_split(self, split: Split) -> bool:
        """Whether ``split`` has a class."""
        return bool(self._divide(self._folders())[split])

    def keep_classes(self, classes: Mapping[Split, Sequence[str]], *, add_new: bool = False) -> Self:
        """The same folder with the division ``classes`` of a run. Classes that are gone are left out.

        ``add_new`` adds classes that ``classes`` does not name to the test classes.
        """
        source = replace(self)
        object.__setattr__(source, "_run_classes", classes)
        object.__setattr__(source, "_has_new_classes", add_new)
        return source

    def describe_classes(self) -> str:
        """The number of classes in each split, who divided them, and what ``skip_small`` leaves out."""
        folders = self._folders()
        train, validation, test = map(len, self._divide(folders).values())
        how = " (its own folders)" if folders.splits is not None and self._run_classes is None else ""
        text = f"{_WHERE}: {train} training, {validation} validation and {test} test classes in {self.root}{how}"
        if not validation:
            text += "; without validation classes the last weights are kept, not the best"
        if not folders.small:
            return text
        few = ", ".join(f"{name} {count}" for name, count in list(folders.small.items())[:3])
        more = ", ..." if len(folders.small) > 3 else ""
        return f"{text}; {len(folders.small)} with fewer than {self.skip_small} pictures left out ({few}{more})"

    def _folders(self) -> ClassFolders:
        return list_folder(Path(self.root), fewest=self.skip_small)

    def _form(self) -> tuple[int, Channels, bool]:
        return self.size, self.channels, self.invert

    def _shares(self) -> tuple[float, float]:
        """The fractions of validation and test classes."""
        test = _TEST if self.test is None else self.test
        validation = (0 if test == 1 else _VALIDATION) if self.validation is None else self.validation
        return validation, test

    def _divide(self, folders: ClassFolders) -> dict[Split, Sequence[str]]:
        """The classes of each split, which may have none. A fraction above 0 gives at least one class."""
        names = list(folders.files)
        if self._run_classes is not None:
            classes = {split: [name for name in group if name in names] for split, group in self._run_classes.items()}
            if self._has_new_classes:
                old = {name for group in self._run_classes.values() for name in group}
                classes["test"] += [name for name in names if name not in old]
            return {split: classes.get(split, []) for split in ("train", "validation", "test")}
        if folders.splits is not None:
            self._refuse_flags()
            own = folders.splits
            return {split: [n for n in names if own[n] == split] for split in ("train", "validation", "test")}
        shares = self._shares()
        validation, test = (round(len(names) * share) or int(share > 0) for share in shares)
        if shares[1] == 1:
            return {"train": [], "validation": [], "test": names}
        if validation + test >= len(names):
            raise DataError(
                f"{_WHERE}: {self.root} must have more than {validation} validation + {test} test classes, "
                f"got {len(names)}. Add classes, or set validation or test to 0."
            )
        order = shuffle_names(names, self.split_seed or 0)
        return {
            split: take_split(order, split, validation=validation, test=test)
            for split in ("train", "validation", "test")
        }

    def _refuse_flags(self) -> None:
        """Refuse settings that have no meaning if ``root`` divides its classes itself."""
        flags = {"validation": self.validation, "test": self.test, "split_seed": self.split_seed}
        extra = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None]
        if extra:
            raise ConfigError(
                f"{_WHERE}: {self.root} has folders for training, validation or test, so {', '.join(extra)} must be left "
                "out: the classes are divided already."
            )

    def _explain_empty(self, split: Split, folders: ClassFolders) -> str:
        """Why a split has no class, and what to do."""
        kind = "training" if split == "train" else split
        if self._run_classes is not None and not self._run_classes[split]:
            reason, advice = "the run keeps none", "Train a new run with some"
        elif self._run_classes is not None:
            reason, advice = f"{self.root} has none of those that the run has", "Put the folders back"
        elif folders.splits is not None:
            reason, advice = f"{self.root} has no folder {split}", "Add one"
        else:
            setting, share = ("validation", self._shares()[0]) if split == "validation" else ("test", self._shares()[1])
            reason, advice = f"{setting} is {share:g}", f"{'Lower' if share else 'Raise'} it"
        if split == "test":
            advice += f", or score a run on other pictures: --on 'images --root FOLDER --size {self.size} --test 1'"
        return f"there are no {kind} classes, because {reason}. {advice}."

    def _check_counts(self, folders: ClassFolders, names: Sequence[str], sizes: Sizes, where: str) -> None:
        """Raises ``TaskError`` if a class of ``names`` has too few pictures for an episode."""
        needed = sizes.shots + sizes.queries
        small = [name for name in names if len(folders.files[name]) < needed]
        if small:
            raise TaskError(
                f"{where}: {sizes.shots} shots + {sizes.queries} queries need {needed} pictures of each class, "
                f"{len(small)} of {len(names)} classes have fewer, such as {small[0]} with {len(folders.files[small[0]])}. "
                f"Ask for fewer shots or queries, or leave such classes out with --skip-small {needed}."
            )


def read_images(paths: Sequence[Path], size: int, channels: Channels, *, invert: bool = False) -> Tensor:
    """Reads pictures into one uint8 tensor ``[n, C, size, size]``: see `tokay.tasks.image_decoding.decode_picture`.

    Raises ``DataError`` with the name of a file that is missing, damaged, cut short or not a picture.
    """
    pixels = torch.empty(len(paths), 3 if channels == "rgb" else 1, size, size, dtype=torch.uint8)
    for row, path in enumerate(paths):
        pixels[row] = decode_picture(path, size=size, channels=channels, invert=invert, name=str(path), where=_WHERE)
    return pixels


# Two entries: for example one folder for training and one for testing. Each may have hundreds of megabytes.
@functools.lru_cache(maxsize=2)
def _load(
    root: Path, fewest: int, cache: Path, fingerprint: str, size: int, channels: Channels, invert: bool
) -> ClassPool:
    def decode() -> ClassPool:
        folders = list_folder(root, fewest=fewest).files
        counts = torch.tensor([len(files) for files in folders.values()])
        pixels = torch.empty(int(counts.sum()), 3 if channels == "rgb" else 1, size, size, dtype=torch.uint8)
        parts = zip(torch.split(pixels, counts.tolist()), folders.values(), strict=True)
        for part, files in show_progress(parts, "Decoding images", len(folders)):
            part.copy_(read_images(files, size, channels, invert=invert))
        return ClassPool(pixels, counts, tuple(folders))

    place = root.resolve()
    identity = blake2b(json.dumps([str(place), size, channels, invert]).encode(), digest_size=6).hexdigest()
    name = place.name[:40].encode("ascii", "replace").decode().replace("?", "_")
    return decode_once(cache / f"images-{name}-{identity}.safetensors", fingerprint, decode, where=_WHERE)
