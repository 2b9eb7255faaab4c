"""Episodes whose number of shots, or of ways, changes from meta-batch to meta-batch."""

from typing import Self

import torch
from torch import Tensor

from ..core.task import Examples, Task, TaskSource
from .shot_range import check_fewest, drawn_shots
from .source import on_device


class FewerShots:
    """The tasks of ``source``, all of one sample with ``fewest`` to ``shots`` support examples per class, each as likely.

    Those left are the first of each class, in their order; query sets stay as they are. For methods that read a task as a
    sequence: a short one is learned first, and then a longer one, which alone takes many episodes to be learned at all.

    Raises ``ConfigError`` when ``fewest`` is not from 1 to the ``shots`` that the classes of ``source`` have.

    >>> from tokay.tasks import Glyphs
    >>> from tokay import Sizes
    >>> episodes = FewerShots(Glyphs().tasks("train", Sizes(ways=5, shots=3)), fewest=1, shots=3)
    >>> drawn = [episodes.sample(2, torch.Generator().manual_seed(i)).support.y.shape[1] for i in range(20)]
    >>> sorted(set(drawn))
    [5, 10, 15]
    """

    def __init__(self, source: TaskSource, *, fewest: int, shots: int) -> None:
        remedy = "Choose --train-fewest-shots in that range."
        check_fewest(fewest, shots, where="train", of=" of training", remedy=remedy)
        self.source, self.fewest, self.shots, self.spec = source, fewest, shots, source.spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """``tasks`` of them; a pure function of the state of ``generator``."""
        shots = drawn_shots(self.fewest, self.shots, generator)
        support, query = self.source.sample(tasks, generator)
        return Task(_first(support, shots), query)

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, drawn on ``device`` where ``source`` can."""
        return type(self)(on_device(self.source, device), fewest=self.fewest, shots=self.shots)


class FewerWays:
    """The tasks of ``source``, all of one sample with ``fewest`` to ``most`` classes, each number as likely.

    In training ``most`` grows (``at_progress``): by the same factor in every step, from ``fewest`` to all ``ways`` after half of
    it. So the short sequences are learned first, and cost little. The classes left are those of the first labels (which class
    has which label is drawn for every task, as ever): a reader learns what to do with a few labels, and then with more; where
    any of the ``ways`` labels may occur it learns all from the start, which takes longer. For methods that read a task as a
    sequence, as ``FewerShots`` is; others need an example of every class they may answer.

    Raises ``ConfigError`` when ``fewest`` is not from 1 to the ``ways`` that the tasks of ``source`` have.

    >>> from tokay.tasks import Glyphs
    >>> from tokay import Sizes
    >>> episodes = FewerWays(Glyphs().tasks("train", Sizes(ways=5, shots=2, queries=1)), fewest=4, ways=5)
    >>> drawn = [episodes.sample(2, torch.Generator().manual_seed(i)).support.y.shape[1] for i in range(20)]
    >>> sorted(set(drawn))
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
        """The same tasks, with as many classes at most as there are by then."""
        grown = self.fewest * (self.ways / self.fewest) ** min(1.0, 2 * progress)
        most = int(grown + 1e-9)  # 15 may come out as 14.99...
        return type(self)(self.source, fewest=self.fewest, ways=self.ways, most=most)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """``tasks`` of them; a pure function of the state of ``generator``."""
        ways = drawn_shots(self.fewest, self.most, generator)
        support, query = self.source.sample(tasks, generator)
        return Task(*(_kept(part, part.y[..., :ways].any(2)) for part in (support, query)))

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, drawn on ``device`` where ``source`` can."""
        return type(self)(on_device(self.source, device), fewest=self.fewest, ways=self.ways, most=self.most)


def _first(support: Examples, shots: int) -> Examples:
    """The first ``shots`` examples of each class: ``[tasks, n, ...]`` to ``[tasks, ways * shots, ...]``."""
    return _kept(support, (support.y.int().cumsum(1) <= shots).logical_and(support.y).any(2))


def _kept(examples: Examples, kept: Tensor) -> Examples:
    """Those that ``kept`` [tasks, n] marks, as many in every task: ``[tasks, n, ...]`` to ``[tasks, marked, ...]``."""
    rows = kept.nonzero()[:, 1].reshape(len(kept), -1)
    task = torch.arange(len(kept), device=rows.device)[:, None]
    return Examples(examples.x[task, rows], examples.y[task, rows])
