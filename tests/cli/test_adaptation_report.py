"""How the commands print the speed of adapting."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tokay import ConfigError
from tokay.cli.adaptation_report import adaptation_json, adaptation_table, describe_adaptation, target_measure
from tokay.evaluation.adaptation_speed import Adaptation
from tokay.evaluation.evaluate import evaluate
from tokay.evaluation.scores import Difference, Score
from tokay.runs.checkpoint import load_model
from tokay.runs.settings import read

from .helpers import Call

HALF, MOST = Score(0.5, 0.02, 100, 0.5), Score(0.95, 0.01, 100, 0.95)
SPEED = Adaptation(
    measure="accuracy",
    steps=5,
    initial=HALF,
    final=MOST,
    area=Score(0.8, 0.01, 100, 0.8),
    reach=0.9,
    steps_to_reach=1,
    support=Score(0.1, 0.05, 100, 0.1),
    steps_to_settle=2,
    gap=Difference(0.03, 0.01, 100),
)


def test_in_words() -> None:
    assert describe_adaptation(SPEED) == (
        "Adapting takes 5 steps: 50.00 ± 2.00 % before, 95.00 ± 1.00 % after; mean over the steps 80.00 ± 1.00 %. "
        "Reaches 90.00 % after 1 step. Support loss after adapting: 0.1000 ± 0.0500, settled after 2 steps. "
        "Tasks of the training split score better by 3.00 ± 1.00 percentage points."
    )


def test_the_heads_of_the_table() -> None:
    heads = [column.header for column in adaptation_table("speed", [("run", "family", SPEED)]).columns]
    assert heads == ["run and its cost", "steps", "initial", "adapted", "mean of curve", "to 90 %", "steps to settle"]


def test_an_error_is_no_percentage() -> None:
    words = describe_adaptation(replace(SPEED, measure="mse", reach=0.5))
    assert "0.5000 ± 0.0200 before" in words
    assert "Reaches 0.5 after 1 step" in words
    assert "%" not in words


def test_unknown_numbers_are_left_out() -> None:
    words = describe_adaptation(replace(SPEED, reach=None, steps_to_settle=None, gap=None))
    assert "each" not in words
    assert "settled" not in words
    assert "training split" not in words


@pytest.mark.parametrize(
    "gap, words",
    [
        ((0.03, 0.01), "score better by 3.00 ± 1.00 percentage points."),
        ((-0.03, 0.01), "score worse by 3.00 ± 1.00 percentage points."),
        ((0.01, 0.03), "score alike: the difference is within 3.00 percentage points."),
        ((-0.01, 0.03), "score alike: the difference is within 3.00 percentage points."),
        ((-1e-9, 0.0), "score alike: the difference is within 0.00 percentage points."),
        ((0.0, 0.0), "score alike: the difference is within 0.00 percentage points."),
    ],
)
def test_a_gap_has_no_sign(gap: tuple[float, float], words: str) -> None:
    sentences = describe_adaptation(replace(SPEED, gap=Difference(*gap, 100)))
    assert sentences.endswith(f"Tasks of the training split {words}")


def test_a_gap_of_errors_is_no_percentage() -> None:
    assert describe_adaptation(replace(SPEED, measure="mse", reach=0.5, gap=Difference(0.2, 0.1, 9))).endswith(
        "better by 0.2000 ± 0.1000."
    )


def test_as_json() -> None:
    data = json.loads(json.dumps(adaptation_json(SPEED)))
    assert data["gap"] == {"mean": 0.03, "ci95": 0.01}
    assert data["area"]["mean"] == 0.8
    assert (data["steps"], data["reach"], data["reached"], data["settled"]) == (5, 0.9, 1, 2)
    assert adaptation_json(replace(SPEED, gap=None, initial=None))["gap"] is None


@pytest.mark.parametrize("reach", [0.0, -1.0, float("nan")])
def test_a_reach_that_is_no_measure(reach: float, reptile_run: Path) -> None:
    with pytest.raises(ConfigError, match="--reach must be"):
        target_measure(read(reptile_run)[0], reach)


def test_classes_have_a_default_reach(reptile_run: Path, sine_run: Path) -> None:
    assert target_measure(read(reptile_run)[0], None) == 0.9
    assert target_measure(read(reptile_run)[0], 0.5) == 0.5
    assert target_measure(read(sine_run)[0], None) is None


def test_the_gap_is_over_tasks_of_training_classes(call: Call, reptile_run: Path) -> None:
    """By hand: the training split of the run, with the test sizes."""
    report = json.loads(call("evaluate", reptile_run, "--tasks", "6", "--seen-tasks", "4", "--json").out)
    run, net = load_model(reptile_run)
    training = evaluate(run.algorithm, net, run.source.tasks("train", run.test), tasks=4, curve=False)["accuracy"]
    gap = report["adaptation"]["gap"]
    assert gap["mean"] == pytest.approx(training.mean - report["accuracy"]["mean"])
    assert gap["ci95"] == pytest.approx((training.ci95**2 + report["accuracy"]["ci95"] ** 2) ** 0.5)
    none = json.loads(call("evaluate", reptile_run, "--tasks", "6", "--seen-tasks", "0", "--json").out)
    assert none["adaptation"]["gap"] is None
    assert none["accuracy"] == report["accuracy"]
