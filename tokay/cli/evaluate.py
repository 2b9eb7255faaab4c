"""``tokay evaluate RUN``: how well a run learns tasks it has never seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from ..evaluate import Evaluation, Score
from ..runs import Run
from .console import device_named, print_json, shown, stderr, stdout, table
from .flags import parse
from .scoring import Asked, score_run


@dataclass(frozen=True, kw_only=True)
class Evaluate(Asked):
    """What to score and how."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""


def run(arguments: Sequence[str]) -> None:
    """Score and print."""
    asked = parse(Evaluate, arguments, prog="tokay evaluate", description="Score a run on tasks it has never seen.")
    trained, found = score_run(Path(asked.run), asked, device_named(asked.device), curve=True)
    if asked.json:
        print_json(as_json(trained, found))
    else:
        _print(trained, found, asked)


def as_json(run: Run, found: Evaluation) -> dict[str, Any]:
    """The contract of ``--json``: other programs read this."""

    def score(value: Score) -> dict[str, float]:
        return {"mean": value.mean, "ci95": value.ci95}

    return {
        "algorithm": run.algorithm.name,
        "source": run.source.name,
        "ways": run.test.ways,
        "shots": run.test.shots,
        "queries": run.test.queries,
        "tasks": found["loss"].tasks,
        "transductive": found.transductive,
        **{name: score(value) for name, value in found.scores.items()},
        "curve": [
            {"step": step, **{name: score(value) for name, value in scores.items()}}
            for step, scores in found.curve.items()
        ],
        "seconds": round(found.seconds, 3),
    }


def _print(run: Run, found: Evaluation, asked: Asked) -> None:
    sizes = (
        f"{run.test.shots} points" if run.source.kind == "regression" else f"{run.test.ways}-way {run.test.shots}-shot"
    )
    how = (
        "transductive: each answer saw the other queries" if found.transductive else "inductive: each query on its own"
    )
    name = "mse" if "mse" in found.scores else "accuracy"
    listing = table(
        f"{run.algorithm.name} on {run.source.name}, {sizes}, {found['loss'].tasks} unseen tasks ({how})",
        "steps",
        name,
        "loss",
    )
    for step, scores in found.curve.items():
        listing.add_row(str(step), shown(name, scores[name]), shown("loss", scores["loss"]))
    stdout.print(listing)
    stdout.print(f"{name} {shown(name, found[name])} (95% interval), loss {shown('loss', found['loss'])}")
    stderr.print(f"{found.seconds:.1f} s, seed {asked.seed}")
