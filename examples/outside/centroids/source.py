"""Clouds of points around random centres."""

from dataclasses import dataclass

import torch

from tokay import Examples, Sizes, Task, TaskSource, TaskSpec, one_hot
from tokay.core.task import Split
from tokay.tasks import Source


@dataclass(frozen=True, kw_only=True)
class Blobs(Source, name="blobs"):
    """Each class is a normal cloud around a centre that is drawn for the task."""

    summary = "clouds of points around random centres"
    network = "tanh-mlp"

    spread: float = 0.3
    """standard deviation of a cloud"""

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        return BlobTasks(sizes, self.spread)

    def most_ways(self, split: Split, examples: int = 2) -> int:
        return 20


class BlobTasks:
    """Tasks to draw from."""

    def __init__(self, sizes: Sizes, spread: float) -> None:
        self.sizes, self.spread = sizes, spread
        self.spec = TaskSpec(x_shape=(2,), y_dim=sizes.ways)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        centres = torch.randn(tasks, self.sizes.ways, 2, generator=generator)

        def draw(each: int) -> Examples:
            labels = torch.arange(self.sizes.ways).repeat(tasks, each)
            noise = self.spread * torch.randn(*labels.shape, 2, generator=generator)
            return Examples(centres.repeat(1, each, 1) + noise, one_hot(labels, self.sizes.ways))

        return Task(draw(self.sizes.shots), draw(self.sizes.queries))
