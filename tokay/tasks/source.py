"""The base class of task sources: a frozen dataclass of settings, registered under the name that the command line uses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch

from ..core.registry import Registry
from ..core.setting_types import Settings
from ..core.source_abilities import Movable
from ..core.task import Kind, Sizes, Split, TaskSource, TaskSpec
from .class_pool import Pooled
from .joint_batches import JointBatches

_sources: Registry["Source"] = Registry("source", home="tokay.tasks", group="tokay.sources")


@dataclass(frozen=True, kw_only=True)
class Source(Settings, ABC):
    """Settings of one data set or task family. ``tasks`` returns the task source to sample from.

    A new source is one file with ``class Omniglot(Source, name="omniglot")``, and one import line in
    ``tasks/__init__.py``. Its fields become command-line flags, and the string under each field is the help text.
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for `tokay list sources`
    kind: ClassVar[Kind] = "classification"
    network: ClassVar[str | None] = None  # the backbone in its papers; None: pictures, the method chooses
    network_setting: ClassVar[str | None] = None  # a setting on which the backbone depends
    shape_decides: ClassVar[bool] = False  # inputs are pictures, vectors or indices, as the data say: see input_spec
    named_tasks: ClassVar[bool] = False  # regression tasks have names, such as patients: a run keeps their division
    pixels: ClassVar[bool] = False  # regression of a picture: inputs are positions of pixels, from 0 to 1
    test_sizes: ClassVar[Sizes] = Sizes()  # default sizes of test tasks
    pixels_per_step: ClassVar[int | None] = None  # a default training step has no more, in all tasks together
    bright_ink: ClassVar[bool] = False  # pictures have ink = 1 on background 0: dark ink on paper must be inverted

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _sources.check_summary(cls, name)
        _sources.add(cls, name)

    @classmethod
    def default_network(cls, for_pictures: str, for_vectors: str | None, setting: str | None = None) -> str:
        """The name of the backbone, if the user names none.

        ``for_pictures`` and ``for_vectors`` are those of the method (``Algorithm.network`` and ``vector_network``), and
        ``setting`` is the value of ``network_setting``; None: its default.
        """
        return for_pictures if cls.network is None else for_vectors or cls.network

    def input_spec(self) -> TaskSpec | None:
        """What inputs look like, if only the data can say it (``shape_decides``). Default: None."""
        return None

    @property
    def is_in_memory(self) -> bool:
        """Whether no run folder can describe the source, because its data are those of this process. Default: no."""
        return False

    def network_name(self, for_pictures: str, for_vectors: str | None) -> str:
        """``default_network`` of this source, whose settings and data are known."""
        spec = self.input_spec()
        if spec is None:
            setting = None if self.network_setting is None else getattr(self, self.network_setting)
            return self.default_network(for_pictures, for_vectors, setting)
        if spec.x_type == "integer":
            return "ngrams"
        return for_pictures if len(spec.x_shape) == 3 else for_vectors or "mlp"

    @abstractmethod
    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Tasks of one split. No class (or function, user, ...) is in two splits.

        Raises ``TaskError`` if ``sizes`` ask for more ways than the split has classes, or for more shots + queries than
        a class has examples. Raises ``DataError`` if the data is missing or damaged.
        """

    def resolve(self) -> Self:
        """The same source with the settings that its data decide, such as the kind of task. Default: the source itself.

        A training does so first, so that its run can be read without the data. Raises ``DataError`` if the data is
        missing or damaged.
        """
        return self

    def has_split(self, split: Split) -> bool:
        """Whether ``tasks(split, ...)`` has classes to draw from. Default: yes.

        Raises ``DataError`` if the data is missing or damaged.
        """
        return True

    def keep_classes(self, classes: Mapping[Split, Sequence[str]], *, add_new: bool = False) -> Self:
        """The same source with the division ``classes`` of a run, for data that may change: a folder of pictures.

        ``add_new`` adds classes that ``classes`` does not name to the test classes. Default: the source itself, because
        its classes are always the same.
        """
        return self

    def describe_classes(self) -> str:
        """One line about the classes of each split, for the start of a training. Default: empty."""
        return ""

    def describe_omissions(self, split: Split, sizes: Sizes) -> str:
        """One line about tasks of ``split`` that are too small for ``sizes``, and so left out. Default: empty."""
        return ""

    def with_augmentation(self, tasks: TaskSource) -> TaskSource:
        """The training tasks with random changes of their inputs, if the settings ask for some. Default: ``tasks`` itself.

        Only training calls it: figures are measured without.
        """
        return tasks

    @property
    def noun(self) -> str:
        """What a run divides between its splits, in one word: class or task. Default: class."""
        return "class"

    @property
    def is_inverted(self) -> bool:
        """Whether the source turns dark ink on light paper into bright ink on black when it reads a picture."""
        return False

    def describe_sizes(self, sizes: Sizes) -> str:
        """The sizes of a task in words: ``5-way 1-shot``."""
        return sizes.describe(self.kind)

    def points_shown(self) -> int:
        """Number of points at which a plot shows a regression task. Default: 50."""
        return 50

    def most_ways(self, split: Split, examples: int = 2) -> int:
        """A large but usual number of ways: all classes of the split, or what half of its groups (such as alphabets) have.

        Only classes with so many ``examples`` count.
        """
        one = Sizes(ways=1, shots=1, queries=max(1, examples - 1))
        episodes = self.tasks(split, one)
        return episodes.common_ways if isinstance(episodes, Pooled) else self.joint(split, one).spec.y_dim

    def joint(self, split: Split, sizes: Sizes) -> TaskSource:
        """The same data without tasks, for baselines: mini-batches of all classes of a split, with fixed labels.

        Returns the ordinary tasks if the source has no pool of classes, as a family of functions.
        """
        episodes = self.tasks(split, Sizes(ways=1, shots=1, queries=1))
        return JointBatches(episodes.pool, sizes) if isinstance(episodes, Pooled) else self.tasks(split, sizes)


def list_sources() -> dict[str, type[Source]]:
    """Every registered source by name."""
    return _sources.by_name()


def on_device(source: TaskSource, device: torch.device | str) -> TaskSource:
    """Moves the data of ``source`` to ``device``. Returns ``source`` itself if it has no data to move."""
    return source.to(device) if isinstance(source, Movable) else source
