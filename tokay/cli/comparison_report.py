"""A comparison of runs, as JSON and as a table."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from rich.markup import escape

from ..evaluation.adaptation_speed import adaptation
from ..evaluation.over_seeds import SeedScore, over_seeds
from ..evaluation.scores import Difference, Evaluation, Score, paired_difference
from ..runs.run import Run
from .adaptation_report import adaptation_json
from .formats import format_score, score_json
from .output import stdout, table
from .scoring import EvaluationTasks, with_test_tasks


def describe_sizes(first: Run, column: EvaluationTasks) -> str:
    """The sizes of the tasks of a column, in the words of the source: "5-way 1-shot", "10-point"."""
    return first.source.describe_sizes(with_test_tasks(first, column).test)


def short_labels(runs: dict[str, Run]) -> dict[str, str]:
    """Short labels for tables, which have no room for paths."""
    return run_labels(runs, range(1, len(runs) + 1))


def run_labels(runs: dict[str, Run], marks: Iterable[object]) -> dict[str, str]:
    """A label for every run: the name of its method. If several runs share a method, the mark of the run follows."""
    names = [run.algorithm.name for run in runs.values()]
    labels = [name if names.count(name) == 1 else f"{name} ({mark})" for name, mark in zip(names, marks, strict=True)]
    return dict(zip(runs, labels, strict=True))


def count_tasks(evaluations: dict[str, Evaluation]) -> int:
    """The number of tasks that every run was scored on."""
    return next(iter(evaluations.values()))["loss"].tasks


def task_differences(evaluations: dict[str, Evaluation]) -> dict[str, Difference]:
    """Each run minus the last one, task by task."""
    *others, last = evaluations
    measure = evaluations[last].measure
    reference = evaluations[last].per_task[measure]
    return {name: paired_difference(evaluations[name].per_task[measure], reference) for name in others}


def column_json(
    first: Run,
    column: EvaluationTasks,
    evaluations: dict[str, Evaluation],
    runs: dict[str, Run],
    *,
    adapting: bool,
    reach: float | None,
) -> dict[str, Any]:
    """One column of ``tokay compare --json``."""
    measure = next(iter(evaluations.values())).measure

    def speed(evaluation: Evaluation) -> dict[str, Any]:
        return {"adaptation": adaptation_json(adaptation(evaluation, reach=reach))} if adapting else {}

    return {
        "source": first.source.name,
        "ways": column.ways,
        "shots": column.shots,
        "queries": column.queries,
        "tasks": count_tasks(evaluations),
        "seed": column.seed,
        "measure": measure,
        "runs": [
            {
                "run": name,
                "algorithm": runs[name].algorithm.name,
                "cost": runs[name].algorithm.cost._asdict(),
                "transductive": evaluation.transductive,
                **({"norm": runs[name].norm} if runs[name].norm else {}),
                measure: score_json(evaluation[measure]),
                **_units_json(evaluation),
                **speed(evaluation),
            }
            for name, evaluation in evaluations.items()
        ],
        **_seeds_json(evaluations, runs),
        "differences_to_last": [
            {"run": name, **score_json(difference)} for name, difference in task_differences(evaluations).items()
        ],
    }


def seed_groups(runs: dict[str, Run]) -> list[list[str]]:
    """The names of runs that differ only in their seed, in groups of two and more."""
    groups: dict[Run, list[str]] = {}
    for name, run in runs.items():
        groups.setdefault(replace(run, fit=replace(run.fit, seed=0)), []).append(name)
    return [names for names in groups.values() if len({runs[name].fit.seed for name in names}) == len(names) > 1]


def _seed_score(names: list[str], evaluations: dict[str, Evaluation]) -> SeedScore:
    return over_seeds([evaluations[name][evaluations[name].measure].mean for name in names])


def _seeds_json(evaluations: dict[str, Evaluation], runs: dict[str, Run]) -> dict[str, Any]:
    """The mean over seeds of each group of runs."""
    groups = [{"runs": names, **asdict(_seed_score(names, evaluations))} for names in seed_groups(runs)]
    return {"over_seeds": groups} if groups else {}


def _units_json(evaluation: Evaluation) -> dict[str, Any]:
    """The errors in units of the target column, if the source scales its targets."""
    if evaluation.unit is None:
        return {}
    return {"mae": score_json(evaluation["mae"]), "rmse": score_json(evaluation["rmse"]), "unit": evaluation.unit}


def print_comparison(
    first: Run, columns: list[EvaluationTasks], runs: dict[str, Run], scores: list[dict[str, Evaluation]]
) -> None:
    """Print the table, and below it the folder of each run, whole, however narrow the screen is."""
    labels, last = short_labels(runs), list(runs)[-1]
    heads = []
    for column in columns:
        heads += [describe_sizes(first, column), f"minus {labels[last]}"]
    unit = ", per cent" if first.source.kind == "classification" else ""
    tasks = f"{count_tasks(scores[0])} {columns[0].group} tasks, the same for all"
    listing = table(f"{first.source.name}: {tasks}, 95% intervals{unit}", "run", *heads)
    for name, label in labels.items():
        row = []
        for evaluations in scores:
            measure = evaluations[name].measure
            difference = "" if name == last else format_score(measure, task_differences(evaluations)[name])
            row += [format_score(measure, evaluations[name][measure]), difference]
        listing.add_row(escape(label), *(cell.removesuffix(" %") for cell in row))
    stdout.print(listing)
    for name, label in labels.items():
        stdout.print(f"{label}: {name}", markup=False, soft_wrap=True)
    for column, evaluations in zip(columns, scores, strict=True):
        _print_units(describe_sizes(first, column), labels, evaluations)
    for names in seed_groups(runs):
        for column, evaluations in zip(columns, scores, strict=True):
            _print_seeds(runs[names[0]].algorithm.name, describe_sizes(first, column), names, evaluations)
    stdout.print(f"Differences are to {labels[last]}, the last run, task by task.", markup=False, soft_wrap=True)
    if norms := describe_norms({labels[name]: run.norm for name, run in runs.items()}):
        stdout.print(norms, markup=False)
    transductive = [labels[name] for name in runs if any(evaluations[name].transductive for evaluations in scores)]
    if transductive:
        stdout.print(
            f"Transductive (each prediction saw the other queries): {', '.join(transductive)}. "
            "Add --inductive to rule that out.",
            markup=False,
        )


def _print_seeds(method: str, sizes: str, names: list[str], evaluations: dict[str, Evaluation]) -> None:
    """Print the mean over seeds, with the interval of the training beside that of the tasks."""
    measure, score = evaluations[names[0]].measure, _seed_score(names, evaluations)
    tasks = max(evaluations[name][measure].ci95 for name in names)
    over = Score(score.mean, score.ci95, score.seeds, score.mean)
    stdout.print(
        f"{method}, {sizes}, over {score.seeds} seeds: {format_score(measure, over)} (95% interval over seeds; over tasks "
        f"{format_score(measure, over._replace(ci95=tasks)).rpartition('±')[2].strip()} at most)",
        markup=False,
    )


def describe_norms(norms: dict[str, str | None]) -> str:
    """The norm layers of each run, by its label. Empty if no network has any.

    >>> describe_norms({"a": "batch", "b": "batch"}), describe_norms({"a": "batch", "b": "running", "c": None})
    ('Norm layers: batch.', 'Norm layers: a batch, b running.')
    """
    kinds = {norm for norm in norms.values() if norm}
    listing = ", ".join(f"{label} {norm}" for label, norm in norms.items() if norm)
    return (
        f"Norm layers: {kinds.pop() if len(kinds) == 1 and None not in norms.values() else listing}." if kinds else ""
    )


def _print_units(sizes: str, labels: dict[str, str], evaluations: dict[str, Evaluation]) -> None:
    """Print the mean absolute errors in units of the target column, if the source scales its targets."""
    units = {evaluation.unit for evaluation in evaluations.values()}
    if None not in units:
        errors = ", ".join(
            f"{labels[name]} {format_score('mae', scores['mae'])}" for name, scores in evaluations.items()
        )
        unit = units.pop()
        stdout.print(f"{sizes}, mean absolute error in {unit}: {errors}", markup=False, soft_wrap=True)
