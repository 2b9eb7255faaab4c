"""The mean over trainings that differ only in their seed, with an interval that covers the training, not the tasks."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

# Student's t at 97.5 % for 1, 2, ... degrees of freedom: with few seeds 1.96 would be far too small.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_NORMAL = 1.960


@dataclass(frozen=True)
class SeedScore:
    """A mean over trainings and the half-width of its 95 % interval, by Student's t."""

    mean: float
    ci95: float
    seeds: int


def over_seeds(means: Sequence[float]) -> SeedScore:
    """The score over trainings, each of which has one of ``means``. Two at least.

    The interval says how much another seed of the training may change the score. All trainings are scored on the same
    tasks, so it does not cover the choice of tasks: the interval of each score does.

    >>> over_seeds([0.5, 0.6, 0.7])  # doctest: +ELLIPSIS
    SeedScore(mean=0.6, ci95=0.24843..., seeds=3)
    """
    freedom = len(means) - 1
    factor = _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else _NORMAL
    return SeedScore(statistics.fmean(means), factor * statistics.stdev(means) / sqrt(len(means)), len(means))
