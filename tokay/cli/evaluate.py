"""``tokay evaluate RUN``: how well a run learns tasks that it has never seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from ..core.source_abilities import ExactlyScored
from ..core.task import Split
from ..evaluation.adaptation_speed import Adaptation, adaptation
from ..evaluation.by_instance import Instances
from ..evaluation.scores import Evaluation, Score
from ..runs.run import Run
from ..runs.settings import read
from .adaptation_report import adaptation_json, describe_adaptation, score_training_split, target_measure
from .flags import parse
from .formats import find_device, format_score, format_with_median, print_json, score_json
from .output import stderr, stdout, table
from .scoring import EvaluationTasks, check_reach, check_seen_tasks, score_instances, score_run


@dataclass(frozen=True, kw_only=True)
class Evaluate(EvaluationTasks):
    """The run to score, and how."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    reach: float | None = None
    """accuracy (or error) that counts as learned (default: 0.9 for classes)"""
    seen_tasks: int = 100
    """number of tasks of the training split, to measure the gap between seen and unseen tasks (0: no gap)"""
    instances: bool = False
    """print the accuracy at the first, second, ... presentation of a class, for a method that reads examples in order"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_seen_tasks(self.seen_tasks)


def run(arguments: Sequence[str]) -> None:
    """Score and print."""
    args = parse(Evaluate, arguments, prog="tokay evaluate", description="Score a run on tasks it has never seen.")
    path, device = Path(args.run), find_device(args.device)
    check_reach(read(path)[0], args.reach)  # before anything slow starts
    instances = score_instances(path, args, device) if args.instances else None
    run, evaluation = score_run(path, args, device, curve=True)
    training = score_training_split(path, args, device, args.seen_tasks)
    speed = adaptation(evaluation, reach=target_measure(run, args.reach), training=training)
    exact = exact_score(run, evaluation, args.seed, args.split)
    if args.json:
        print_json(as_json(run, evaluation, speed, instances, exact, split=args.split))
        return
    _print(run, evaluation, speed, args.group)
    stderr.print(f"{evaluation.seconds:.1f} s, seed {args.seed}")
    if exact:
        log_likelihood = format_score("log_likelihood", exact)
        stdout.print(f"log-likelihood of the exact posterior on the same tasks {log_likelihood}")
    if instances:
        stdout.print(instances_table(run, instances))


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
        **{name: score_json(score) for name, score in evaluation.scores.items()},
        "curve": [
            {"step": step, **{name: score_json(score) for name, score in scores.items()}}
            for step, scores in evaluation.curve.items()
        ],
        "adaptation": adaptation_json(speed),
        "calibration_error": evaluation.calibration_error,
        **({"by_instance": instances_json(instances)} if instances else {}),
        **({"exact_log_likelihood": score_json(exact)} if exact else {}),
        "seconds": round(evaluation.seconds, 3),
    }


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


def _print(run: Run, evaluation: Evaluation, speed: Adaptation, group: str) -> None:
    """Print the adaptation curve as a table, and the final scores below it."""
    measure = evaluation.measure
    own = [name for name in evaluation.scores if name not in (measure, "loss") and not name.startswith("support_")]
    support = ["support_loss"] if "support_loss" in evaluation.scores else []
    names = (measure, "loss", *support, *own)
    tasks = f"{run.source.describe_sizes(run.test)}, {evaluation['loss'].tasks} {group} tasks"
    listing = table(
        f"{run.algorithm.name} on {run.source.name}, {tasks} ({_how(run, evaluation)})",
        "steps",
        measure,
        "loss",
        *(name.replace("_", " ") for name in (*support, *own)),
    )
    for step, scores in evaluation.curve.items():
        listing.add_row(str(step), *(format_score(name, scores[name]) for name in names))
    stdout.print(listing)
    stdout.print(describe_adaptation(speed), markup=False)
    if evaluation.calibration_error is not None:
        stdout.print(f"Expected calibration error {100 * evaluation.calibration_error:.2f} % over all queries.")
    more = "".join(f", {name.replace('_', ' ')} {format_score(name, evaluation[name])}" for name in own)
    final = f"{measure} {format_with_median(measure, evaluation[measure])} (95% interval)"
    stdout.print(f"{final}, loss {format_score('loss', evaluation['loss'])}{more}")


def _how(run: Run, evaluation: Evaluation) -> str:
    """What a prediction may depend on."""
    if run.source.kind == "sequence":
        return "each row is predicted from the rows before it"
    if evaluation.transductive:
        return "transductive: each prediction saw the other queries"
    return "inductive: each query is predicted separately"
