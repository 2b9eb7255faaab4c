"""How long a training takes."""

import pytest

from tokay import Evaluation, FitState, Score, Step
from tokay.training.time_estimate import TimeEstimate


def step_result(number: int, *, seconds: float = 2.0, is_validated: bool = False) -> Step:
    scores = {"loss": Score(0.5, 0.0, 1, 0.5)}
    evaluation = Evaluation(
        scores=scores, curve={}, per_task={}, per_step={}, calibration_error=None, transductive=False, seconds=30.0
    )
    return Step(number, {"loss": 0.5}, 0.5, 0.1, 4, seconds, evaluation if is_validated else None, FitState(), False)


def estimate_after(count: int, *, validate_every: int, steps: int = 100, steps_before: int = 0) -> TimeEstimate:
    """An estimate after ``count`` steps of 2 seconds with validations of 30 seconds. The first step takes 8."""
    estimate = TimeEstimate(steps=steps, steps_before=steps_before, validate_every=validate_every)
    for number in range(steps_before + 1, steps_before + count + 1):
        is_validated = validate_every > 0 and number % validate_every == 0
        seconds = 8.0 if number == steps_before + 1 else 2.0
        estimate.add(step_result(number, seconds=seconds, is_validated=is_validated), seconds + 30.0 * is_validated)
    return estimate


@pytest.mark.parametrize("count", [2, 5, 6, 11])
def test_steps_without_validation(count: int) -> None:
    estimate = estimate_after(count, validate_every=0)
    assert estimate.count == count
    assert estimate.total == pytest.approx(8 + 99 * 2)
    assert estimate.seconds_left == pytest.approx((100 - count) * 2)
    assert not estimate.is_without_validation


@pytest.mark.parametrize("every, validations", [(1, 100), (3, 34), (5, 20), (6, 17)])
def test_a_validation_takes_no_part_in_the_time_of_its_step(every: int, validations: int) -> None:
    estimate = estimate_after(6, validate_every=every)
    assert estimate.total == pytest.approx(8 + 99 * 2 + validations * 30)
    assert estimate.seconds_left == pytest.approx(94 * 2 + (validations - 6 // every) * 30)
    assert not estimate.is_without_validation


def test_a_validation_that_has_not_been_measured_is_left_out() -> None:
    estimate = estimate_after(6, validate_every=50)
    assert estimate.total == pytest.approx(8 + 99 * 2)
    assert estimate.is_without_validation


def test_a_resumed_training() -> None:
    estimate = estimate_after(10, validate_every=10, steps=100, steps_before=75)
    assert estimate.total == pytest.approx(8 + 24 * 2 + 3 * 30)  # validations at 80, 90, 100
    assert estimate.seconds_left == pytest.approx(15 * 2 + 2 * 30)
