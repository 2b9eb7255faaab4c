"""Completing a picture from a few of its pixels: the image experiment of the neural process papers, on letters."""

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from ..core.task import Examples, Kind, Sizes, Split, Task, TaskSource, TaskSpec
from ..errors import TaskError
from .class_pool import ClassPool
from .glyphs import Glyphs
from .shot_range import check_fewest, drawn_shots, range_named
from .source import Source


@dataclass(frozen=True, kw_only=True)
class Completion(Source, name="completion"):
    """Complete the picture of a letter from some of its pixels; every task is one picture (arXiv:1807.01613, section 4.2).

    ``shots`` random pixels are the context and ``queries`` *other* ones the targets; as many queries as the picture has
    pixels (784 by default) are all of it, those of the context included. With ``fewest_shots`` the number of context
    pixels is drawn anew for every meta-batch. Inputs ``[tasks, n, 2]`` are row and column, 0 at the top and left edge
    and 1 at the others; targets ``[tasks, n, 1]`` the grey value, from 0 (background) to 1 (ink).

    The pictures are those of `Glyphs`: letters of scripts, of which none is in two splits. Papers use MNIST and CelebA.

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
    """which random jitter the drawings have"""
    fewest_shots: int | None = None
    """draw the number of context pixels anew for every meta-batch, from this to --shots"""

    def __post_init__(self) -> None:
        Glyphs(size=self.size)  # refuses a size that it cannot draw

    def named(self, sizes: Sizes) -> str:
        return range_named(self.fewest_shots, sizes.shots)

    def points_shown(self) -> int:
        """All pixels."""
        return self.size**2

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Pictures of the letters of one split.

        Raises ``TaskError`` for more pixels than a picture has, ``ConfigError`` for fewest_shots above the shots.
        """
        check_fewest(self.fewest_shots, sizes.shots, where="completion")
        letters = Glyphs(size=self.size, jitter_seed=self.jitter_seed)
        pool = letters.tasks(split, Sizes(ways=1, shots=1, queries=1)).pool
        return Pixels(pool, sizes, self.fewest_shots)


class Pixels:
    """The task source behind `Completion`: pixels of single pictures, in one gather."""

    spec = TaskSpec(x_shape=(2,), y_dim=1, kind="regression")

    def __init__(self, pool: ClassPool, sizes: Sizes, fewest_shots: int | None = None) -> None:
        self.pool, self.sizes, self.fewest_shots = pool, sizes, fewest_shots
        height, width = pool.images.shape[2:]
        self._all = height * width
        if sizes.shots > self._all or (sizes.shots + sizes.queries > self._all and sizes.queries != self._all):
            raise TaskError(
                f"completion: {sizes.shots} shots + {sizes.queries} queries must not be more than the {self._all} pixels "
                f"of a picture. Ask for at most {max(0, self._all - sizes.shots)} queries, or for {self._all}: the whole."
            )
        rows, columns = torch.linspace(0, 1, height), torch.linspace(0, 1, width)
        self._places = torch.cartesian_prod(rows, columns).to(pool.images.device)  # [pixels, 2]

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draw ``tasks`` pictures and their pixels; a pure function of the state of ``generator`` (a CPU generator)."""
        shots = drawn_shots(self.fewest_shots, self.sizes.shots, generator)
        images = self.pool.images
        chosen = torch.randint(len(images), (tasks,), generator=generator).to(images.device)
        # The order of independent uniform numbers is a uniform permutation: one per task, without a loop.
        order = torch.rand(tasks, self._all, generator=generator).argsort(1).to(images.device)
        grey = images[chosen, 0].flatten(1).float().div_(255)  # [tasks, pixels]

        def pixels(places: Tensor) -> Examples:  # [tasks, n]
            return Examples(self._places[places], grey.gather(1, places)[..., None])

        return Task(pixels(order[:, :shots]), pixels(order[:, self._all - self.sizes.queries :]))

    def to(self, device: torch.device | str) -> Self:
        """The same pictures with the pool, and so every sample, on ``device``."""
        return type(self)(self.pool.to(device), self.sizes, self.fewest_shots)
