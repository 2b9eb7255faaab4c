"""Random linear classifiers, the smallest tasks on which the costs of fast adaptation can be seen and computed by hand."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..core.task import Examples, Sizes, Split, Task, TaskSource, TaskSpec, one_hot
from ..errors import ConfigError, TaskError
from .source import Source


@dataclass(frozen=True, kw_only=True)
class Linear(Source, name="linear"):
    """Two classes on both sides of a random hyperplane: the label of x is 1 where w · x + b > 0, and 0 elsewhere.

    Every task has its own w, uniform on the unit sphere, and b, normal with standard deviation ``bias_std``. Inputs are
    standard normal, given their class: each class has exactly ``shots`` support and ``queries`` query points, however
    little of the space is on its side. All splits have the same distribution of tasks.

    Gradient-based methods with ``--network linear`` adapt a logistic regression, which is the right model. How few points
    and steps it takes is what a meta-learner can improve, by the inner rate above all: w has no preferred direction.

    ``noise`` is the probability that a label, of the support set or of a query, is the other one.

    >>> source = Linear(dimension=3).tasks("test", Sizes(ways=2, shots=5, queries=10))
    >>> task = source.sample(4, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape
    (torch.Size([4, 10, 3]), torch.Size([4, 20, 2]))
    """

    summary: ClassVar[str] = "random linear classifiers (w, b): two classes on both sides of a hyperplane"
    network = "mlp"
    test_sizes: ClassVar[Sizes] = Sizes(ways=2, shots=5, queries=15)

    dimension: int = 2
    """number of inputs"""
    bias_std: float = 0.5
    """standard deviation of the bias b; inputs have 1"""
    noise: float = 0.0
    """probability that a label is the other one"""

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ConfigError(f"linear: dimension must be at least 1, got {self.dimension}.")
        if not 0 <= self.bias_std <= 4:
            raise ConfigError(f"linear: bias_std must be from 0 to 4, got {self.bias_std}. Inputs have 1.")
        if not 0 <= self.noise < 0.5:
            raise ConfigError(f"linear: noise must be at least 0 and below 0.5, got {self.noise}.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Classifiers with ``sizes``, the same for every ``split``. Raises ``TaskError`` if there are not two ways."""
        if sizes.ways > 2:
            raise TaskError(f"linear: a hyperplane divides two classes, got {sizes.ways} ways. Give --ways 2.")
        return LinearTasks(self.dimension, self.bias_std, self.noise, sizes)

    def most_ways(self, split: Split, examples: int = 2) -> int:
        """Two."""
        return 2


class LinearTasks:
    """The task source of `Linear`. A sample depends only on the state of the generator."""

    def __init__(self, dimension: int, bias_std: float, noise: float, sizes: Sizes) -> None:
        self.dimension, self.bias_std, self.noise, self.sizes = dimension, bias_std, noise, sizes
        self.spec = TaskSpec(x_shape=(dimension,), y_dim=2)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` classifiers: x is float32 ``[tasks, n, dimension]``, y boolean one-hot ``[tasks, n, 2]``."""
        w, b = self.draw(tasks, generator)
        return Task(
            self._examples(w, b, self.sizes.shots, generator), self._examples(w, b, self.sizes.queries, generator)
        )

    def draw(self, tasks: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The weights ``[tasks, dimension]`` and biases ``[tasks]`` of ``tasks`` classifiers, float64."""
        w = torch.randn(tasks, self.dimension, generator=generator, dtype=torch.float64)
        b = self.bias_std * torch.randn(tasks, generator=generator, dtype=torch.float64)
        return torch.nn.functional.normalize(w, dim=1), b

    def _examples(self, w: Tensor, b: Tensor, count: int, generator: torch.Generator) -> Examples:
        tasks = len(w)
        labels = torch.arange(2).repeat_interleave(count).expand(tasks, -1)
        labels = labels.gather(1, torch.rand(tasks, 2 * count, generator=generator).argsort(1))  # [tasks, n]
        x = torch.randn(tasks, 2 * count, self.dimension, generator=generator, dtype=torch.float64)
        # The part of x along w is a normal number t below -b for class 0, and above it for class 1. The inverse of the normal
        # distribution is exact in its lower tail, so t of class 1 is minus a number below b.
        sign = 1.0 - 2.0 * labels  # 1 for class 0, -1 for class 1
        share = torch.rand(tasks, 2 * count, generator=generator, dtype=torch.float64).clamp_min(1e-12)
        t = sign * torch.special.ndtri(share * _normal_below(-sign * b[:, None]))
        x = x + (t - torch.einsum("tnd,td->tn", x, w))[..., None] * w[:, None]
        is_wrong = torch.rand(tasks, 2 * count, generator=generator) < self.noise
        return Examples(x.float(), one_hot(torch.where(is_wrong, 1 - labels, labels), 2))


def _normal_below(x: Tensor) -> Tensor:
    """The probability that a standard normal number is below ``x``, exact in the lower tail."""
    below: Tensor = 0.5 * torch.special.erfc(-x * math.sqrt(0.5))
    return below
