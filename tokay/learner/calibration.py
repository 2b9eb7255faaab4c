"""Chooses when a learner says "none of these": on validation tasks of its run, never on test tasks."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median_low

from ..core.task import Sizes
from ..errors import ConfigError
from ..evaluation.open_set import count_classes, count_unknown_ways, open_set
from ..evaluation.rejection import Rejection, check_rate
from ..runs.run import Run
from ..tasks.class_pool import Pooled
from .learner import Learner

TASKS = 200
"""number of validation tasks that a threshold is chosen on"""


def choose_rejection(
    learner: Learner,
    run: Run,
    rate: float,
    *,
    tasks: int = TASKS,
    seed: int = 0,
    on_progress: Callable[[int], object] | None = None,
) -> Rejection:
    """The threshold of ``learner`` for the false-accept rate ``rate``, from ``tasks`` validation tasks of ``run``.

    The tasks are like the support set of the learner: with its usual number of shots and, for a method with ``any_ways``,
    its number of classes, as far as the validation classes reach.

    Raises ``ConfigError`` for a rate that is not between 0 and 1, for real targets, and for a run without enough validation
    classes.
    """
    check_rate(rate, "reject")
    sizes = validation_sizes(learner, run)
    scores = open_set(learner, run.source, sizes, split="validation", tasks=tasks, seed=seed, on_progress=on_progress)
    return Rejection(rate=rate, scores=scores)


def validation_sizes(learner: Learner, run: Run) -> Sizes:
    """The sizes of validation tasks that are like the support set of ``learner``, as far as the classes reach.

    Raises ``ConfigError`` for real targets, and for a run without enough validation classes.
    """
    if run.source.kind != "classification":
        raise ConfigError(f"reject: is for classes, {run.source.name} is {run.source.kind}. Leave it out.")
    if not run.source.has_split("validation"):
        raise ConfigError(
            "reject: the threshold is chosen on validation classes, the run has none. Leave it out, or train a run with some."
        )
    counts = [int(count) for count in learner.support.y.sum(0)]
    one = replace(run.test, shots=1)
    classes = count_classes(run.source, "validation", one)  # raises if there is no pool
    pooled = run.source.tasks("validation", replace(one, ways=1))
    ways, shots = run.test.ways, median_low(counts)
    if run.algorithm.any_ways:
        ways = max(2, min(len(counts), classes // 2))
    if isinstance(pooled, Pooled):
        shots = max(1, min(shots, int(pooled.pool.counts.min()) - run.test.queries))
    sizes = replace(run.test, ways=ways, shots=shots)
    count_unknown_ways(run.source, "validation", sizes)  # raises if there are no other classes
    return sizes
