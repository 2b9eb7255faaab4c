"""The results of an evaluation: means with 95% intervals, per step and per task, and paired differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from torch import Tensor

from ..core.objectives import main_measure
from ..errors import ConfigError


class Score(NamedTuple):
    """A mean over tasks, the half-width of its 95% interval (1.96 standard errors), and the median.

    If adaptation diverges on a few tasks, those tasks dominate the mean. The median then shows the other tasks.
    """

    mean: float
    ci95: float
    tasks: int
    median: float

    @classmethod
    def of(cls, values: Tensor) -> "Score":
        """The score of ``values`` ``[tasks]``, one number per task.

        >>> Score.of(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        Score(mean=2.5, ci95=1.2651745597610895, tasks=4, median=2.5)
        """
        values = values.double()
        spread = float(values.std()) if len(values) > 1 else float("nan")
        return cls(float(values.mean()), 1.96 * spread / sqrt(len(values)), len(values), float(values.quantile(0.5)))


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of ``evaluate``.

    The measures are ``loss`` and ``accuracy`` (or ``mse``, or ``bits``) on the query set, and ``mae`` and ``rmse`` in units
    of the target column if the source scales targets, and ``ndcg@5`` if it ranks queries. With a curve there are also
    ``support_loss`` and so on: the same measures on the support set. Sequences have none, because their support set has no
    targets.
    """

    scores: Mapping[str, Score]
    curve: Mapping[int, Mapping[str, Score]]  # the scores after each number of adaptation steps; 0 is before adapting
    per_task: Mapping[str, Tensor]  # [tasks], to compare two runs task by task
    per_step: Mapping[str, Tensor]  # [tasks, steps of the curve]
    calibration_error: float | None  # expected calibration error over all queries; None without classes
    transductive: bool  # whether the answer to a query depends on the other queries of its task
    seconds: float
    unit: str | None = None  # what ``mae`` and ``rmse`` are in, if the source scales its targets

    def __getitem__(self, name: str) -> Score:
        return self.scores[name]

    @property
    def measure(self) -> str:
        """The main measure: ``accuracy`` for classes, ``mse`` for real targets, ``bits`` for sequences."""
        return main_measure(self.scores)

    @property
    def merit(self) -> float:
        """One number to choose weights by; higher is better.

        The log-likelihood if the method predicts distributions, otherwise the accuracy, or minus the error.
        """
        if "log_likelihood" in self.scores:
            return self["log_likelihood"].mean
        return self[self.measure].mean * (1 if self.measure == "accuracy" else -1)


class Difference(NamedTuple):
    """Run A minus run B: the mean difference over tasks and the half-width of its 95% interval."""

    mean: float
    ci95: float
    tasks: int


def paired_difference(a: Tensor, b: Tensor) -> Difference:
    """Compares two runs task by task, so that the difficulty of the tasks cancels. Both are ``[tasks]``.

    Raises ``ConfigError`` if the numbers of tasks differ.

    >>> paired_difference(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.5, 2.5]))
    Difference(mean=0.5, ci95=0.0, tasks=3)
    """
    if a.shape != b.shape:
        raise ConfigError(
            f"compare: both runs must be scored on the same tasks, got {len(a)} and {len(b)}. Evaluate both with one seed."
        )
    score = Score.of(a.double() - b.double())
    return Difference(score.mean, score.ci95, score.tasks)
