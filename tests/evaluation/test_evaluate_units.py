"""Errors in units of the target column, for a source that scales its targets and whose tasks differ in length."""

from math import sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import CNP, MAML, Sizes, evaluate
from tokay.core.task import TaskSpec
from tokay.evaluation.typical_task import typical_task
from tokay.tasks import Sinusoid
from tokay.tasks.table_rows import TaskList, TaskRows

COUNTS = (6, 9, 6, 6)


class Constant(nn.Module):
    """Predicts 0, whatever it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def patients(errors: list[float], scale: float = 10.0) -> TaskList:
    """Tasks of ``COUNTS`` rows. All targets of a task are ``errors[task]`` away from 0, in units of the user."""
    signs = torch.ones(sum(COUNTS)).index_fill(0, torch.arange(0, sum(COUNTS), 2), -1.0)
    y = signs * torch.tensor(errors).repeat_interleave(torch.tensor(COUNTS)) / scale
    rows = TaskRows(
        x=torch.zeros(sum(COUNTS), 1),
        y=y[:, None],
        counts=torch.tensor(COUNTS)[:, None],
        names=("a", "b", "c", "d"),
        is_ordered=True,
        y_scale=scale,
        y_unit="kg",
    )
    return TaskList(rows, Sizes(shots=2, queries=2), "test")


def evaluation_of(source: Any) -> Any:
    return evaluate(MAML(inner_lr=0.1, inner_steps=1, test_steps=1), Constant(), source, tasks=600)


def test_an_error_that_is_certain_comes_out_in_units() -> None:
    evaluation = evaluation_of(patients([2.0, 4.0, 6.0, 8.0]))
    assert evaluation.unit == "kg"
    assert evaluation["mae"].tasks == 4
    assert evaluation.per_task["mae"].tolist() == pytest.approx([2.0, 4.0, 6.0, 8.0])
    assert evaluation.per_task["rmse"].tolist() == pytest.approx([2.0, 4.0, 6.0, 8.0])
    assert evaluation["mae"].mean == pytest.approx(5.0)
    assert evaluation["mse"].mean == pytest.approx((4 + 16 + 36 + 64) / 4 / 100)  # scaled
    assert evaluation.measure == "mse"


def test_the_root_is_that_of_each_task() -> None:
    source = patients([3.0, 3.0, 3.0, 3.0])
    source.rows.y[0:6] = torch.tensor([0.0, 0, 0.1, -0.3, 0.1, 0.3])[:, None]
    evaluation = evaluation_of(source)
    assert evaluation.per_task["mae"][0].item() == pytest.approx(2.0)
    assert evaluation.per_task["rmse"][0].item() == pytest.approx(sqrt((1 + 9 + 1 + 9) / 4))


def test_a_source_that_scales_nothing_has_no_units() -> None:
    evaluation = evaluation_of(Sinusoid().tasks("test", Sizes(ways=1, shots=2, queries=2)))
    assert evaluation.unit is None
    assert not {"mae", "rmse"} & set(evaluation.scores)


def test_a_method_that_predicts_distributions() -> None:
    source = patients([2.0, 4.0, 6.0, 8.0])
    net = CNP().build(nn.Sequential(nn.Flatten(), nn.Linear(1, 4)), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    evaluation = evaluate(CNP(), net, source)
    assert {"mae", "rmse", "log_likelihood"} <= set(evaluation.scores)


@pytest.mark.parametrize(("errors", "loss"), [([2.0, 8.0, 4.0, 6.0], 0.16), ([4.0, 2.0, 6.0, 8.0], 0.16)])
def test_the_typical_task_of_tasks_of_unequal_lengths(errors: list[float], loss: float) -> None:
    method = MAML(inner_lr=0.1, inner_steps=1, test_steps=1)
    typical = typical_task(method, Constant(), patients(errors))
    assert (typical.candidates, typical.loss) == (4, pytest.approx(loss))
    assert float(typical.task.query.y.square().mean()) == pytest.approx(loss)
