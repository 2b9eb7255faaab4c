"""NDCG: against a slow one written by hand, a closed form, scikit-learn and all orders of the candidates."""

from itertools import pairwise, permutations
from math import log2

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, Sizes, evaluate
from tokay.evaluation.ranking import Ranking, ndcg, random_ranking_score, ranking_of
from tokay.tasks import Sinusoid
from tokay.tasks.ratings_tasks import RatingList, RatingTensors, UserRows


def gain_of_order(order: list[int], gains: list[float], length: int) -> float:
    return sum(gains[candidate] / log2(1 + place) for place, candidate in enumerate(order[:length], 1))


def slow_ndcg(predictions: list[float], gains: list[float], length: int) -> float:
    """The mean over all orders that no prediction contradicts, divided by the best order."""
    orders = [list(order) for order in permutations(range(len(gains)))]
    valid = [order for order in orders if all(predictions[a] >= predictions[b] for a, b in pairwise(order))]
    best = max(gain_of_order(order, gains, length) for order in orders)
    mean = sum(gain_of_order(order, gains, length) for order in valid) / len(valid)
    return mean / best if best else 1.0


@pytest.mark.parametrize("length", [1, 2, 5, 9])
def test_by_hand(length: int) -> None:
    random = np.random.default_rng(length)
    for _ in range(20):
        predictions = random.integers(0, 4, 6).astype(float)  # some are equal
        gains = random.integers(0, 5, 6).astype(float)
        score = float(ndcg(torch.tensor(predictions), torch.tensor(gains), length))
        assert score == pytest.approx(slow_ndcg(predictions.tolist(), gains.tolist(), length))


def test_as_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    for count in (6, 10, 80):
        predictions, gains = random.normal(size=count).round(1), random.integers(0, 11, count).astype(float)
        score = float(ndcg(torch.tensor(predictions), torch.tensor(gains), 5))
        assert score == pytest.approx(metrics.ndcg_score(gains[None], predictions[None], k=5))


def test_closed_form() -> None:
    """One candidate counts: its place says all. A constant prediction gets the mean of the discounts."""
    gains = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    for place in range(1, 8):
        others = -torch.arange(6.0)
        predictions = torch.cat([others[:2], torch.tensor([1.5 - place]), others[2:]])
        expected = 1 / log2(1 + place) if place <= 5 else 0.0
        assert float(ndcg(predictions, gains, 5)) == pytest.approx(expected, abs=1e-6)
    discounts = [1 / log2(1 + place) for place in range(1, 6)]
    assert float(ndcg(torch.zeros(7), gains, 5)) == pytest.approx(sum(discounts) / 7)


def test_best_worst_and_nothing_to_gain() -> None:
    gains = torch.tensor([3.0, 1.0, 2.0, 0.0, 0.0, 0.0])
    assert float(ndcg(gains, gains, 3)) == pytest.approx(1.0)
    assert float(ndcg(-gains, gains, 3)) == 0.0
    assert float(ndcg(gains, torch.zeros(6), 3)) == 1.0
    assert ndcg(torch.full((6,), torch.nan), gains, 3).isnan()  # a method that diverged is not best
    assert ndcg(torch.full((6,), torch.nan), torch.zeros(6), 3).isnan()


def test_it_can_be_mapped_over_tasks() -> None:
    predictions, gains = torch.randn(4, 9).round(decimals=1), torch.rand(4, 9)
    mapped = torch.func.vmap(lambda p, g: ndcg(p, g, 5))(predictions, gains)
    assert mapped.tolist() == pytest.approx([float(ndcg(p, g, 5)) for p, g in zip(predictions, gains, strict=True)])


def listing(queries: int = 7) -> RatingList:
    """Two users; the input of a rating says its target."""
    rows = 2 * (2 + queries)
    y = (torch.arange(rows) * 7 % rows).float()
    tensors = RatingTensors(
        item=torch.arange(rows),
        user=torch.arange(rows) // (rows // 2),
        y=y[:, None],
        item_x=y.long()[:, None, None],
        user_x=torch.zeros(2, 0, 1, dtype=torch.int64),
        y_scale=2.0,
        y_unit="stars",
        y_lowest=0.0,
    )
    starts = (0, rows // 2)
    support = tuple(torch.arange(start, start + 2) for start in starts)
    query = tuple(torch.arange(start + 2, start + 2 + queries) for start in starts)
    return RatingList(UserRows(tensors, ("u", "v"), support, query, (99, 99), {}), Sizes(shots=1, queries=1), "test")


class Copy(nn.Module):
    """Predicts the input times a weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x[:, 0].float()


@pytest.mark.parametrize(("weight", "is_best"), [(1.0, True), (-1.0, False)])
def test_evaluate_ranks_queries(weight: float, is_best: bool) -> None:
    method = MAML(inner_lr=1e-9, inner_steps=1, test_steps=1)
    evaluation = evaluate(method, Copy(weight), listing(), tasks=2)
    chance = random_ranking_score(listing(), tasks=2, seed=0)
    assert chance is not None
    score = evaluation["ndcg@5"]
    assert (score.tasks, chance.tasks) == (2, 2)
    assert (score.mean > chance.mean) == is_best
    assert (score.mean == pytest.approx(1.0)) == is_best


def test_the_random_order_of_each_task() -> None:
    source = listing()
    chance = random_ranking_score(source, tasks=9, seed=0)
    gains = [source.part(task, task + 1).query.y.flatten().tolist() for task in range(2)]
    assert chance is not None
    assert chance.mean == pytest.approx(sum(slow_ndcg([0.0] * 7, gain, 5) for gain in gains) / 2)


def test_rounding_of_scaled_targets_is_no_gain() -> None:
    y = torch.tensor([[-2.0], [-2.0 + 2e-7], [-2.0], [1.0]])
    assert float(Ranking(2, -2.0).score(-y, y)["ndcg@2"]) == 0.0
    assert float(Ranking(2, -2.0).score(torch.arange(3.0)[:, None], y[:3])["ndcg@2"]) == 1.0


def test_what_is_not_ranked() -> None:
    assert ranking_of(Sinusoid().tasks("test", Sizes(shots=2))) is None
    assert ranking_of(listing(5)) is None  # no more candidates than places
    assert random_ranking_score(listing(5), tasks=2, seed=0) is None
    assert ranking_of(listing(6)) == Ranking(5, 0.0)
    assert "ndcg@5" not in evaluate(MAML(), Copy(1.0), listing(5), tasks=2).scores
