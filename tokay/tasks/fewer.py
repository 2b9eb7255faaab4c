"""Episodes whose number of shots changes from meta-batch to meta-batch."""

from typing import Self

import torch

from ..core.task import Examples, Task, TaskSource
from .shots import check_fewest, drawn_shots
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
        check_fewest(fewest, shots, where="train", of="shots of training", remedy=remedy)
        self.source, self.fewest, self.shots, self.spec = source, fewest, shots, source.spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """``tasks`` of them; a pure function of the state of ``generator``."""
        shots = drawn_shots(self.fewest, self.shots, generator)
        support, query = self.source.sample(tasks, generator)
        return Task(_first(support, shots), query)

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, drawn on ``device`` where ``source`` can."""
        return type(self)(on_device(self.source, device), fewest=self.fewest, shots=self.shots)


def _first(support: Examples, shots: int) -> Examples:
    """The first ``shots`` examples of each class: ``[tasks, n, ...]`` to ``[tasks, ways * shots, ...]``."""
    x, y = support
    tasks, _, ways = y.shape
    kept = (y.int().cumsum(1) <= shots).logical_and(y).any(2)  # [tasks, n], as many in every task
    rows = kept.nonzero()[:, 1].reshape(tasks, ways * shots)
    task = torch.arange(tasks, device=rows.device)[:, None]
    return Examples(x[task, rows], y[task, rows])
