"""How many steps fit into a time."""

from typing import Any

import pytest

from tokay import DivergenceError
from tokay.training import time_plan
from tokay.training.time_plan import Cost, measure_cost

from .small_problem import MAML_HERE, Lines, config, small_net


@pytest.mark.parametrize(
    ("seconds", "validate_every", "expected"),
    [(62.0, 100, 500), (62.0, 0, 600), (1.0, 100, 1), (2.11, 100, 1), (2.25, 100, 2)],
)
def test_steps_and_validations_share_the_time(seconds: float, validate_every: int, expected: int) -> None:
    cost = Cost(step=0.1, validation=2.0 if validate_every else 0.0)
    assert cost.steps_in(seconds + (0 if validate_every else -2.0), validate_every) == expected


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def measure(monkeypatch: pytest.MonkeyPatch, run: Any, *, seconds: float, **settings: Any) -> tuple[Cost, list[int]]:
    """The cost of a training whose steps and validations move a clock: a step by 0.5 s, a validation by 3 s."""
    clock, steps = Clock(), []

    def step(self: Any, number: int) -> None:
        steps.append(number)
        clock.seconds += 0.5 if number else 60.0
        run(number)

    def validate(*arguments: Any, **details: Any) -> None:
        clock.seconds += 3

    monkeypatch.setattr(time_plan.OuterStep, "run", step)
    monkeypatch.setattr(time_plan, "evaluate", validate)
    arguments = (MAML_HERE, small_net(), Lines(), config(steps=7, **settings))
    return measure_cost(*arguments, validation=Lines(), seconds=seconds, clock=clock), steps


def test_the_slow_first_step_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    cost, steps = measure(monkeypatch, lambda number: None, seconds=60, validate_every=100)
    assert cost == Cost(step=0.5, validation=3.0)
    assert len(steps) == 7  # the first, and 5 % of the time
    assert max(steps) > 600, "from all parts of the training"


def test_a_short_time_still_has_three_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    cost, steps = measure(monkeypatch, lambda number: None, seconds=1, validate_every=0)
    assert cost == Cost(step=0.5, validation=0.0)
    assert len(steps) == 4


def test_a_trial_that_diverges_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(number: int) -> None:
        if number > 500:
            raise DivergenceError

    assert measure(monkeypatch, diverge, seconds=60, validate_every=0)[0].step > 0
    with pytest.raises(DivergenceError):
        measure(monkeypatch, lambda number: diverge(501), seconds=60, validate_every=0)


def test_a_real_training() -> None:
    settings = config(validate_every=2, validation_tasks=2)
    cost = measure_cost(MAML_HERE, small_net(), Lines(), settings, validation=Lines(), seconds=0.5)
    assert 0 < cost.step < 1
    assert 0 < cost.validation < 5
