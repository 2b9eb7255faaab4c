"""A threshold below which a query is of none of the classes, and what it costs, measured on open tasks."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from torch import Tensor

from ..errors import ConfigError
from .open_set_scores import OpenSetScores


@dataclass(frozen=True, kw_only=True, eq=False)
class Rejection:
    """Accepts a query if its largest logit is above ``threshold``, chosen for the false-accept rate ``rate``.

    Raises ``ConfigError`` for a rate that is not between 0 and 1.
    """

    rate: float  # largest fraction of queries of other classes that may be accepted
    scores: OpenSetScores  # of the tasks that the threshold is chosen on

    def __post_init__(self) -> None:
        check_rate(self.rate, "reject")

    @cached_property
    def threshold(self) -> float:
        """The smallest threshold that accepts at most the part ``rate`` of the queries of other classes."""
        order = self.scores.unknown_scores.flatten().sort(descending=True).values
        return float(order[math.floor(self.rate * len(order))])

    @property
    def false_accept(self) -> float:
        """The part of queries of other classes that is accepted, on the tasks that the threshold is chosen on."""
        return float((self.scores.unknown_scores > self.threshold).double().mean())

    @property
    def false_reject(self) -> float:
        """The part of queries of the support classes that is rejected, on the same tasks."""
        return float((self.scores.known_scores <= self.threshold).double().mean())

    def accepts(self, scores: Tensor) -> Tensor:
        """Whether each score ``[m]`` is that of a query of the support classes, boolean ``[m]``."""
        return scores > self.threshold

    def with_rate(self, rate: float) -> Self:
        """Another threshold from the same tasks."""
        return replace(self, rate=rate)

    def describe(self) -> str:
        """The threshold in words, with its measured rates."""
        s = self.scores
        return (
            f"none of these: on {len(s.known_scores)} validation tasks ({s.known_ways} classes, {s.shots} shots, "
            f"{s.unknown_ways} other classes) {100 * self.false_accept:.1f} % of the others are accepted and "
            f"{100 * self.false_reject:.1f} % of the classes' own queries rejected; AUROC {s.auroc.mean:.3f} ± "
            f"{s.auroc.ci95:.3f}"
        )


def check_rate(rate: float, where: str) -> None:
    """Raises ``ConfigError`` unless ``rate`` is a part of 1: above 0, below 1."""
    if not 0 < rate < 1:
        raise ConfigError(f"{where}: the false-accept rate must be above 0 and below 1, got {rate:g}. 0.05 is usual.")
