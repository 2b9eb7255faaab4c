"""The progress of a training, on a terminal, in a notebook, and in a file."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tokay import Evaluation, FitState, Score, Step
from tokay.training import report
from tokay.training.report import TrainingReport, describe_time, is_live


class Clock:
    """A clock that others set."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def step_result(number: int, steps: int, **metrics: float) -> Step:
    return Step(
        step=number,
        metrics={"loss": 0.5, **metrics},
        cost=0.5,
        lr=0.1,
        tasks=4,
        seconds=0.0,
        validation=None,
        state=FitState(),
        is_last=number == steps,
    )


def lines_of(steps: int, seconds_per_step: float, *, first_seconds: float = 0.0, steps_before: int = 0) -> list[str]:
    """What a training prints into a file."""
    clock, console = Clock(), Console(file=StringIO(), width=40)
    with TrainingReport(console, "maml", steps=steps, steps_before=steps_before, clock=clock) as training:
        clock.seconds += first_seconds
        for number in range(steps_before + 1, steps + 1):
            clock.seconds += seconds_per_step
            training.update(step_result(number, steps, accuracy=0.75))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_a_short_training_prints_ten_lines_at_most() -> None:
    assert lines_of(1000, 0.001) == ["maml: step 1,000 of 1,000 (100 %)  loss 0.500 accuracy 75.0 %  4000 tasks/s"]
    lines = lines_of(2000, 0.025)
    assert len(lines) == 10
    assert lines[0] == "maml: step 200 of 2,000 (10 %)  loss 0.500 accuracy 75.0 %  160 tasks/s  45 seconds left"


def test_a_long_training_is_announced_and_prints_every_half_minute() -> None:
    lines = lines_of(400, 2.0, first_seconds=8.0)
    assert lines[0] == "About 13 minutes for 400 steps. Ctrl-C saves and stops."
    assert [line.split(" of ")[0] for line in lines[1:4]] == ["maml: step 11", "maml: step 26", "maml: step 40"]
    assert len(lines) < 40


def test_a_resumed_training_counts_what_is_left() -> None:
    lines = lines_of(400, 2.0, steps_before=300)
    assert lines[0] == "About 3 minutes for 100 more steps. Ctrl-C saves and stops."
    assert lines[1].startswith("maml: step 315 of 400 (78 %)")
    assert lines[1].endswith("3 minutes left")


def test_no_announcement_of_a_short_training() -> None:
    assert not [line for line in lines_of(50, 1.0) if line.startswith("About")]


def test_slow_steps_are_announced_after_two() -> None:
    lines = lines_of(100, 20.0)
    assert lines[0] == "About 33 minutes for 100 steps. Ctrl-C saves and stops."


def lines_with_validation(steps: int, validate_every: int) -> list[str]:
    """What a training of steps of 2 seconds and validations of 60 seconds prints into a file."""
    clock, console = Clock(), Console(file=StringIO(), width=40)
    with TrainingReport(console, "maml", steps=steps, validate_every=validate_every, clock=clock) as training:
        for number in range(1, steps + 1):
            result = step_result(number, steps, accuracy=0.75)._replace(seconds=2.0)
            clock.seconds += 2.0
            if number % validate_every == 0 or result.is_last:
                result = result._replace(validation=validation())
                clock.seconds += 60.0
            training.update(result)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def validation() -> Evaluation:
    scores = {"loss": Score(1.041, 0.01, 100, 1.0), "accuracy": Score(0.6425, 0.01, 100, 0.64)}
    return Evaluation(
        scores=scores, curve={}, per_task={}, per_step={}, calibration_error=None, transductive=False, seconds=60.0
    )


def test_no_announcement_of_the_last_step() -> None:
    assert not [line for line in lines_with_validation(2, 100) if line.startswith("About")]


def test_the_announcement_counts_the_validations() -> None:
    # 200 s of steps, and 34 or 100 validations
    assert lines_with_validation(100, 3)[0] == "About 37 minutes for 100 steps. Ctrl-C saves and stops."
    assert lines_with_validation(100, 1)[1] == "About 1.7 hours for 100 steps. Ctrl-C saves and stops."
    expected = "About 3 minutes for 100 steps, validation not counted. Ctrl-C saves and stops."
    assert lines_with_validation(100, 50)[0] == expected


def test_a_narrow_terminal_shows_every_result() -> None:
    console = Console(file=StringIO(), width=80, force_terminal=True)
    with TrainingReport(console, "maml", steps=60_000) as training:
        result = step_result(60_000, 60_000, accuracy=0.75)._replace(validation=validation())
        training.update(result)
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    (line,) = {line for line in lines if "held out" in line}
    assert "held out: loss 1.041 accuracy 64.2 %" in line
    assert any("60000/60000" in line and "left" in line for line in lines)


def test_a_terminal_has_a_bar_and_no_lines() -> None:
    console = Console(file=StringIO(), width=120, force_terminal=True)
    with TrainingReport(console, "maml", steps=20) as training:
        for number in range(1, 21):
            training.update(step_result(number, 20))
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "20/20" in text
    assert "step 20 of" not in text


@pytest.mark.parametrize("has_widgets", [True, False])
def test_a_notebook_has_a_bar_if_it_can_show_one(has_widgets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "find_spec", lambda name: object() if has_widgets else None)
    console = Console(file=StringIO(), force_jupyter=True)
    assert is_live(console) is has_widgets
    assert is_live(Console(file=StringIO())) is False


def test_bits_and_likelihoods() -> None:
    metrics: dict[str, Any] = {"loss": 1.0, "bits": 2.5, "wrong_bits": 3.25, "log_likelihood": -1.5}
    assert report.brief(metrics) == "loss 1.000 2.50 bits, 3.2 wrong log-likelihood -1.500"


def test_times_have_no_more_digits_than_an_estimate() -> None:
    assert [describe_time(seconds) for seconds in (89, 91, 5399, 5401)] == [
        "89 seconds",
        "2 minutes",
        "90 minutes",
        "1.5 hours",
    ]
