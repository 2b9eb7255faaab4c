"""The error of the mean of the support targets."""

import pytest
import torch

from tokay import Sizes
from tokay.evaluation.support_mean import support_mean_error
from tokay.tasks import Sinusoid
from tokay.tasks.table_rows import TaskList, TaskRows


def test_the_error_of_each_task_in_units() -> None:
    y = torch.tensor([1.0, 3.0, 2.0, 5.0, 0.0, 0.0, 1.0])[:, None]
    rows = TaskRows(
        x=torch.zeros(7, 1), y=y, counts=torch.tensor([[4], [3]]), names=("a", "b"), is_ordered=True, y_scale=10.0
    )
    score = support_mean_error(TaskList(rows, Sizes(shots=2, queries=1), "test"), tasks=600, seed=0)
    assert score is not None
    assert (score.tasks, score.mean) == (2, pytest.approx((15 + 10) / 2))  # |2 - 2|, |5 - 2|; |1 - 0|


def test_a_source_that_scales_nothing() -> None:
    assert support_mean_error(Sinusoid().tasks("test", Sizes(shots=2)), tasks=5, seed=0) is None
