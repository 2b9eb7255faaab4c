"""How well predictions rank the queries of a task: NDCG, beside what a random order gets.

The discounted cumulative gain of an order is  Σ gain(place) / log2(1 + place)  over the first k places. NDCG@k is that of
the order by prediction, divided by the largest possible one: 1 is best. The gain of a query is its target minus the lowest
target there is, as in scikit-learn's ``ndcg_score``; there is no exponent. Queries with equal predictions share the mean of
their places, so a method that predicts a constant gets what a random order gets.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.source_abilities import RankedQueries
from ..core.task import TaskSource
from .scores import Score
from .task_blocks import count_scored, task_blocks

_ROUNDING = 1e-5  # scaled targets that are equal differ by so much at most


class Ranking(NamedTuple):
    """What a ranking of queries is scored by."""

    length: int  # places that count
    lowest: float  # the target of a query that is worth nothing

    @property
    def name(self) -> str:
        """The name of the score: ``ndcg@5``."""
        return f"ndcg@{self.length}"

    def score(self, predictions: Tensor, y: Tensor) -> dict[str, Tensor]:
        """NDCG of predictions for targets, both ``[queries, 1]``, by its name."""
        gains = y[:, 0] - self.lowest
        gains = torch.where(gains > _ROUNDING, gains, 0)
        return {self.name: ndcg(predictions[:, 0], gains, self.length)}


def ranking_of(source: TaskSource) -> Ranking | None:
    """How queries of ``source`` are ranked. None if they are not, or if a task has too few to tell rankings apart."""
    if not isinstance(source, RankedQueries) or source.ranking_length < 1:
        return None
    return Ranking(source.ranking_length, source.y_lowest)


def ndcg(predictions: Tensor, gains: Tensor, length: int) -> Tensor:
    """NDCG@``length`` of candidates with these predictions and gains of 0 or more, both ``[n]``. 1 if all gains are 0.

    >>> ndcg(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0.0, 0.0, 1.0]), 3)  # 1 / log2(4)
    tensor(0.5000)
    """
    count = len(gains)
    places = torch.arange(1, count + 1, device=gains.device, dtype=gains.dtype)
    discounts = torch.where(places <= length, 1 / torch.log2(1 + places), 0)
    ideal = (gains.sort(descending=True).values * discounts).sum()
    larger = (predictions[None] > predictions[:, None]).sum(1)
    equal = (predictions[None] == predictions[:, None]).sum(1)
    sums = torch.cat([discounts.new_zeros(1), discounts.cumsum(0)])  # [n + 1], of the first 0, 1, ... places
    own = (sums[larger + equal] - sums[larger]) / equal  # the mean discount of the places that equal predictions share
    return torch.where(ideal > 0, (gains * own).sum() / ideal, 1 + 0 * own.sum())  # NaN stays NaN


def random_ranking_score(source: TaskSource, *, tasks: int, seed: int) -> Score | None:
    """The mean NDCG of all orders of the queries: what a method must beat. None if ``source`` ranks nothing.

    The tasks are those of ``evaluate`` with the same ``tasks`` and ``seed``.
    """
    ranking = ranking_of(source)
    if ranking is None:
        return None
    scores = [
        ranking.score(torch.zeros_like(y), y)[ranking.name]
        for _, block in task_blocks(source, count_scored(source, tasks), seed)
        for y in block.query.y
    ]
    return Score.of(torch.stack(scores))
