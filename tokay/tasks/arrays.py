"""Arrays with labels as a source of tasks: files of arrays, or NumPy arrays, tensors and data sets in memory."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from ..core.task import Sizes, Split, TaskSpec
from ..errors import ConfigError
from .array_datasets import read_dataset
from .array_files import read_arrays
from .array_pools import make_pool
from .class_division import Division, Shares, keep_division
from .class_pool import ClassPool, Episodes
from .small_classes import describe_small, large_classes
from .source import Source
from .splits import check_split

_WHERE = "arrays"
_IN_MEMORY = "in memory"


@dataclass(frozen=True, kw_only=True)
class Arrays(Source, name="arrays"):
    """Few-shot classification of examples that are arrays already: features, spectra, pictures, token indices.

    ``file`` is .npz or .safetensors, a folder with ``x.npy`` and ``y.npy`` (mapped into memory, so they may be larger
    than it), or a data set of Hugging Face that ``save_to_disk`` wrote (extra ``hf``). In Python, `from_arrays` and
    `from_dataset` take what is in memory.

    Classes are divided between training, validation and test by their names and ``split_seed``. A class with few examples
    takes part in the tasks whose sizes it can fill. Inputs are float32 ``[tasks, n, ...]``; pictures (uint8) are in [0, 1].

    >>> import numpy as np
    >>> x, labels = np.random.rand(100, 4), np.arange(100) % 10
    >>> source = Arrays.from_arrays(x, labels)
    >>> source.tasks("train", Sizes(ways=3, shots=1, queries=2)).spec.x_shape
    (4,)
    """

    summary: ClassVar[str] = "arrays with labels: .npz, .npy, .safetensors, or a Hugging Face data set on disk"
    shape_decides: ClassVar[bool] = True
    _run_classes: ClassVar[Mapping[Split, Sequence[str]] | None] = None  # set by keep_classes
    _has_new_classes: ClassVar[bool] = False
    _content: ClassVar[ClassPool | None] = None  # set by from_arrays: a source that no file describes

    file: str
    """.npz or .safetensors file, folder with x.npy and y.npy, or a data set that datasets.save_to_disk wrote"""
    inputs: str = "x"
    """name of the inputs: of an array, or of a column (image)"""
    labels: str = "y"
    """name of the labels: of an array, or of a column (label)"""
    indices: bool = False
    """inputs are whole numbers that stand for something, such as tokens"""
    size: int | None = None
    """pictures of a data set: side of the square they are resized and cropped to (default: they have one size)"""
    validation: float | None = None
    """fraction of the classes held out for validation (default: 0.16)"""
    test: float | None = None
    """fraction of the classes held out for testing; 1: all, to score another run on them (default: 0.2)"""
    split_seed: int | None = None
    """seed of the division of classes into training, validation and test (default: 0)"""
    skip_small: int = 0
    """leave out classes with fewer examples than this"""

    def __post_init__(self) -> None:
        self._shares()
        if self.skip_small < 0:
            raise ConfigError(f"{_WHERE}: skip_small must not be negative, got {self.skip_small}.")
        if self.size is not None and self.size < 1:
            raise ConfigError(f"{_WHERE}: size must be at least 1 pixel, got {self.size}.")
        if self.file != _IN_MEMORY:
            object.__setattr__(self, "file", str(Path(self.file).expanduser().absolute()))

    @classmethod
    def from_arrays(cls, x: Any, labels: Any, **settings: Any) -> Self:
        """A source of NumPy arrays, tensors or lists: ``x`` ``[n, ...]`` and ``labels`` ``[n]``. ``settings`` as of the class.

        A run folder cannot describe it: save the arrays in a file, or call ``tokay.save`` after training.
        Raises ``TaskError`` if they do not fit together.
        """
        source = cls(file=_IN_MEMORY, **settings)
        object.__setattr__(source, "_content", make_pool(x, labels, indices=source.indices, where=_WHERE))
        return source

    @classmethod
    def from_dataset(cls, dataset: Any, **settings: Any) -> Self:
        """A source of a ``torch.utils.data.Dataset`` or a ``datasets.Dataset``; see `tokay.tasks.array_datasets`.

        ``inputs`` and ``labels`` name its columns, ``size`` resizes pictures. All examples are read once, into memory.
        """
        form = cls(file=_IN_MEMORY, **settings)
        x, labels = read_dataset(dataset, form.inputs, form.labels, size=form.size, where=_WHERE)
        return cls.from_arrays(x, labels, **settings)

    @property
    def is_in_memory(self) -> bool:
        """Whether the examples are those of this process, and in no file."""
        return self.file == _IN_MEMORY

    def input_spec(self) -> TaskSpec:
        """The shape and type of the inputs. Raises ``DataError`` if the file cannot be read."""
        pool = self._pool()
        return TaskSpec(x_shape=tuple(pool.images.shape[1:]), y_dim=len(pool.names), x_type=pool.x_type)

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes from the classes of ``split`` that have examples enough.

        Raises ``DataError`` if the file cannot be read, ``ConfigError`` if the split has no class, and ``TaskError`` if it
        is too small for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        pool = self._pool()
        names = self._divide(pool)[split]
        if not names:
            raise ConfigError(f"{_WHERE}: {self._explain_empty(split)}")
        large = large_classes(_counts(pool), names, sizes, items="examples", where=where)
        return Episodes(pool.subset(large), sizes, where)

    def has_split(self, split: Split) -> bool:
        """Whether ``split`` has a class."""
        return bool(self._divide(self._pool())[split])

    def keep_classes(self, classes: Mapping[Split, Sequence[str]], *, add_new: bool = False) -> Self:
        """The same arrays with the division of a run. ``add_new`` adds classes that it does not have to the test classes."""
        source = replace(self)
        object.__setattr__(source, "_content", self._content)
        object.__setattr__(source, "_run_classes", classes)
        object.__setattr__(source, "_has_new_classes", add_new)
        return source

    def describe_classes(self) -> str:
        """The number of classes in each split."""
        train, validation, test = map(len, self._divide(self._pool()).values())
        text = f"{_WHERE}: {train} training, {validation} validation and {test} test classes in {self.file}"
        return text if validation else f"{text}; without validation classes the last weights are kept, not the best"

    def describe_omissions(self, split: Split, sizes: Sizes) -> str:
        """The classes of ``split`` that have too few examples for ``sizes``."""
        pool = self._pool()
        return describe_small(_counts(pool), self._divide(pool)[split], split, sizes, items="examples", where=_WHERE)

    def _pool(self) -> ClassPool:
        if self._content is not None:
            pool = self._content
        elif self.is_in_memory:
            raise ConfigError(f"{_WHERE}: these arrays were in the memory of another process. Name a file.")
        else:
            pool = _load(Path(self.file), self.inputs, self.labels, self.indices, self.size, _stamp(Path(self.file)))
        large = [name for name, count in _counts(pool).items() if count >= self.skip_small]
        if not large:
            raise ConfigError(
                f"{_WHERE}: --skip-small {self.skip_small} leaves out all {len(pool.names)} classes. Lower it."
            )
        return pool if len(large) == len(pool.names) else pool.subset(large)

    def _shares(self) -> Shares:
        return Shares(where=_WHERE, validation=self.validation, test=self.test, seed=self.split_seed)

    def _divide(self, pool: ClassPool) -> Division:
        if self._run_classes is not None:
            return keep_division(pool.names, self._run_classes, has_new_classes=self._has_new_classes)
        return self._shares().divide(pool.names, None, "classes")

    def _explain_empty(self, split: Split) -> str:
        kind = "training" if split == "train" else split
        if self._run_classes is not None:
            return f"there are no {kind} classes of the run in {self.file}. Put them back, or train a new run."
        validation, test = self._shares().fractions()
        setting, share = ("validation", validation) if split == "validation" else ("test", test)
        return f"there are no {kind} classes, because {setting} is {share:g}. {'Lower' if share else 'Raise'} it."


def _counts(pool: ClassPool) -> dict[str, int]:
    return dict(zip(pool.names, pool.counts.tolist(), strict=True))


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of the files at ``path``: they change when the data do."""
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)


# Two entries: for example one file for training and one for testing.
@functools.lru_cache(maxsize=2)
def _load(path: Path, inputs: str, labels: str, indices: bool, size: int | None, stamp: object) -> ClassPool:
    x, names = read_arrays(path, inputs, labels, size=size, where=_WHERE)
    return make_pool(x, names, indices=indices, where=_WHERE)
