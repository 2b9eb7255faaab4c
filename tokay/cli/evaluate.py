"""``tokay evaluate RUN``: how well a run learns tasks that it has never seen."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.markup import escape
from rich.table import Table

from ..core.source_abilities import ExactlyScored
from ..core.task import Sizes, Split
from ..evaluation.adaptation_speed import Adaptation, adaptation
from ..evaluation.batch_dependence import is_small_batch
from ..evaluation.by_instance import Instances
from ..evaluation.scores import Evaluation, Score
from ..runs.run import Run
from ..runs.settings import read
from .adaptation_report import adaptation_json, describe_adaptation, score_training_split, target_measure
from .flags import parse
from .formats import find_device, format_score, format_with_median, print_json, score_json
from .open_set_report import open_set_json, print_open_set, score_open_set
from .output import stderr, stdout, table
from .reference_scores import ReferenceScores
from .scoring import (
    EvaluationTasks,
    check_inductive_tasks,
    check_reach,
    check_seen_tasks,
    report_changes,
    score_instances,
    score_run,
)


@dataclass(frozen=True, kw_only=True)
class Evaluate(EvaluationTasks):
    """The run to score, and how."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    reach: float | None = None
    """accuracy (or error) that counts as learned (default: 0.9 for classes)"""
    seen_tasks: int | None = None
    """number of tasks of the training split, to measure the gap to unseen tasks (0: no gap) (default: --tasks, at most 100)"""
    inductive_tasks: int | None = None
    """number of tasks scored inductively, too, if predictions depend on other queries (0: none) (default: 25 to 100)"""
    instances: bool = False
    """print the accuracy at the first, second, ... presentation of a class, for a method that reads examples in order"""
    open_set: bool = False
    """measure whether the run knows queries of classes that are not in the support set (AUROC)"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_seen_tasks(self.seen_tasks or 0)
        check_inductive_tasks(self.inductive_tasks)


def run(arguments: Sequence[str]) -> None:
    """Score and print."""
    args = parse(Evaluate, arguments, prog="tokay evaluate", description="Score a run on tasks it has never seen.")
    start, path, device = time.perf_counter(), Path(args.run), find_device(args.device)
    check_reach(read(path)[0], args.reach)  # before anything slow starts
    report_changes(path, args)
    instances = score_instances(path, args, device) if args.instances else None
    open_scores = score_open_set(path, args, device) if args.open_set else None
    run, evaluation = score_run(path, args, device, curve=True)
    inductive = _score_inductively(path, args, run, device) if evaluation.transductive else None
    seen_tasks = min(100, args.tasks) if args.seen_tasks is None else args.seen_tasks
    training = score_training_split(path, args, device, seen_tasks)
    speed = adaptation(evaluation, reach=target_measure(run, args.reach), training=training)
    exact = exact_score(run, evaluation, args.seed, args.split)
    references = ReferenceScores(run, args.split, tasks=args.tasks, seed=args.seed)
    if args.json:
        report = as_json(run, evaluation, speed, instances, exact, inductive, split=args.split)
        print_json(report | references.as_json() | open_set_json(open_scores))
        return
    _print(run, evaluation, speed, args.group, inductive)
    references.print(evaluation.unit)
    print_open_set(open_scores)
    stderr.print(f"{time.perf_counter() - start:.1f} s, seed {args.seed}")
    if exact:
        log_likelihood = format_score("log_likelihood", exact)
        stdout.print(f"log-likelihood of the exact posterior on the same tasks {log_likelihood}")
    if instances:
        stdout.print(instances_table(run, instances))


def _score_inductively(path: Path, args: Evaluate, run: Run, device: torch.device) -> Evaluation | None:
    """The scores of the first tasks if each query is predicted by itself. None if the user wants none."""
    tasks = args.inductive_tasks
    if tasks is None:
        tasks = inductive_tasks_by_cost(run.test, args.tasks)
    if tasks == 0:
        return None
    test = replace(args, tasks=min(args.tasks, tasks), inductive=True)
    return score_run(path, test, device, curve=False)[1]


def inductive_tasks_by_cost(sizes: Sizes, tasks: int) -> int:
    """How many tasks take about as long inductively as ``tasks`` take together: at least 25 and at most 100.

    Inductively, each query goes through the network beside the whole support set.

    >>> [inductive_tasks_by_cost(Sizes(ways=5, shots=shots, queries=15), 600) for shots in (1, 5, 20)]
    [100, 30, 25]
    """
    support, queries = sizes.ways * sizes.shots, sizes.ways * sizes.queries
    ratio = queries * (support + 1) / (queries + support)
    return max(25, min(100, int(tasks / ratio)))


def exact_score(run: Run, evaluation: Evaluation, seed: int, split: Split = "test") -> Score | None:
    """The log-likelihood of the exact posterior, which no method can exceed.

    None if the source does not know its posterior, or if the method has no log-likelihood.
    """
    source = run.source.tasks(split, run.test)
    if not isinstance(source, ExactlyScored) or "log_likelihood" not in evaluation.scores:
        return None
    return Score.of(source.exact_log_likelihood(tasks=evaluation["loss"].tasks, seed=seed))


def as_json(
    run: Run,
    evaluation: Evaluation,
    speed: Adaptation,
    instances: Instances | None = None,
    exact: Score | None = None,
    inductive: Evaluation | None = None,
    *,
    split: Split = "test",
) -> dict[str, Any]:
    """The object that ``--json`` prints. Other programs read it, so its keys do not change."""
    return {
        "algorithm": run.algorithm.name,
        "source": run.source.name,
        "split": split,
        "ways": run.test.ways,
        "shots": run.test.shots,
        "queries": run.test.queries,
        "tasks": evaluation["loss"].tasks,
        "transductive": evaluation.transductive,
        **({"norm": run.norm} if run.norm else {}),
        **{name: score_json(score) for name, score in evaluation.scores.items()},
        "curve": [
            {"step": step, **{name: score_json(score) for name, score in scores.items()}}
            for step, scores in evaluation.curve.items()
        ],
        **({"unit": evaluation.unit} if evaluation.unit else {}),
        **({"inductive": _inductive_json(inductive)} if inductive else {}),
        "adaptation": adaptation_json(speed),
        "calibration_error": evaluation.calibration_error,
        **({"by_instance": instances_json(instances)} if instances else {}),
        **({"exact_log_likelihood": score_json(exact)} if exact else {}),
        "seconds": round(evaluation.seconds, 3),
    }


def _inductive_json(inductive: Evaluation) -> dict[str, Any]:
    scores = {name: score_json(score) for name, score in inductive.scores.items()}
    return {"tasks": inductive["loss"].tasks, **scores}


def instances_json(instances: Instances) -> dict[str, Any]:
    """The accuracy by instance for ``--json``."""
    rows = [{"instance": k, **score_json(score)} for k, score in instances.accuracy.items()]
    return {"transductive": instances.transductive, "accuracy": rows}


def instances_table(run: Run, instances: Instances) -> Table:
    """A table with one line for every presentation of a class."""
    how = (
        "each prediction saw all inputs" if instances.transductive else "each prediction saw only the inputs before it"
    )
    sizes = run.source.describe_sizes(run.test)
    listing = table(f"{run.algorithm.name}, {sizes}, by instance ({how})", "instance", "accuracy")
    for k, score in instances.accuracy.items():
        listing.add_row(str(k), format_score("accuracy", score))
    return listing


def _print(run: Run, evaluation: Evaluation, speed: Adaptation, group: str, inductive: Evaluation | None) -> None:
    """Print the adaptation curve as a table, and the final scores below it."""
    measure = evaluation.measure
    losses = [] if measure == "mse" else ["loss"]  # the loss of real targets is the error
    own = [name for name in evaluation.scores if name not in (measure, "loss") and not name.startswith("support_")]
    support = ["support_loss"] if "support_loss" in evaluation.scores else []
    names = (*losses, *support, *own)
    heads = [measure] if inductive is None else [f"{measure}, transductive", f"{measure}, inductive"]
    tasks = f"{run.source.describe_sizes(run.test)}, {evaluation['loss'].tasks} {group} tasks"
    norm = f"; norm: {run.norm}" if run.norm else ""
    title = f"{run.algorithm.name} on {run.source.name}, {tasks} ({_how(run, evaluation)}{norm})"
    listing = table(title, "steps", *heads, *(escape(_label(name, evaluation)) for name in names))
    for step, scores in evaluation.curve.items():
        cells = [format_score(measure, scores[measure])]
        if inductive is not None:
            cells.append(format_score(measure, inductive[measure]) if step == list(evaluation.curve)[-1] else "")
        listing.add_row(str(step), *cells, *(format_score(name, scores[name]) for name in names))
    stdout.print(listing)
    if inductive is not None:
        _print_inductive(run, evaluation, inductive)
    stdout.print(describe_adaptation(speed), markup=False)
    if evaluation.calibration_error is not None:
        stdout.print(f"Expected calibration error {100 * evaluation.calibration_error:.2f} % over all queries.")
    more = "".join(f", {_label(name, evaluation)} {format_score(name, evaluation[name])}" for name in (*losses, *own))
    stdout.print(f"{measure} {format_with_median(measure, evaluation[measure])} (95% interval){more}", markup=False)


def _label(name: str, evaluation: Evaluation) -> str:
    """A measure in words, with its unit if it has one: ``mae in motor_UPDRS``."""
    has_unit = evaluation.unit is not None and name in ("mae", "rmse")
    return f"{name} in {evaluation.unit}" if has_unit else name.replace("_", " ")


def _print_inductive(run: Run, evaluation: Evaluation, inductive: Evaluation) -> None:
    """Print what the inductive column holds, and warn if the batches of the other one are small."""
    measure, count = inductive.measure, inductive["loss"].tasks
    same_tasks = Score.of(evaluation.per_task[measure][:count])
    stdout.print(
        f"Inductive (each query by itself) on the first {count} of these tasks: "
        f"{format_score(measure, inductive[measure])}. Transductive on the same: {format_score(measure, same_tasks)}.",
        markup=False,
    )
    queries, support = (run.test.ways * number for number in (run.test.queries, run.test.shots))
    if is_small_batch(queries, support):
        stderr.print(
            f"Transductive answers here depend on only {queries} queries, fewer than the {support} support examples: "
            "with more or fewer of them the score changes. Trust the inductive column.",
            markup=False,
        )


def _how(run: Run, evaluation: Evaluation) -> str:
    """What a prediction may depend on."""
    if run.source.kind == "sequence":
        return "each row is predicted from the rows before it"
    if evaluation.transductive:
        return "transductive: each prediction saw the other queries"
    return "inductive: each query is predicted separately"
