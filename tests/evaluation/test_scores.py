"""Scores against NumPy."""

import math

import numpy as np
import pytest
import torch

from tokay import ConfigError, Evaluation, Score, paired_difference


@pytest.mark.parametrize("n", [2, 3, 600])
def test_score_against_numpy(n: int) -> None:
    values = torch.rand(n)
    x = values.double().numpy()
    score = Score.of(values)
    assert score.mean == pytest.approx(x.mean(), rel=1e-12)
    assert score.ci95 == pytest.approx(1.96 * x.std(ddof=1) / math.sqrt(n), rel=1e-12)
    assert score.tasks == n
    assert score.median == pytest.approx(np.median(x), rel=1e-12)


def test_score_of_one_has_no_interval() -> None:
    score = Score.of(torch.tensor([0.5]))
    assert score.mean == 0.5
    assert math.isnan(score.ci95)


def test_the_interval_holds_the_truth_in_95_of_100() -> None:
    draws = torch.rand(2000, 100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores = [Score.of(row) for row in draws]
    assert 0.93 < np.mean([abs(score.mean - 0.5) < score.ci95 for score in scores]) < 0.965


def test_pairing_takes_away_what_tasks_have_in_common() -> None:
    difficulty = torch.rand(500)
    a = difficulty + 0.02 * torch.randn(500) + 0.05
    b = difficulty + 0.02 * torch.randn(500)
    paired = paired_difference(a, b)
    d = (a.double() - b.double()).numpy()
    assert paired.mean == pytest.approx(d.mean())
    assert paired.ci95 == pytest.approx(1.96 * d.std(ddof=1) / math.sqrt(500))
    unpaired = math.hypot(Score.of(a).ci95, Score.of(b).ci95)
    assert paired.ci95 < unpaired / 5
    assert paired.mean - paired.ci95 > 0, "which the unpaired interval would not say"
    assert paired.mean == pytest.approx(-paired_difference(b, a).mean)


def test_pairing_needs_the_same_tasks() -> None:
    with pytest.raises(ConfigError, match=r"^compare: both runs must be scored on the same tasks, got 3 and 4"):
        paired_difference(torch.zeros(3), torch.zeros(4))


@pytest.mark.parametrize(
    ("means", "merit"),
    [
        ({"loss": 0.2, "accuracy": 0.9}, 0.9),
        ({"loss": 0.2, "mse": 0.3}, -0.3),
        ({"loss": 0.2, "bits": 7.0, "wrong_bits": 1.0}, -7.0),
        ({"loss": 0.2, "mse": 0.3, "log_likelihood": 0.4}, 0.4),
    ],
)
def test_merit_is_the_higher_the_better(means: dict[str, float], merit: float) -> None:
    scores = {name: Score(mean=mean, ci95=0.0, tasks=2, median=mean) for name, mean in means.items()}
    nothing: dict[str, torch.Tensor] = {}
    evaluation = Evaluation(
        scores=scores,
        curve={},
        per_task=nothing,
        per_step=nothing,
        calibration_error=None,
        transductive=False,
        seconds=0,
    )
    assert evaluation.merit == merit
