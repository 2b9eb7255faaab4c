"""Episodes with a random number of shots, or of ways, in each meta-batch."""

from typing import Self

import torch
from torch import Tensor

from ..core.task import Examples, Task, TaskSource
from .shot_range import check_fewest, draw_shots
from .source import on_device


class VaryingShots:
    """The tasks of ``source`` with a random number of support examples per class, uniform from ``fewest`` to ``shots``.

    All tasks of one sample have the same number. The first support examples of each class stay, in their order. Query
    sets do not change. Use it for methods that read a task as a sequence: they learn short sequences first, and long
    ones afterwards need fewer episodes.

    Raises ``ConfigError`` if ``fewest`` is not from 1 to ``shots``, the number of shots of ``source``.

    >>> from tokay.tasks import Glyphs
    >>> from tokay import Sizes
    >>> episodes = VaryingShots(Glyphs().tasks("train", Sizes(ways=5, shots=3)), fewest=1, shots=3)
    >>> lengths = [episodes.sample(2, torch.Generator().manual_seed(i)).support.y.shape[1] for i in range(20)]
    >>> sorted(set(lengths))
    [5, 10, 15]
    """

    def __init__(self, source: TaskSource, *, fewest: int, shots: int) -> None:
        remedy = "Choose --train-fewest-shots in that range."
        check_fewest(fewest, shots, where="train", of=" of training", remedy=remedy)
        self.source, self.fewest, self.shots, self.spec = source, fewest, shots, source.spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` tasks. The sample depends only on the state of ``generator``."""
        shots = draw_shots(self.fewest, self.shots, generator)
        support, query = self.source.sample(tasks, generator)
        return Task(_first(support, shots), query)

    def to(self, device: torch.device | str) -> Self:
        """The same tasks with the data of ``source`` on ``device``, if ``source`` can move it."""
        return type(self)(on_device(self.source, device), fewest=self.fewest, shots=self.shots)


class GrowingWays:
    """The tasks of ``source`` with a random number of classes, uniform from ``fewest`` to ``most``.

    All tasks of one sample have the same number. ``most`` grows in training (``at_progress``): by the same factor in every
    step, from ``fewest`` to ``ways`` at half of the steps. So the method learns short sequences first, and they are cheap.

    The classes with the first labels stay, so the method learns a few labels first and then more. Every task still
    draws anew which class has which label. Use it for methods that read a task as a sequence, like ``VaryingShots``.
    Other methods need an example of every class.

    Raises ``ConfigError`` if ``fewest`` is not from 1 to ``ways``, the number of ways of ``source``.

    >>> from tokay.tasks import Glyphs
    >>> from tokay import Sizes
    >>> episodes = GrowingWays(Glyphs().tasks("train", Sizes(ways=5, shots=2, queries=1)), fewest=4, ways=5)
    >>> lengths = [episodes.sample(2, torch.Generator().manual_seed(i)).support.y.shape[1] for i in range(20)]
    >>> sorted(set(lengths))
    [8, 10]
    >>> episodes.at_progress(0).sample(2, torch.Generator()).support.y.shape
    torch.Size([2, 8, 5])
    """

    def __init__(self, source: TaskSource, *, fewest: int, ways: int, most: int | None = None) -> None:
        remedy = "Choose --train-fewest-ways in that range."
        check_fewest(fewest, ways, where="train", what="ways", of=" of training", remedy=remedy)
        self.source, self.fewest, self.ways, self.spec = source, fewest, ways, source.spec
        self.most = most or ways

    def at_progress(self, progress: float) -> Self:
        """The same tasks with the ``most`` of this step. ``progress`` is the share of steps already done, from 0 to below 1."""
        limit = self.fewest * (self.ways / self.fewest) ** min(1.0, 2 * progress)
        most = int(limit + 1e-9)  # rounding may give 14.99... for 15
        return type(self)(self.source, fewest=self.fewest, ways=self.ways, most=most)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` tasks. The sample depends only on the state of ``generator``."""
        ways = draw_shots(self.fewest, self.most, generator)
        support, query = self.source.sample(tasks, generator)
        return Task(*(_select(part, part.y[..., :ways].any(2)) for part in (support, query)))

    def to(self, device: torch.device | str) -> Self:
        """The same tasks with the data of ``source`` on ``device``, if ``source`` can move it."""
        return type(self)(on_device(self.source, device), fewest=self.fewest, ways=self.ways, most=self.most)


def _first(support: Examples, shots: int) -> Examples:
    """Keeps the first ``shots`` examples of each class: ``[tasks, n, ...]`` to ``[tasks, ways * shots, ...]``."""
    return _select(support, (support.y.int().cumsum(1) <= shots).logical_and(support.y).any(2))


def _select(examples: Examples, mask: Tensor) -> Examples:
    """Keeps the examples where ``mask`` [tasks, n] is true, the same number k in every task: returns ``[tasks, k, ...]``."""
    rows = mask.nonzero()[:, 1].reshape(len(mask), -1)
    task = torch.arange(len(mask), device=rows.device)[:, None]
    return Examples(examples.x[task, rows], examples.y[task, rows])
