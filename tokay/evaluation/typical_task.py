"""A task worth looking at: not the best and not the worst, chosen by a rule."""

from typing import Any, NamedTuple

from torch import nn

from ..core.algorithm import Algorithm
from ..core.engine.batching import Mode, count_tasks, task_slice
from ..core.seeding import BLOCK
from ..core.task import Task, TaskSource
from .evaluate import evaluate
from .task_blocks import count_scored, task_blocks


class TypicalTask(NamedTuple):
    """The task with the median loss of several."""

    task: Task  # no leading axis; on the device of the source
    loss: float  # of its queries, after adapting
    candidates: int  # the number of tasks that it is the median of


def typical_task(
    algorithm: Algorithm[Any], net: nn.Module, source: TaskSource, *, seed: int = 0, mode: Mode = "vmap"
) -> TypicalTask:
    """The task with the median loss of the first 25 tasks that ``evaluate`` scores with this ``seed``.

    With an even number of tasks, the better one of the two in the middle. A task on which the loss is NaN counts as the
    worst. Raises what ``evaluate`` raises.
    """
    count = max(2, min(BLOCK, count_scored(source, BLOCK)))
    losses = evaluate(algorithm, net, source, tasks=count, seed=seed, curve=False, mode=mode).per_task["loss"]
    index = int(losses.argsort()[(len(losses) - 1) // 2])
    loss = float(losses[index])
    for _, block in task_blocks(source, count, seed):  # several, if the tasks of a list differ in length
        size = count_tasks(block)
        if index < size:
            break
        index -= size
    (support, query) = task_slice(block, index, index + 1)
    task = Task(*(type(part)(part.x[0], part.y[0]) for part in (support, query)))
    return TypicalTask(task, loss, len(losses))
