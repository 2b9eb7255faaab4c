"""What a source of tasks is: a frozen dataclass of settings that registers itself under the name the command line uses."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ..core.registry import register
from ..core.task import Kind, Sizes, Split, TaskSource
from .class_pool import Episodes
from .joint_batches import JointBatches

_sources: dict[str, type["Source"]] = {}


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """Settings of one data set or task family; ``tasks`` turns them into something to sample from.

    A subclass is one file: ``class Omniglot(Source, name="omniglot")`` plus one import line in ``tasks/__init__.py``.
    Its fields become its command-line flags, the string under each field the help.
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line, shown by `tokay list sources`
    kind: ClassVar[Kind] = "classification"
    network: ClassVar[str | None] = None  # the backbone its papers use; None: pictures, so the method's own
    pixels: ClassVar[bool] = False  # regression of a picture: inputs are places of pixels, from 0 to 1
    test_sizes: ClassVar[Sizes] = Sizes()  # of the tasks to be good at, where nobody says otherwise
    bright_ink: ClassVar[bool] = (
        False  # its pictures are ink = 1 on a background of 0, so ink on paper must be inverted
    )

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(_sources, cls, name, "source")

    @abstractmethod
    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Tasks of one split. Classes (or functions, users, ...) never cross splits.

        Raises ``TaskError`` when ``sizes`` ask for more ways than the split has classes, or for more
        shots + queries than a class has examples; ``DataError`` when the data is missing or damaged.
        """

    def named(self, sizes: Sizes) -> str:
        """The size of a task, as people say it."""
        return sizes.named(self.kind)

    def points_shown(self) -> int:
        """Of a regression task in a picture: as many as the smallest source of curves has."""
        return 50

    def most_ways(self, split: Split) -> int:
        """How many classes an episode may well have: all of the split, or what half of its groups (alphabets, say) hold."""
        one = Sizes(ways=1, shots=1, queries=1)
        episodes = self.tasks(split, one)
        return episodes.common_ways if isinstance(episodes, Episodes) else self.joint(split, one).spec.y_dim

    def joint(self, split: Split, sizes: Sizes) -> TaskSource:
        """The same data without tasks, for baselines: mini-batches of all classes of a split, with labels that stay.

        A family of functions has no classes to pool: there its ordinary tasks serve.
        """
        episodes = self.tasks(split, Sizes(ways=1, shots=1, queries=1))
        return JointBatches(episodes.pool, sizes) if isinstance(episodes, Episodes) else self.tasks(split, sizes)


def list_sources() -> dict[str, type[Source]]:
    """Every registered source by name."""
    return dict(_sources)


def on_device(source: Any, device: torch.device | str) -> TaskSource:
    """A source that can move its data to the device does, so that sampling is a gather there."""
    moved: TaskSource = source.to(device) if hasattr(source, "to") else source
    return moved
