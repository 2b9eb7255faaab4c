"""How fast a run adapts, as ``evaluate`` and ``compare`` print it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape
from rich.table import Table

from ..errors import ConfigError
from ..evaluation.adaptation_speed import Adaptation
from ..evaluation.scores import Difference, Evaluation
from ..runs.run import Run
from ..runs.settings import read
from .formats import format_score, score_json
from .output import table
from .scoring import EvaluationTasks, score_run


def target_measure(run: Run, reach: float | None) -> float | None:
    """The accuracy or error that counts as learned: ``reach`` if it is set. Default: 0.9 for classes, otherwise None."""
    if reach is not None and not reach > 0:
        raise ConfigError(f"tokay: --reach must be an accuracy (0.9) or an error above 0, got {reach}.")
    return 0.9 if reach is None and run.source.kind == "classification" else reach


def score_training_split(path: Path, test: EvaluationTasks, device: torch.device, tasks: int) -> Evaluation | None:
    """The score on ``tasks`` tasks of the training split.

    None if ``tasks`` is 0, if the method does not train, and for sequences: their training split mixes lengths and holds
    out nothing.
    """
    run = read(path)[0]
    if tasks == 0 or not run.algorithm.learns or run.source.kind == "sequence":
        return None
    return score_run(path, replace(test, tasks=tasks, on=None), device, curve=False, split="train")[1]


def adaptation_json(speed: Adaptation) -> dict[str, Any]:
    """The adaptation speed for ``--json``."""
    scores = {"before": speed.initial, "area": speed.area, "support": speed.support, "gap": speed.gap}
    return {
        "steps": speed.steps,
        **{name: None if score is None else score_json(score) for name, score in scores.items()},
        "reach": speed.reach,
        "reached": speed.steps_to_reach,
        "settled": speed.steps_to_settle,
    }


def adaptation_table(title: str, rows: Sequence[tuple[str, str, Adaptation]]) -> Table:
    """A table with one line for each (run, family of its cost, adaptation speed). All rows have one measure.

    Column "mean of curve" is the mean height of the adaptation curve. Column "to" is the number of steps until the run
    reaches the target. Column "steps to settle" is the step after which the support loss hardly falls.
    """
    from ..figures.style import measure_title  # matplotlib is slow to import

    first = rows[0][2]
    per_cent = first.measure == "accuracy"

    def number(value: float) -> str:
        return f"{100 * value:.1f}" if per_cent else f"{value:.3f}"

    unit = "accuracy in per cent" if per_cent else measure_title(first.measure)
    heads = ["run and its cost", "steps", "initial", "adapted", "mean of curve"]
    if first.reach is not None:
        heads.append(f"to {100 * first.reach:g} %" if per_cent else f"to {first.reach:g}")
    listing = table(f"{title} ({unit})", *heads, "steps to settle")
    for name, family, speed in rows:
        initial = "" if speed.initial is None else number(speed.initial.mean)
        cells = [str(speed.steps), initial, number(speed.final.mean)]
        cells.append(f"{number(speed.area.mean)} ± {number(speed.area.ci95)}")
        if first.reach is not None:
            cells.append("never" if speed.steps_to_reach is None else str(speed.steps_to_reach))
        listing.add_row(
            escape(f"{name}\n{family}"), *cells, "" if speed.steps_to_settle is None else str(speed.steps_to_settle)
        )
    return listing


def describe_adaptation(speed: Adaptation) -> str:
    """The adaptation speed in sentences.

    >>> from tokay.evaluation.scores import Score
    >>> score = Score(0.75, 0.01, 100, 0.75)
    >>> describe_adaptation(Adaptation(measure="accuracy", steps=0, initial=None, final=score, area=score, reach=0.9,
    ...                                steps_to_reach=None, support=score, steps_to_settle=None, gap=None))
    'Adapts in one forward pass. Does not reach 90.00 %. Support loss after adapting: 0.7500 ± 0.0100.'
    """
    sentences = ["Adapts in one forward pass."]
    if speed.initial is not None:
        initial, adapted = format_score(speed.measure, speed.initial), format_score(speed.measure, speed.final)
        mean = format_score(speed.measure, speed.area)
        sentences = [
            f"Adapting takes {_steps(speed.steps)}: {initial} before, {adapted} after; mean over the steps {mean}."
        ]
    if speed.reach is not None:
        target = f"{100 * speed.reach:.2f} %" if speed.measure == "accuracy" else f"{speed.reach:.4g}"
        if speed.steps_to_reach is None:
            sentences.append(f"Does not reach {target}.")
        elif speed.steps:
            sentences.append(f"Reaches {target} after {_steps(speed.steps_to_reach)}.")
    settling = "" if speed.steps_to_settle is None else f", settled after {_steps(speed.steps_to_settle)}"
    if speed.support is not None:
        sentences.append(f"Support loss after adapting: {format_score('loss', speed.support)}{settling}.")
    if speed.gap is not None:
        sentences.append(_describe_gap(speed.measure, speed.gap))
    return " ".join(sentences)


def _describe_gap(measure: str, gap: Difference) -> str:
    """How tasks of the training split score beside unseen ones.

    >>> _describe_gap("mse", Difference(-0.00001, 0.2, 100))
    'Tasks of the training split score alike: the difference is within 0.2000.'
    """
    if abs(gap.mean) <= max(gap.ci95, 5e-5):  # a smaller one would be shown as 0
        half = f"{100 * gap.ci95:.2f} percentage points" if measure == "accuracy" else f"{gap.ci95:.4f}"
        return f"Tasks of the training split score alike: the difference is within {half}."
    word = "better" if gap.mean > 0 else "worse"
    size = Difference(abs(gap.mean), gap.ci95, gap.tasks)
    text = format_score(measure, size).replace("%", "percentage points")  # 80 % is 30 points better than 50 %, not 30 %
    return f"Tasks of the training split score {word} by {text}."


def _steps(number: int) -> str:
    return f"{number} step" if number == 1 else f"{number} steps"
