"""The AUROC of open tasks is a mean over tasks."""

import pytest
import torch

from tokay.evaluation.open_set_scores import OpenSetScores


def test_auroc_is_per_task() -> None:
    """A task with other distances must not count against another task."""
    scores = OpenSetScores(
        known_scores=torch.tensor([[3.0, 4.0], [103.0, 104.0], [1.0, 1.0]]),
        unknown_scores=torch.tensor([[1.0, 2.0], [101.0, 102.0], [1.0, 1.0]]),
        known_ways=2,
        unknown_ways=2,
        shots=1,
    )
    assert scores.auroc.mean == pytest.approx((1 + 1 + 0.5) / 3)
    assert scores.auroc.tasks == 3
    assert scores.auroc.ci95 > 0
