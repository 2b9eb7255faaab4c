"""A comparison as tables and JSON have it."""

from pathlib import Path

from tokay.cli.comparison_report import count_tasks, describe_sizes, run_labels, short_labels, task_differences
from tokay.cli.scoring import EvaluationTasks
from tokay.evaluation.evaluate import evaluate
from tokay.runs.checkpoint import load_model
from tokay.runs.settings import read


def test_runs_of_one_method_are_told_apart(sine_run: Path, sine_rival: Path) -> None:
    maml, scratch = read(sine_run)[0], read(sine_rival)[0]
    assert short_labels({"a": maml, "b": scratch}) == {"a": "maml", "b": "scratch"}
    assert short_labels({"a": maml, "b": maml, "c": scratch}) == {"a": "maml (1)", "b": "maml (2)", "c": "scratch"}
    assert run_labels({"a": maml, "b": maml}, ["x", "y"]) == {"a": "maml (x)", "b": "maml (y)"}


def test_sizes_are_those_of_the_column(sine_run: Path) -> None:
    run = read(sine_run)[0]
    assert describe_sizes(run, EvaluationTasks(shots=3, queries=4)) == "3-point"


def test_differences_are_to_the_last_run(sine_run: Path, sine_rival: Path) -> None:
    evaluations = {}
    for path in (sine_run, sine_rival):
        run, net = load_model(path)
        evaluations[str(path)] = evaluate(run.algorithm, net, run.tasks("test"), tasks=7, seed=0)
    assert count_tasks(evaluations) == 7
    (difference,) = task_differences(evaluations).values()
    first, last = (evaluation.per_task["mse"] for evaluation in evaluations.values())
    assert abs(difference.mean - float((first - last).double().mean())) < 1e-6
