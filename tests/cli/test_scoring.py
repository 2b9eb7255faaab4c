"""The tasks that a run is scored on."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tokay.cli.scoring import EvaluationTasks, check_reach, score_run, with_test_tasks
from tokay.core.task import Sizes
from tokay.errors import ConfigError
from tokay.runs.settings import read

from .helpers import Call, quietly


def test_sizes_that_are_left_out_are_those_of_training(proto_run: Path) -> None:
    run, _ = read(proto_run)
    assert with_test_tasks(run, EvaluationTasks()) == run
    assert with_test_tasks(run, EvaluationTasks(ways=7, shots=4)).test == Sizes(
        ways=7, shots=4, queries=run.test.queries
    )
    assert with_test_tasks(run, EvaluationTasks(queries=1)) == replace(run, test=replace(run.test, queries=1))


def test_a_fixed_last_layer_keeps_its_ways(reptile_run: Path) -> None:
    run, _ = read(reptile_run)
    assert with_test_tasks(run, EvaluationTasks(ways=run.test.ways)) == run
    with pytest.raises(ConfigError, match=r"reptile: must be tested on the 3 ways .* got 5\. Train it on 5 ways"):
        with_test_tasks(run, EvaluationTasks(ways=5))


def test_too_few_tasks_for_an_interval() -> None:
    with pytest.raises(ConfigError, match="--tasks must be at least 2 for an interval, got 1"):
        EvaluationTasks(tasks=1)


def test_the_bar_counts_tasks(sine_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, evaluation = score_run(sine_run, EvaluationTasks(tasks=30, shots=4), torch.device("cpu"), curve=False)
    assert run.test.shots == 4
    assert evaluation["mse"].tasks == 30
    assert len(evaluation.curve) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "maml 4-point" in printed.err
    assert "30/30" in printed.err


def test_divergence_on_new_tasks_is_reported(call: Call, sine_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "wild"
    quietly("train", "scratch", "sinusoid", "--out", out, "--inner", "sgd", "--inner-lr", "1000", "--test-steps", "20")
    result = call("evaluate", out, "--tasks", "3", "--seen-tasks", "0")
    assert result.code == 0
    (line,) = [line for line in result.err.splitlines() if "finite" in line]
    assert "scratch: the loss did not stay finite on 3 of 3 tasks, first after" in line
    assert "lower --inner-lr" in line
    assert "finite" not in call("evaluate", sine_run, "--tasks", "3", "--seen-tasks", "0").err


def test_validation_tasks_are_others(proto_run: Path) -> None:
    scores = {
        split: score_run(proto_run, EvaluationTasks(tasks=4, split=split), torch.device("cpu"), curve=False)[1]
        for split in ("test", "validation")
    }
    assert scores["test"]["loss"].mean != scores["validation"]["loss"].mean


@pytest.mark.parametrize("reach", [-1.0, 0.0, 90.0, float("nan")])
def test_targets_that_cannot_be_reached(proto_run: Path, reach: float) -> None:
    with pytest.raises(ConfigError, match=r"--reach must be an accuracy above 0, up to 1"):
        check_reach(read(proto_run)[0], reach)


def test_one_class_tells_nothing_apart(proto_run: Path) -> None:
    with pytest.raises(ConfigError, match="--ways must be at least 2, got 1"):
        with_test_tasks(read(proto_run)[0], EvaluationTasks(ways=1))
