"""``tokay evaluate --open-set``: does a run know which queries are of none of its classes?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..evaluation.open_set import count_unknown_ways, open_set
from ..evaluation.open_set_scores import OpenSetScores
from ..learner.saving import load
from ..runs.data_record import keep_division
from ..runs.settings import read
from .formats import progress, score_json
from .output import stdout
from .scoring import EvaluationTasks, with_test_tasks


def score_open_set(path: Path, test: EvaluationTasks, device: torch.device) -> OpenSetScores:
    """Load a run and score it on open tasks, with a live bar. Each query is answered as `tokay adapt` does.

    Raises ``ConfigError`` for tasks whose classes are always the same, or a split with too few classes.
    """
    run, _ = read(path)
    if test.new_classes:
        run = replace(run, source=keep_division(path, run.source, add_new=True))
    run = with_test_tasks(run, test)
    count_unknown_ways(run.source, test.split, run.test)  # raises before a bar is drawn
    learner = load(path, device=str(device))
    with progress(f"{run.algorithm.name} on open tasks") as bar:
        task = bar.add_task("", total=test.tasks, text="")
        return open_set(
            learner,
            run.source,
            run.test,
            split=test.split,
            tasks=test.tasks,
            seed=test.seed,
            on_progress=lambda count: bar.update(task, completed=count),
        )


def open_set_json(scores: OpenSetScores | None) -> dict[str, Any]:
    """The part of ``--json`` about open tasks. Empty without them."""
    if scores is None:
        return {}
    ways = {"known_ways": scores.known_ways, "unknown_ways": scores.unknown_ways}
    return {"open_set": {"auroc": score_json(scores.auroc), "tasks": len(scores.known_scores), **ways}}


def print_open_set(scores: OpenSetScores | None) -> None:
    """The AUROC in one line."""
    if scores is not None:
        auroc = scores.auroc
        stdout.print(
            f"Open set: AUROC {auroc.mean:.4f} ± {auroc.ci95:.4f} over {auroc.tasks} tasks, queries of {scores.known_ways} "
            f"classes in the support set against {scores.unknown_ways} others (largest logit; 0.5 is a guess)",
            markup=False,
        )
