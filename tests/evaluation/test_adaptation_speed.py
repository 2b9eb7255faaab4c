"""The summary of an adaptation curve, computed by hand."""

import math

import pytest
import torch

from tokay.evaluation.adaptation_speed import adaptation, area
from tokay.evaluation.scores import Evaluation, Score


def evaluation(steps: list[int], **values: list[list[float]]) -> Evaluation:
    """An evaluation with the given numbers ``[tasks][steps]``."""
    tensors = {name: torch.tensor(rows, dtype=torch.float64) for name, rows in values.items()}
    curve = {step: {n: Score.of(t[:, i]) for n, t in tensors.items()} for i, step in enumerate(steps)}
    return Evaluation(
        scores=curve[steps[-1]],
        curve=curve,
        per_task={n: t[:, -1] for n, t in tensors.items()},
        per_step=tensors,
        calibration_error=None,
        transductive=False,
        seconds=0.0,
    )


ACCURACY = [[0.2, 0.6, 1.0], [0.2, 0.8, 0.8]]
LOSS = [[2.0, 1.0, 0.1], [2.0, 0.2, 0.1]]


def test_by_hand() -> None:
    speed = adaptation(evaluation([0, 1, 5], accuracy=ACCURACY, support_loss=LOSS), reach=0.7)
    assert speed.measure == "accuracy"
    assert speed.steps == 5
    assert speed.initial is not None
    assert speed.initial.mean == pytest.approx(0.2)
    assert speed.final.mean == pytest.approx(0.9)
    # (0.4 x 1 + 0.8 x 4) / 5 and (0.5 x 1 + 0.8 x 4) / 5
    assert speed.area.mean == pytest.approx((3.6 / 5 + 3.7 / 5) / 2)
    assert speed.area.tasks == 2
    assert speed.steps_to_reach == 1  # 0.7 exactly
    assert speed.support.mean == pytest.approx(0.1)
    assert speed.steps_to_settle == 5  # 0.6 is not yet within 5 % of the way to 0.1
    assert speed.gap is None


def test_a_target_that_is_never_reached() -> None:
    speed = adaptation(evaluation([0, 1, 5], accuracy=ACCURACY, support_loss=LOSS), reach=0.95)
    assert speed.steps_to_reach is None


def test_a_target_that_is_reached_before_adapting() -> None:
    assert adaptation(evaluation([0, 1, 5], accuracy=ACCURACY, support_loss=LOSS), reach=0.1).steps_to_reach == 0


def test_an_error_is_reached_from_above() -> None:
    speed = adaptation(evaluation([0, 1, 2], mse=[[4.0, 1.0, 0.5]] * 2, support_loss=[[4.0, 0.1, 0.05]] * 2), reach=1.0)
    assert speed.measure == "mse"
    assert speed.steps_to_reach == 1
    assert speed.steps_to_settle == 1
    assert speed.area.mean == pytest.approx((2.5 + 0.75) / 2)


def test_one_forward_pass_has_no_before() -> None:
    speed = adaptation(evaluation([0], accuracy=[[0.9], [0.7]], support_loss=[[0.0], [0.2]]), reach=0.75)
    assert speed.steps == 0
    assert speed.initial is None
    assert speed.area == speed.final
    assert speed.steps_to_reach == 0
    assert speed.steps_to_settle is None


def test_a_support_loss_that_rises_has_not_settled() -> None:
    assert (
        adaptation(evaluation([0, 1], accuracy=[[0.2, 0.1]] * 2, support_loss=[[1.0, 2.0]] * 2)).steps_to_settle is None
    )


@pytest.mark.parametrize("measure, training, unseen, gap", [("accuracy", 0.9, 0.8, 0.1), ("mse", 0.5, 0.7, 0.2)])
def test_the_gap_is_positive_if_training_tasks_are_easier(
    measure: str, training: float, unseen: float, gap: float
) -> None:
    def of(value: float) -> Evaluation:
        return evaluation([0], **{measure: [[value - 0.1], [value + 0.1]], "support_loss": [[0.0], [0.0]]})

    speed = adaptation(of(unseen), training=of(training))
    assert speed.gap is not None
    assert speed.gap.mean == pytest.approx(gap)
    assert speed.gap.ci95 == pytest.approx(math.sqrt(2) * of(training)[measure].ci95)


def test_area_is_exact_for_straight_lines() -> None:
    steps = [0, 1, 2, 5, 10]
    line = torch.tensor([[0.1 * step for step in steps], [1.0] * 5])
    torch.testing.assert_close(area(steps, line), torch.tensor([0.5, 1.0]))
