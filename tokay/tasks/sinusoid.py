"""Sine waves of random amplitude and phase: the smallest regression problem of meta-learning."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ..core.task import Examples, Kind, Sizes, Split, Task, TaskSource, TaskSpec
from ..errors import ConfigError, TaskError
from .source import Source

Variant = Literal["maml", "reptile"]

_AMPLITUDE = (0.1, 5.0)
_X = (-5.0, 5.0)
_GRID = 50  # points of Reptile's grid, both ends included


@dataclass(frozen=True, kw_only=True)
class Sinusoid(Source, name="sinusoid"):
    """Regress one sine wave from a few of its points. Every task has its own amplitude and phase.

    ``shots`` is the number of support points, ``queries`` the number of query points. ``ways`` is not used, because there
    are no classes. Inputs and targets are ``[tasks, n, 1]`` float32, without noise.

    - ``maml`` (Finn et al. 2017, section 5.1): ``y = a sin(x - p)``, a ~ U[0.1, 5], p ~ U[0, pi], x ~ U[-5, 5].
    - ``reptile`` (Nichol et al. 2018, section 6 and the script of OpenAI): ``y = a sin(x + b)``, a ~ U[0.1, 5],
      b ~ U[0, 2 pi]. As in the script, points lie on a grid of 50 over [-5, 5]. Query points come from the whole grid,
      and may be support points too. Training in the script is ``shots=50``. Its test is ``shots=10, queries=50``: the
      loss of the whole curve. Deviation: all points of one set are different here, while the script may repeat one of
      its ten test points.

    All splits have the same distribution of waves. Their tasks differ only by the generator that draws them.

    >>> source = Sinusoid().tasks("test", Sizes(shots=10, queries=20))
    >>> task = source.sample(4, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape
    (torch.Size([4, 10, 1]), torch.Size([4, 20, 1]))
    """

    summary: ClassVar[str] = "regression of sine waves (Finn et al. 2017; Nichol et al. 2018)"
    kind: ClassVar[Kind] = "regression"
    network = "mlp"

    variant: Variant = "maml"
    """setting of a paper: maml (phase in [0, pi], x uniform) or reptile (phase in [0, 2 pi], x on a grid of 50)"""

    def __post_init__(self) -> None:
        if self.variant not in ("maml", "reptile"):
            raise ConfigError(f"sinusoid: variant must be maml or reptile, got {self.variant!r}.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Sine waves to sample from, the same for every ``split``.

        Raises ``TaskError`` if the variant is reptile and shots or queries are above 50, the points of its grid.
        """
        largest = max(sizes.shots, sizes.queries)
        if self.variant == "reptile" and largest > _GRID:
            raise TaskError(
                f"sinusoid: the reptile variant has a grid of {_GRID} points, got shots={sizes.shots} and "
                f"queries={sizes.queries}. Ask for at most {_GRID} of each, or use the maml variant."
            )
        return _Waves(self.variant, sizes)


class _Waves:
    """The task source of `Sinusoid`. A sample depends only on the state of the generator."""

    spec = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")

    def __init__(self, variant: Variant, sizes: Sizes) -> None:
        self.variant = variant
        self.sizes = sizes

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` waves and points on them: x and y are ``[tasks, points, 1]``."""
        turn = math.pi if self.variant == "maml" else 2 * math.pi
        amplitude = _uniform(*_AMPLITUDE, (tasks, 1, 1), generator)
        phase = _uniform(0.0, turn, (tasks, 1, 1), generator)
        shift = -phase if self.variant == "maml" else phase
        support, query = (
            self._points(tasks, count, generator) for count in (self.sizes.shots, self.sizes.queries)
        )  # [tasks, count, 1]
        return Task(
            Examples(support, amplitude * torch.sin(support + shift)),
            Examples(query, amplitude * torch.sin(query + shift)),
        )

    def _points(self, tasks: int, count: int, generator: torch.Generator) -> Tensor:
        if self.variant == "maml":
            return _uniform(*_X, (tasks, count, 1), generator)
        # Sorting independent uniform numbers gives a uniform permutation, one per task and without a loop.
        order = torch.rand(tasks, _GRID, generator=generator).argsort(1)[:, :count]
        return torch.linspace(*_X, _GRID)[order][..., None]


def _uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)
