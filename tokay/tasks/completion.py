"""Complete a picture from a few of its pixels: the image experiment of the neural process papers, on letters."""

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from ..core.task import Examples, Kind, Sizes, Split, Task, TaskSource, TaskSpec
from ..errors import TaskError
from .class_pool import ClassPool
from .glyphs import Glyphs
from .shot_range import check_fewest, draw_shots, format_range
from .source import Source


@dataclass(frozen=True, kw_only=True)
class Completion(Source, name="completion"):
    """Complete the picture of a letter from some of its pixels (arXiv:1807.01613, section 4.2). A task is one picture.

    ``shots`` random pixels are the context, and ``queries`` *other* pixels are the targets. If ``queries`` is the number
    of pixels of a picture (default: 784), the targets are all pixels, with those of the context. ``fewest_shots`` draws
    the number of context pixels anew for every meta-batch.

    Inputs ``[tasks, n, 2]`` are row and column: 0 at the top or left edge, 1 at the bottom or right edge. Targets
    ``[tasks, n, 1]`` are the grey value, from 0 (background) to 1 (ink).

    The pictures are the letters of `Glyphs`. No script is in two splits. The papers use MNIST and CelebA instead.

    >>> Completion(size=16).points_shown()
    256
    """

    summary: ClassVar[str] = "complete the picture of a letter from some of its pixels (neural processes)"
    kind: ClassVar[Kind] = "regression"
    network = "mlp"
    pixels = True

    size: int = 28
    """height and width of a picture in pixels"""
    jitter_seed: int = 0
    """seed of the random jitter of the drawings"""
    fewest_shots: int | None = None
    """smallest number of context pixels: each meta-batch draws a number from this to --shots (default: always --shots)"""

    def __post_init__(self) -> None:
        Glyphs(size=self.size)  # raises ConfigError if size is out of range

    def describe_sizes(self, sizes: Sizes) -> str:
        """The number of context points in words: a range if ``fewest_shots`` is set."""
        return format_range(self.fewest_shots, sizes.shots)

    def points_shown(self) -> int:
        """The number of pixels of a picture."""
        return self.size**2

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Pictures of the letters of one split.

        Raises ``TaskError`` if ``sizes`` ask for more pixels than a picture has, and ``ConfigError`` if
        ``fewest_shots`` is above ``sizes.shots``.
        """
        check_fewest(self.fewest_shots, sizes.shots, where="completion")
        letters = Glyphs(size=self.size, jitter_seed=self.jitter_seed)
        pool = letters.tasks(split, Sizes(ways=1, shots=1, queries=1)).pool
        return Pixels(pool, sizes, self.fewest_shots)


class Pixels:
    """The task source of `Completion`: draws random pixels of random pictures with one gather."""

    spec = TaskSpec(x_shape=(2,), y_dim=1, kind="regression")

    def __init__(self, pool: ClassPool, sizes: Sizes, fewest_shots: int | None = None) -> None:
        self.pool, self.sizes, self.fewest_shots = pool, sizes, fewest_shots
        height, width = pool.images.shape[2:]
        self._all = height * width
        if sizes.shots > self._all or (sizes.shots + sizes.queries > self._all and sizes.queries != self._all):
            raise TaskError(
                f"completion: {sizes.shots} shots + {sizes.queries} queries must not be more than the {self._all} pixels "
                f"of a picture. Ask for at most {max(0, self._all - sizes.shots)} queries, or for all {self._all} pixels."
            )
        rows, columns = torch.linspace(0, 1, height), torch.linspace(0, 1, width)
        self._places = torch.cartesian_prod(rows, columns).to(pool.images.device)  # [pixels, 2]

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` pictures and their pixels. The sample depends only on the state of ``generator`` (a CPU generator)."""
        shots = draw_shots(self.fewest_shots, self.sizes.shots, generator)
        device = self.pool.images.device
        indices = torch.randint(int(self.pool.counts.sum()), (tasks,), generator=generator)
        # Sorting independent uniform numbers gives a uniform permutation, one per task and without a loop.
        order = torch.rand(tasks, self._all, generator=generator).argsort(1).to(device)
        grey = self.pool.stored(indices)[:, 0].flatten(1).float().div_(255)  # [tasks, pixels]

        def pixels(places: Tensor) -> Examples:  # [tasks, n]
            return Examples(self._places[places], grey.gather(1, places)[..., None])

        return Task(pixels(order[:, :shots]), pixels(order[:, self._all - self.sizes.queries :]))

    def to(self, device: torch.device | str) -> Self:
        """The same pictures with the pool on ``device``. Samples are made there."""
        return type(self)(self.pool.to(device), self.sizes, self.fewest_shots)
