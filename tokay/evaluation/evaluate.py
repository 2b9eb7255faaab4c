"""``evaluate``: how well a method learns new tasks, as means with 95% intervals."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.current_task import task_keys
from ..core.engine.batching import Mode, count_tasks, over_tasks, to_device
from ..core.engine.private_copy import evaluation_copy
from ..core.network import check_input_type, device_of
from ..core.predictions import check_compatible
from ..core.probability.calibration import expected_calibration_error
from ..core.seeding import derive_seed
from ..core.source_abilities import ScaledTargets
from ..core.task import Task, TaskSource, check_task
from ..errors import ConfigError
from .batch_dependence import answer_twice, depends_on_batch
from .ranking import ranking_of
from .scores import Evaluation, Score
from .task_blocks import chunk_that_fits, count_scored, merge_blocks, task_blocks
from .task_scores import TaskScorer, TaskScores


def evaluate(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    *,
    tasks: int = 600,
    seed: int = 0,
    inductive: bool = False,
    curve: bool = True,
    chunk_size: int | None = None,
    mode: Mode = "vmap",
    on_progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Adapts to ``tasks`` tasks with the test settings of the method, and scores the answers to the queries.

    The same ``seed`` gives every method the same tasks. A source with a fixed list of tasks (``FixedTasks``) is scored
    in its own order, each task at most once. The scores say how many tasks there were.

    By default all queries of a task go through the network together. Batch norm then mixes them ("transductive");
    ``Evaluation.transductive`` says whether this happened. ``inductive`` answers each query alone beside the support
    set, as in the Reptile paper.

    The network is in evaluation mode meanwhile (dropout is off), and unchanged afterwards.

    If the source scales its targets (`tokay.core.source_abilities.ScaledTargets`), the scores also have the errors ``mae``
    and ``rmse`` in units of the user: means over tasks of the error of each task. If the queries of a task are candidates
    (`tokay.core.source_abilities.RankedQueries`), ``ndcg@5`` says how well the predictions rank them.

    ``curve`` also scores the states on the way to the adapted one. ``on_progress`` is called with the number of tasks
    scored so far, for a progress bar.

    Raises ``TaskError`` if the tasks do not fit the network, ``NetworkError`` if the method cannot use the network,
    ``ConfigError`` for fewer than 2 tasks, or for ``inductive`` with sequences.
    """
    start = time.perf_counter()
    _check_arguments(algorithm, net, source, tasks, inductive=inductive)
    net = evaluation_copy(net)
    scaling = source if isinstance(source, ScaledTargets) and source.spec.kind == "regression" else None
    scorer = TaskScorer(
        algorithm.at_test(),
        net,
        inductive=inductive,
        curve=curve,
        mode=mode,
        y_scale=None if scaling is None else scaling.y_scale,
        ranking=ranking_of(source),
    )
    parts: list[TaskScores] = []
    transductive = False
    with torch.no_grad(), torch.random.fork_rng():
        for batch in merge_blocks(task_blocks(source, count_scored(source, tasks), seed), device_of(net)):
            batch_tasks = to_device(batch.tasks, device_of(net))
            if batch.first_block == 0:
                check_task(batch_tasks, source.spec, where="evaluate")
                check_input_type(net, batch_tasks.support.x, where="evaluate")
                transductive = not inductive and _depends_on_other_queries(scorer, batch_tasks)
            torch.manual_seed(derive_seed(seed, "evaluate-draws", batch.first_block))
            chunk = chunk_size or chunk_that_fits(batch_tasks)
            keys = task_keys(seed, "evaluate", 0, batch.tasks_so_far)[-count_tasks(batch_tasks) :].to(device_of(net))
            parts.append(over_tasks(scorer.score, batch_tasks, keys=keys, chunk_size=chunk, mode=mode))
            if on_progress:
                on_progress(batch.tasks_so_far)
    unit = None if scaling is None else scaling.y_unit
    return _summary(parts, transductive=transductive, start=start, unit=unit)


def _check_arguments(
    algorithm: Algorithm[Any], net: nn.Module, source: TaskSource, tasks: int, *, inductive: bool
) -> None:
    if tasks < 2:
        raise ConfigError(f"evaluate: tasks must be at least 2 for an interval, got {tasks}. 600 is usual.")
    check_compatible(algorithm, net, source.spec, where="evaluate")
    if inductive and source.spec.kind == "sequence":
        raise ConfigError(
            "evaluate: the rows of a sequence come one after the other, so none can stand alone. Leave out inductive."
        )


def _depends_on_other_queries(scorer: TaskScorer, tasks: Task) -> bool:
    """Whether the answer to a query changes if other queries of its task change."""

    def answers(task: Task) -> tuple[Tensor, Tensor]:
        state = scorer.algorithm.adapt(scorer.net, task.support)
        return answer_twice(partial(scorer.algorithm.predict, scorer.net, state), task.query.x)

    return depends_on_batch(answers, tasks, mode=scorer.mode)


def _summary(parts: list[TaskScores], *, transductive: bool, start: float, unit: str | None) -> Evaluation:
    """The means over all tasks. ``start`` is when the evaluation began, on the clock of ``time.perf_counter``."""
    values = {  # each [tasks, points of the curve]
        name: torch.cat([part.measures[name] for part in parts]).cpu() for name in parts[0].measures
    }
    steps: list[int] = parts[-1].steps[0].tolist()
    return Evaluation(
        scores={name: Score.of(value[:, -1]) for name, value in values.items()},
        curve={step: {name: Score.of(value[:, i]) for name, value in values.items()} for i, step in enumerate(steps)},
        per_task={name: value[:, -1] for name, value in values.items()},
        per_step=values,
        calibration_error=_calibration_error(parts) if "accuracy" in values else None,
        transductive=transductive,
        unit=unit,
        seconds=time.perf_counter() - start,
    )


def _calibration_error(parts: list[TaskScores]) -> float:
    """The expected calibration error over the queries of all tasks, without padding."""
    confidences = torch.cat([part.confidences.flatten() for part in parts])
    hits = torch.cat([part.hits.flatten() for part in parts])
    is_query = ~confidences.isnan()
    return float(expected_calibration_error(confidences[is_query], hits[is_query]))
