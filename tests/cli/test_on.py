"""``--on``: score a run on tasks of another source."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tokay.cli.scoring import EvaluationTasks, with_test_tasks
from tokay.evaluation.evaluate import evaluate
from tokay.runs.checkpoint import load_model
from tokay.runs.settings import read
from tokay.tasks import GaussianProcess, Sinusoid

from .helpers import Call, refused


def test_the_source_takes_its_flags(sine_run: Path) -> None:
    run, _ = read(sine_run)
    other = with_test_tasks(run, EvaluationTasks(on="sinusoid --variant reptile", shots=4))
    assert other == replace(run, source=Sinusoid(variant="reptile"), test=replace(run.test, shots=4))
    assert with_test_tasks(run, EvaluationTasks(on="gp")).source == GaussianProcess()


def test_evaluate_scores_its_tasks(call: Call, sine_run: Path) -> None:
    """The tasks are those of the source in Python. The training split stays that of the run."""
    result = call("evaluate", sine_run, "--on", "gp --kernel periodic", "--tasks", "5", "--seed", "3", "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    run, net = load_model(sine_run)
    tasks = GaussianProcess(kernel="periodic").tasks("test", run.test)
    with torch.no_grad():
        expected = evaluate(run.algorithm, net, tasks, tasks=5, seed=3)
    assert report["source"] == "gp"
    assert report["mse"]["mean"] == pytest.approx(expected["mse"].mean, rel=1e-6)
    own = json.loads(call("evaluate", sine_run, "--tasks", "5", "--seed", "3", "--json").out)
    assert own["mse"]["mean"] != pytest.approx(report["mse"]["mean"], rel=1e-3)
    training = [story["mse"]["mean"] - story["adaptation"]["gap"]["mean"] for story in (own, report)]
    assert training[0] == pytest.approx(training[1], rel=1e-4)


def test_compare_puts_runs_of_different_sources_side_by_side(call: Call, sine_run: Path, gp_run: Path) -> None:
    refused(call("compare", sine_run, gp_run, "--tasks", "2"), "runs must be of one source")
    result = call("compare", sine_run, gp_run, "--on", "gp", "--tasks", "2", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["columns"][0]["source"] == "gp"


@pytest.mark.parametrize(
    "words, expected",
    [
        ("", ["source", "''"]),
        ("sinusoids", ["source", "Did you mean sinusoid?"]),
        ("glyphs", ["source of regression tasks", "glyphs has classification"]),
        ("gp --kernels rbf", ["--on gp", "no flag --kernels", "Did you mean --kernel?"]),
        ("completion", ["inputs of shape (1,)", "completion have (2,)"]),
    ],
)
def test_what_does_not_fit(call: Call, sine_run: Path, words: str, expected: list[str]) -> None:
    refused(call("evaluate", sine_run, "--on", words, "--tasks", "2"), *expected)
