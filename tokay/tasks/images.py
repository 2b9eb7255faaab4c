"""Pictures of the user: one folder per class, a pattern of paths, or a list of files and labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from torch import Tensor

from ..core.task import Sizes, Split, TaskSource
from ..errors import ConfigError
from .augmentation import AugmentedTasks, Change, check_changes
from .class_division import SPLITS, Division, Shares, keep_division
from .class_pool import ClassPool, Episodes
from .data_folders import cache_dir
from .image_decoding import Channels
from .image_embeddings import embed_images, embedded_images
from .image_folders import ClassFolders
from .image_lists import ImageLists
from .image_pools import Form, FrozenFolders, load_pool, read_images as read_images
from .pretrained import Pretrained, load_backbone
from .small_classes import describe_small, large_classes
from .source import Source
from .splits import check_split

_WHERE = "images"


@dataclass(frozen=True, kw_only=True)
class Images(Source, name="images"):
    """Few-shot classification of your own pictures, laid out as ``root/<class>/<file>``, or as lists say.

    Every picture becomes a square of ``size`` pixels: the short side is resized to ``size``, and the middle of the long
    side stays. Files beside the class folders are ignored. Pictures are decoded once and stored in ``TOKAY_CACHE``, in a
    file that may be larger than memory.

    Classes (not pictures) are divided between training, validation and test. The division depends only on
    ``split_seed`` and the names of the classes. If ``root`` has folders train, validation (or val, valid) and test with
    class folders in them, the division is theirs, and the settings of the division must be left out. Any of the three
    folders may be missing.

    Other layouts: ``glob`` (nested folders; the class is the path of the folder that holds a picture), ``labels`` (a table
    of files and labels), ``split_lists`` (the lists of a paper, such as those of miniImageNet and CIFAR-FS).

    A class with few pictures takes part in the tasks whose sizes it can fill. Training says which are left out.

    With ``backbone`` inputs are vectors of a frozen pre-trained network, float32 ``[tasks, n, features]``, of length 1. Each
    picture goes through it once, at the size of the network; ``size`` does not count.

    ``root``, ``labels``, ``split_lists`` and ``weights`` become absolute paths. ``augment`` changes training pictures only.

    Inputs are float32 ``[tasks, n, 3 or 1, size, size]`` in [0, 1].
    """

    summary: ClassVar[str] = "your own pictures: folders of classes, a pattern of paths, or a table of files and labels"
    # A step of the usual four convolutions then takes well below a second of one processor core.
    network_setting: ClassVar[str | None] = "backbone"
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
    glob: str | None = None
    """pattern of pictures such as '**/*.jpg': the class is the path of their folder (default: a folder per class)"""
    labels: str | None = None
    """table (.csv, .tsv) of pictures and labels; files are paths below root (default: none)"""
    file_column: str = "filename"
    """column of the files in --labels"""
    label_column: str = "label"
    """column of the labels in --labels"""
    split: str | None = None
    """column of --labels with the words train, validation and test (default: divided by fractions)"""
    split_lists: str | None = None
    """lists of the classes of each split: folder with train.csv, val.csv, test.csv (or .txt), or JSON (default: none)"""
    backbone: str | None = None
    """frozen pre-trained network: efficientnet-lite0, timm:NAME, MODULE:FUNCTION (default: none, pixels are inputs)"""
    weights: str | None = None
    """safetensors file with weights of the backbone (default: its own)"""
    augment: tuple[Change, ...] = ()
    """random changes of training pictures: flip, crop, colour (default: none)"""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"{_WHERE}: size must be at least 1 pixel, got {self.size}.")
        if self.channels not in ("rgb", "grey"):
            raise ConfigError(f"{_WHERE}: channels must be rgb or grey, got {self.channels!r}.")
        self._shares()
        if self.skip_small < 0:
            raise ConfigError(f"{_WHERE}: skip_small must not be negative, got {self.skip_small}.")
        check_changes(self.augment, _WHERE)
        if self.backbone is not None and (self.augment or self.channels != "rgb"):
            raise ConfigError(
                f"{_WHERE}: a frozen backbone sees each picture once, in colour. Leave out --augment and --channels."
            )
        if self.weights is not None and self.backbone is None:
            raise ConfigError(f"{_WHERE}: --weights are those of a --backbone. Give one, such as efficientnet-lite0.")
        self._check_lists()
        for name in ("root", "labels", "split_lists", "weights"):  # absolute, for other working directories
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, str(Path(path).expanduser().absolute()))

    @property
    def is_inverted(self) -> bool:
        """The setting ``invert``."""
        return self.invert

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes from the classes of ``split`` that have pictures enough.

        Raises ``DataError`` if the folder or a file in it cannot be used, ``ConfigError`` if the split has no class, and
        ``TaskError`` if it is too small for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        folders = self._folders()
        names = self._divide(folders)[split]
        if not names:
            raise ConfigError(f"{_WHERE}: {self._explain_empty(split, folders)}")
        large = large_classes(folders.counts(), names, sizes, items="pictures", where=where)
        return Episodes(self._pool(folders).subset(large), sizes, where)

    @classmethod
    def default_network(cls, for_pictures: str, for_vectors: str | None, setting: str | None = None) -> str:
        """That of the method for pictures; for vectors of a backbone that for vectors, or ``residual``."""
        return for_pictures if setting is None else for_vectors or "residual"

    def read(self, paths: Sequence[Path]) -> Tensor:
        """Pictures of any place as ``tasks`` has them: uint8 pixels, or vectors of the backbone.

        Raises ``DataError`` with the name of a file that cannot be read.
        """
        if self.backbone is None:
            return read_images(paths, self.size, self.channels, invert=self.invert)
        return embed_images(paths, self._pretrained(self.backbone), invert=self.invert)

    def _pretrained(self, name: str) -> Pretrained:
        return load_backbone(name, None if self.weights is None else Path(self.weights))

    def _pool(self, folders: ClassFolders) -> ClassPool:
        where = (Path(self.root), cache_dir(), folders.fingerprint(), FrozenFolders(folders))
        if self.backbone is None:
            return load_pool(*where, Form(self.size, self.channels, self.invert))
        return embedded_images(*where, self._pretrained(self.backbone), self.invert)

    def with_augmentation(self, tasks: TaskSource) -> TaskSource:
        """``tasks`` with the changes of ``augment``."""
        return AugmentedTasks(tasks, self.augment, _WHERE) if self.augment else tasks

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
        has_own = folders.splits is not None and self._run_classes is None
        how = "" if not has_own else f" ({self.split_lists or self.split or 'its own folders'})"
        text = f"{_WHERE}: {train} training, {validation} validation and {test} test classes in {self.root}{how}"
        if not validation:
            text += "; without validation classes the last weights are kept, not the best"
        if not folders.small:
            return text
        few = ", ".join(f"{name} {count}" for name, count in list(folders.small.items())[:3])
        more = ", ..." if len(folders.small) > 3 else ""
        return f"{text}; {len(folders.small)} with fewer than {self.skip_small} pictures left out ({few}{more})"

    def describe_omissions(self, split: Split, sizes: Sizes) -> str:
        """The classes of ``split`` that have too few pictures for ``sizes``."""
        folders = self._folders()
        names = self._divide(folders)[split]
        return describe_small(folders.counts(), names, split, sizes, items="pictures", where=_WHERE)

    def _folders(self) -> ClassFolders:
        lists = ImageLists(
            glob=self.glob,
            labels=self.labels,
            file_column=self.file_column,
            label_column=self.label_column,
            split=self.split,
            split_lists=self.split_lists,
        )
        return lists.read(Path(self.root), fewest=self.skip_small)

    def _shares(self) -> Shares:
        return Shares(where=_WHERE, validation=self.validation, test=self.test, seed=self.split_seed)

    def _divide(self, folders: ClassFolders) -> Division:
        """The classes of each split, which may have none. A fraction above 0 gives at least one class."""
        names = list(folders.files)
        if self._run_classes is not None:
            return keep_division(names, self._run_classes, has_new_classes=self._has_new_classes)
        if folders.splits is not None:
            self._refuse_flags()
            own = folders.splits
            return {split: [name for name in names if own[name] == split] for split in SPLITS}
        return self._shares().divide(names, None, "classes")

    def _check_lists(self) -> None:
        """Raises ``ConfigError`` for settings that exclude each other."""
        if self.glob is not None and self.labels is not None:
            raise ConfigError(f"{_WHERE}: --glob and --labels both say which pictures there are. Give one of them.")
        if self.split is not None and (self.labels is None or self.split_lists is not None):
            raise ConfigError(
                f"{_WHERE}: --split names a column of --labels. Give --labels and no --split-lists, or leave it out."
            )

    def _refuse_flags(self) -> None:
        """Refuse settings that have no meaning if the classes are divided already."""
        if extra := self._shares().flags():
            who = self.split_lists or (f"{self.labels} (column {self.split})" if self.split else self.root)
            what = "divides the classes already" if who != self.root else "has folders for training, validation or test"
            raise ConfigError(f"{_WHERE}: {who} {what}, so {', '.join(extra)} must be left out.")

    def _explain_empty(self, split: Split, folders: ClassFolders) -> str:
        """Why a split has no class, and what to do."""
        kind = "training" if split == "train" else split
        if self._run_classes is not None and not self._run_classes.get(split):
            reason, advice = "the run keeps none", "Train a new run with some"
        elif self._run_classes is not None:
            reason, advice = f"{self.root} has none of those that the run has", "Put the folders back"
        elif folders.splits is not None:
            who = self.split_lists or self.labels
            reason, advice = (
                (f"{who} has none", "Add some") if who else (f"{self.root} has no folder {split}", "Add one")
            )
        else:
            validation, test = self._shares().fractions()
            setting, share = ("validation", validation) if split == "validation" else ("test", test)
            reason, advice = f"{setting} is {share:g}", f"{'Lower' if share else 'Raise'} it"
        if split == "test":
            advice += f", or score a run on other pictures: --on 'images --root FOLDER --size {self.size} --test 1'"
        return f"there are no {kind} classes, because {reason}. {advice}."
