"""What was measured over tasks: means with their 95% intervals, per step and per task, and paired differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from torch import Tensor

from ..core.objectives import measure_among
from ..errors import ConfigError


class Score(NamedTuple):
    """A mean over tasks, the half-width of its 95% interval (1.96 standard errors), and the median.

    Where a few tasks go wholly wrong, as when steps diverge on them, they make the mean: the median then says how the rest is.
    """

    mean: float
    ci95: float
    tasks: int
    median: float

    @classmethod
    def of(cls, values: Tensor) -> "Score":
        """The score of one number per task.

        >>> Score.of(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        Score(mean=2.5, ci95=1.2651745597610895, tasks=4, median=2.5)
        """
        values = values.double()
        spread = float(values.std()) if len(values) > 1 else float("nan")
        return cls(float(values.mean()), 1.96 * spread / sqrt(len(values)), len(values), float(values.quantile(0.5)))


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What ``evaluate`` found. ``per_task`` holds ``[tasks]`` numbers, so that runs can be paired.

    Beside the query set's ``loss`` and ``accuracy`` (or ``mse``, or ``bits``) there are, with a curve, ``support_loss`` and
    so on: how well the examples that were learned from are answered (not of a sequence, which is only read at first).
    """

    scores: Mapping[str, Score]
    curve: Mapping[int, Mapping[str, Score]]  # by number of adaptation steps, 0 = before adapting
    per_task: Mapping[str, Tensor]
    per_step: Mapping[str, Tensor]  # [tasks, steps of the curve]
    calibration_error: float | None  # expected calibration error over all queries; None where there are no classes
    transductive: bool  # whether the answer to one query depends on which others are asked along with it
    seconds: float

    def __getitem__(self, name: str) -> Score:
        return self.scores[name]

    @property
    def measure(self) -> str:
        """What the tasks are judged by: ``accuracy``, ``mse`` for real targets, ``bits`` for sequences."""
        return measure_among(self.scores)

    @property
    def merit(self) -> float:
        """How good it is, of two trained weights the higher the better: the log-likelihood where answers are distributions,
        else the accuracy, or less than 0 by the error."""
        if "log_likelihood" in self.scores:
            return self["log_likelihood"].mean
        return self[self.measure].mean * (1 if self.measure == "accuracy" else -1)


class Difference(NamedTuple):
    """Run A minus run B over the same tasks: the mean of the paired differences and its 95% interval."""

    mean: float
    ci95: float
    tasks: int


def paired_difference(a: Tensor, b: Tensor) -> Difference:
    """Compare two runs task by task: what the tasks have in common (easy ones, hard ones) cancels.

    >>> paired_difference(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.5, 2.5]))
    Difference(mean=0.5, ci95=0.0, tasks=3)
    """
    if a.shape != b.shape:
        raise ConfigError(
            f"compare: both runs must be scored on the same tasks, got {len(a)} and {len(b)}. Evaluate both with one seed."
        )
    score = Score.of(a.double() - b.double())
    return Difference(score.mean, score.ci95, score.tasks)
