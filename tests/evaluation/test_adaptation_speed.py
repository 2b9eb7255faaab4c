"""What a curve comes to, by hand."""

import math

import pytest
import torch

from tokay.evaluation.adaptation_speed import adaptation, area
from tokay.evaluation.scores import Evaluation, Score


def found(steps: list[int], **values: list[list[float]]) -> Evaluation:
    """An evaluation with the given numbers [tasks][steps]."""
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
    told = adaptation(found([0, 1, 5], accuracy=ACCURACY, support_loss=LOSS), reach=0.7)
    assert told.measure == "accuracy"
    assert told.steps == 5
    assert told.before is not None
    assert told.before.mean == pytest.approx(0.2)
    assert told.after.mean == pytest.approx(0.9)
    # (0.4 x 1 + 0.8 x 4) / 5 and (0.5 x 1 + 0.8 x 4) / 5
    assert told.area.mean == pytest.approx((3.6 / 5 + 3.7 / 5) / 2)
    assert told.area.tasks == 2
    assert told.reached == 1  # 0.7 exactly
    assert told.support.mean == pytest.approx(0.1)
    assert told.settled == 5  # 0.6 is not yet within 5 % of the way to 0.1
    assert told.gap is None


def test_what_is_never_reached() -> None:
    told = adaptation(found([0, 1, 5], accuracy=ACCURACY, support_loss=LOSS), reach=0.95)
    assert told.reached is None


def test_what_is_reached_before_adapting() -> None:
    assert adaptation(found([0, 1, 5], accuracy=ACCURACY, support_loss=LOSS), reach=0.1).reached == 0


def test_an_error_is_reached_from_above() -> None:
    told = adaptation(found([0, 1, 2], mse=[[4.0, 1.0, 0.5]] * 2, support_loss=[[4.0, 0.1, 0.05]] * 2), reach=1.0)
    assert told.measure == "mse"
    assert told.reached == 1
    assert told.settled == 1
    assert told.area.mean == pytest.approx((2.5 + 0.75) / 2)


def test_one_forward_pass_has_no_before() -> None:
    told = adaptation(found([0], accuracy=[[0.9], [0.7]], support_loss=[[0.0], [0.2]]), reach=0.75)
    assert told.steps == 0
    assert told.before is None
    assert told.area == told.after
    assert told.reached == 0
    assert told.settled is None


def test_a_support_loss_that_rises_has_not_settled() -> None:
    assert adaptation(found([0, 1], accuracy=[[0.2, 0.1]] * 2, support_loss=[[1.0, 2.0]] * 2)).settled is None


@pytest.mark.parametrize("measure, seen, unseen, gap", [("accuracy", 0.9, 0.8, 0.1), ("mse", 0.5, 0.7, 0.2)])
def test_the_gap_is_positive_where_seen_tasks_are_easier(measure: str, seen: float, unseen: float, gap: float) -> None:
    def of(value: float) -> Evaluation:
        return found([0], **{measure: [[value - 0.1], [value + 0.1]], "support_loss": [[0.0], [0.0]]})

    told = adaptation(of(unseen), seen=of(seen))
    assert told.gap is not None
    assert told.gap.mean == pytest.approx(gap)
    assert told.gap.ci95 == pytest.approx(math.sqrt(2) * of(seen)[measure].ci95)


def test_area_is_exact_for_straight_lines() -> None:
    steps = [0, 1, 2, 5, 10]
    line = torch.tensor([[0.1 * step for step in steps], [1.0] * 5])
    torch.testing.assert_close(area(steps, line), torch.tensor([0.5, 1.0]))
