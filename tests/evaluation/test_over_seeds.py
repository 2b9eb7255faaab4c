"""The interval over seeds covers the true mean in 95 of 100 cases, for few seeds too."""

import pytest
import torch

from tokay.evaluation.over_seeds import over_seeds


@pytest.mark.parametrize("seeds", [2, 3, 5, 31, 40])
def test_the_interval_covers_the_mean(seeds: int) -> None:
    draws = torch.randn(4000, seeds, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores = [over_seeds(row) for row in draws.tolist()]
    hits = sum(abs(score.mean) <= score.ci95 for score in scores) / len(scores)
    assert hits == pytest.approx(0.95, abs=0.012)


def test_by_hand() -> None:
    score = over_seeds([0.5, 0.7])
    assert (score.mean, score.seeds) == (0.6, 2)
    assert score.ci95 == pytest.approx(12.706 * 0.1)  # standard deviation 0.1414, divided by the root of 2
