"""Random quadratics: the smallest problems for a learned optimizer (Andrychowicz et al. 2016, arXiv:1606.04474)."""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ..core.task import Examples, Kind, Sizes, Split, Task, TaskSource, TaskSpec
from ..errors import ConfigError
from .source import Source

Entries = Literal["normal", "uniform"]


@dataclass(frozen=True, kw_only=True)
class Quadratic(Source, name="quadratic"):
    """Minimise ``f(θ) = ||W θ - y||²``. Every task has its own matrix W and vector y.

    It is written as a regression. The inputs are the rows of W, the targets are the entries of y, and the model is linear
    without a hidden layer (``--network linear``), so that its loss is f. A loss is a mean over examples, but f is a sum:
    so rows and targets are multiplied by the square root of the number of rows. ``shots`` is the number of rows (10 in
    the paper), ``dimension`` the number of columns.

    There is nothing to generalise to: the query set *is* the support set, and ``queries`` is not used. All splits have
    the same distribution of tasks.

    Deviation: the linear head has a bias, an eleventh weight that the quadratics of the paper do not have.

    >>> source = Quadratic().tasks("test", Sizes(shots=10))
    >>> task = source.sample(4, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape
    (torch.Size([4, 10, 10]), torch.Size([4, 10, 1]))
    """

    summary: ClassVar[str] = "minimise random quadratics ||Wθ - y||² (Andrychowicz et al. 2016); query = support"
    kind: ClassVar[Kind] = "regression"
    network = "linear"

    entries: Entries = "normal"
    """distribution of the entries of W and y: normal (standard normal, paper) or uniform (U[0, 1], code of the authors)"""
    dimension: int = 10
    """number of columns of W: the number of unknowns"""

    def __post_init__(self) -> None:
        if self.entries not in ("normal", "uniform"):
            raise ConfigError(f"quadratic: entries must be normal or uniform, got {self.entries!r}.")
        if self.dimension < 1:
            raise ConfigError(f"quadratic: dimension must be at least 1, got {self.dimension}. The paper has 10.")

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Quadratics with ``sizes.shots`` rows, the same for every ``split``."""
        return _Quadratics(self.entries, sizes.shots, self.dimension)


class _Quadratics:
    """The task source of `Quadratic`. A sample depends only on the state of the generator."""

    def __init__(self, entries: Entries, rows: int, dimension: int) -> None:
        self.entries, self.rows, self.dimension = entries, rows, dimension
        self.spec = TaskSpec(x_shape=(dimension,), y_dim=1, kind="regression")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` quadratics: x is ``[tasks, rows, dimension]`` and y ``[tasks, rows, 1]``."""
        draw = torch.randn if self.entries == "normal" else torch.rand
        entries: Tensor = sqrt(self.rows) * draw(tasks, self.rows, self.dimension + 1, generator=generator)
        examples = Examples(entries[..., :-1], entries[..., -1:])
        return Task(examples, examples)
