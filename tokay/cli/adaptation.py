"""How fast a run learns, as ``evaluate`` and ``compare`` say it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape
from rich.table import Table

from ..errors import ConfigError
from ..evaluation.adaptation_speed import Adaptation
from ..evaluation.scores import Evaluation
from ..figures.training import named
from ..runs.run import Run, read
from .console import score_json, shown, table
from .scoring import Asked, score_run


def reach_of(run: Run, asked: float | None) -> float | None:
    """What counts as learned: the accuracy or error that was asked for; 90 % for classes."""
    if asked is not None and not asked > 0:
        raise ConfigError(f"tokay: --reach must be an accuracy (0.9) or an error above 0, got {asked}.")
    return 0.9 if asked is None and run.source.kind == "classification" else asked


def score_seen(path: Path, asked: Asked, device: torch.device, tasks: int) -> Evaluation | None:
    """The score on ``tasks`` tasks of the training split; None for 0, for what was never trained on any, and for sequences,
    where training mixes lengths and holds nothing back."""
    run = read(path)[0]
    if tasks == 0 or not run.algorithm.learns or run.source.kind == "sequence":
        return None
    return score_run(path, replace(asked, tasks=tasks, on=None), device, curve=False, split="train")[1]


def adaptation_json(speed: Adaptation) -> dict[str, Any]:
    """For ``--json``."""
    scores = {name: getattr(speed, name) for name in ("before", "area", "support", "gap")}
    return {
        "steps": speed.steps,
        **{name: None if score is None else score_json(score) for name, score in scores.items()},
        "reach": speed.reach,
        "reached": speed.reached,
        "settled": speed.settled,
    }


def adaptation_table(title: str, rows: Sequence[tuple[str, str, Adaptation]]) -> Table:
    """One line for each (name, family of the cost, adaptation); all are of one measure.

    "mean" is the mean height of the curve, "to" the steps to what counts as learned, and "settled" the step after which
    the support loss hardly falls any more.
    """
    first = rows[0][2]
    per_cent = first.measure == "accuracy"

    def number(value: float) -> str:
        return f"{100 * value:.1f}" if per_cent else f"{value:.3f}"

    unit = "accuracy in per cent" if per_cent else named(first.measure)
    heads = ["run and its cost", "steps", "before", "after", "mean"]
    if first.reach is not None:
        heads.append(f"to {100 * first.reach:g} %" if per_cent else f"to {first.reach:g}")
    listing = table(f"{title} ({unit})", *heads, "settled")
    listing.columns[0].no_wrap = True
    for name, family, speed in rows:
        before = "" if speed.before is None else number(speed.before.mean)
        cells = [str(speed.steps), before, number(speed.after.mean)]
        cells.append(f"{number(speed.area.mean)} ± {number(speed.area.ci95)}")
        if first.reach is not None:
            cells.append("never" if speed.reached is None else str(speed.reached))
        listing.add_row(escape(f"{name}\n{family}"), *cells, "" if speed.settled is None else str(speed.settled))
    return listing


def told(speed: Adaptation) -> str:
    """In words.

    >>> from tokay.evaluation.scores import Score
    >>> score = Score(0.75, 0.01, 100, 0.75)
    >>> told(Adaptation(measure="accuracy", steps=0, before=None, after=score, area=score, reach=0.9, reached=None,
    ...                 support=score, settled=None, gap=None))
    'Adapts in one forward pass. Does not reach 90.00 %. Support loss afterwards 0.7500 ± 0.0100.'
    """
    sentences = ["Adapts in one forward pass."]
    if speed.before is not None:
        sentences = [
            f"Adapting takes {_steps(speed.steps)}: {shown(speed.measure, speed.before)} before, "
            f"{shown(speed.measure, speed.after)} after; mean over the steps {shown(speed.measure, speed.area)}."
        ]
    if speed.reach is not None:
        wanted = f"{100 * speed.reach:.2f} %" if speed.measure == "accuracy" else f"{speed.reach:.4g}"
        if speed.reached is None:
            sentences.append(f"Does not reach {wanted}.")
        elif speed.steps:
            sentences.append(f"Reaches {wanted} after {_steps(speed.reached)}.")
    settled = "" if speed.settled is None else f", settled after {_steps(speed.settled)}"
    if speed.support is not None:
        sentences.append(f"Support loss afterwards {shown('loss', speed.support)}{settled}.")
    if speed.gap is not None:
        sentences.append(f"Tasks of the training split are learned better by {shown(speed.measure, speed.gap)}.")
    return " ".join(sentences)


def _steps(number: int) -> str:
    return f"{number} step" if number == 1 else f"{number} steps"
