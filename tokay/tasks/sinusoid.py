"""Sine waves of random amplitude and phase: the smallest regression problem that rewards learning to learn."""

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
    """Regress one sine wave from a few of its points; every task has its own amplitude and phase.

    ``shots`` is the number of support points and ``queries`` of query points; ``ways`` is not used (there are
    no classes). Inputs are ``[tasks, n, 1]`` and targets ``[tasks, n, 1]``, both float32 and without noise.

    - ``maml`` (Finn et al. 2017, section 5.1): ``y = a sin(x - p)``, a ~ U[0.1, 5], p ~ U[0, pi], x ~ U[-5, 5].
    - ``reptile`` (Nichol et al. 2018, section 6 and OpenAI's script): ``y = a sin(x + b)``, a ~ U[0.1, 5],
      b ~ U[0, 2 pi]. As in the script, points lie on a grid of 50 over [-5, 5], and the query is drawn from the
      whole grid whether or not a point is in the support: ``shots=50`` is its training set, ``shots=10,
      queries=50`` its test, whose loss is that of the whole curve. Within each of the two sets points are
      distinct here; the script may repeat one among its ten test points.

    The family is continuous, so no split holds anything back: ``tasks`` of any split are independent draws from
    the same distribution, and differ only by the generator that they are drawn with.

    >>> source = Sinusoid().tasks("test", Sizes(shots=10, queries=20))
    >>> task = source.sample(4, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape
    (torch.Size([4, 10, 1]), torch.Size([4, 20, 1]))
    """

    summary: ClassVar[str] = "regression of sine waves (Finn et al. 2017; Nichol et al. 2018)"
    kind: ClassVar[Kind] = "regression"
    network = "mlp"

    variant: Variant = "maml"
    """whose setting: maml (phase in [0, pi], x uniform) or reptile (phase in [0, 2 pi], x on a grid of 50)"""

    def __post_init__(self) -> None:
        if self.variant not in ("maml", "reptile"):
            raise ConfigError(f"sinusoid: variant must be maml or reptile, got {self.variant!r}.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Sine waves to sample from; ``split`` changes nothing, as the class explains.

        Raises ``TaskError`` when the reptile variant is asked for more points than its grid has.
        """
        largest = max(sizes.shots, sizes.queries)
        if self.variant == "reptile" and largest > _GRID:
            raise TaskError(
                f"sinusoid: the reptile variant has a grid of {_GRID} points, got shots={sizes.shots} and "
                f"queries={sizes.queries}. Ask for at most {_GRID} of each, or use the maml variant."
            )
        return _Waves(self.variant, sizes)


class _Waves:
    """The task source behind `Sinusoid`: a pure function of the generator's state."""

    spec = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")

    def __init__(self, variant: Variant, sizes: Sizes) -> None:
        self.variant = variant
        self.sizes = sizes

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draw ``tasks`` waves and their points: x and y are ``[tasks, points, 1]``."""
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
        # The order of independent uniform numbers is a uniform permutation: one per task, without a loop.
        order = torch.rand(tasks, _GRID, generator=generator).argsort(1)[:, :count]
        return torch.linspace(*_X, _GRID)[order][..., None]


def _uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)
