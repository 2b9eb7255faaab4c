"""``tokay evaluate RUN``: how well a run learns tasks it has never seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from ..evaluation.adaptation_speed import Adaptation, adaptation
from ..evaluation.by_instance import Instances
from ..evaluation.scores import Evaluation, Score
from ..runs.run import Run
from ..tasks.gaussian_process import Curves
from .adaptation import adaptation_json, reach_of, score_seen, told
from .console import device_named, print_json, score_json, shown, shown_whole, stderr, stdout, table
from .flags import parse
from .scoring import Asked, score_instances, score_run


@dataclass(frozen=True, kw_only=True)
class Evaluate(Asked):
    """What to score and how."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    reach: float | None = None
    """the accuracy (or error) that counts as learned; 0.9 for classes"""
    seen_tasks: int = 100
    """tasks of the training split, for the gap between seen and unseen ones (0: none)"""
    instances: bool = False
    """accuracy at the first, second, ... presentation of a class, for a method that reads its support set in order"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""


def run(arguments: Sequence[str]) -> None:
    """Score and print."""
    asked = parse(Evaluate, arguments, prog="tokay evaluate", description="Score a run on tasks it has never seen.")
    device = device_named(asked.device)
    met = score_instances(Path(asked.run), asked, device) if asked.instances else None
    trained, found = score_run(Path(asked.run), asked, device, curve=True)
    seen = score_seen(Path(asked.run), asked, device, asked.seen_tasks)
    speed = adaptation(found, reach=reach_of(trained, asked.reach), seen=seen)
    exact = exact_score(trained, found, asked.seed)
    if asked.json:
        print_json(as_json(trained, found, speed, met, exact))
    else:
        _print(trained, found, speed, asked)
        if exact:
            stdout.print(f"log-likelihood of the exact posterior on the same tasks {shown('log_likelihood', exact)}")
        if met:
            stdout.print(instances_table(trained, met))


def exact_score(run: Run, found: Evaluation, seed: int) -> Score | None:
    """The log-likelihood that no method can exceed, where the source knows it and the run was scored by it."""
    source = run.source.tasks("test", run.test)
    if not isinstance(source, Curves) or "log_likelihood" not in found.scores:
        return None
    return Score.of(source.exact_log_likelihood(tasks=found["loss"].tasks, seed=seed))


def as_json(
    run: Run, found: Evaluation, speed: Adaptation, met: Instances | None = None, exact: Score | None = None
) -> dict[str, Any]:
    """The contract of ``--json``: other programs read this."""
    return {
        "algorithm": run.algorithm.name,
        "source": run.source.name,
        "ways": run.test.ways,
        "shots": run.test.shots,
        "queries": run.test.queries,
        "tasks": found["loss"].tasks,
        "transductive": found.transductive,
        **{name: score_json(value) for name, value in found.scores.items()},
        "curve": [
            {"step": step, **{name: score_json(value) for name, value in scores.items()}}
            for step, scores in found.curve.items()
        ],
        "adaptation": adaptation_json(speed),
        "calibration_error": found.calibration_error,
        **({"by_instance": instances_json(met)} if met else {}),
        **({"exact_log_likelihood": score_json(exact)} if exact else {}),
        "seconds": round(found.seconds, 3),
    }


def instances_json(met: Instances) -> dict[str, Any]:
    """For ``--json``."""
    rows = [{"instance": k, **score_json(score)} for k, score in met.accuracy.items()]
    return {"transductive": met.transductive, "accuracy": rows}


def instances_table(run: Run, met: Instances) -> Table:
    """One line for every presentation of a class."""
    how = "inputs of the whole sequence seen together" if met.transductive else "each from those before it"
    listing = table(f"{run.algorithm.name}, {run.source.named(run.test)}, by instance ({how})", "instance", "accuracy")
    for k, score in met.accuracy.items():
        listing.add_row(str(k), shown("accuracy", score))
    return listing


def _print(run: Run, found: Evaluation, speed: Adaptation, asked: Asked) -> None:
    sizes = run.source.named(run.test)
    how = (
        "transductive: each answer saw the other queries" if found.transductive else "inductive: each query on its own"
    )
    if run.source.kind == "sequence":
        how = "each row after those before it"
    name = found.measure
    own = [kind for kind in found.scores if kind not in (name, "loss") and not kind.startswith("support_")]
    support = ["support_loss"] if "support_loss" in found.scores else []
    listing = table(
        f"{run.algorithm.name} on {run.source.name}, {sizes}, {found['loss'].tasks} unseen tasks ({how})",
        "steps",
        name,
        "loss",
        *(kind.replace("_", " ") for kind in (*support, *own)),
    )
    for step, scores in found.curve.items():
        cells = (shown(kind, scores[kind]) for kind in (name, "loss", *support, *own))
        listing.add_row(str(step), *cells)
    stdout.print(listing)
    stdout.print(told(speed), markup=False)
    if found.calibration_error is not None:
        stdout.print(f"Expected calibration error {100 * found.calibration_error:.2f} % over all queries.")
    more = "".join(f", {kind.replace('_', ' ')} {shown(kind, found[kind])}" for kind in own)
    stdout.print(f"{name} {shown_whole(name, found[name])} (95% interval), loss {shown('loss', found['loss'])}{more}")
    stderr.print(f"{found.seconds:.1f} s, seed {asked.seed}")
