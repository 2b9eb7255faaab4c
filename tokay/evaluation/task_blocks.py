"""The tasks of an evaluation, in blocks of 25, and how many of them to compute at the same time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch.utils._pytree import tree_map

from ..core.engine.batching import count_tasks, task_slice
from ..core.seeding import BLOCK, evaluation_blocks
from ..core.source_abilities import FixedList, UnequalList
from ..core.task import Task, TaskSource

# On an accelerator, time goes into starting kernels, so we score many tasks at once. Some kernels accept no more than this.
_MOST_TASKS = 500


class TaskBatch(NamedTuple):
    """One or more consecutive blocks."""

    first_block: int  # index of the first block
    tasks_so_far: int  # number of tasks up to and including this batch
    tasks: Task


def count_scored(source: TaskSource, tasks: int) -> int:
    """The number of tasks to score: ``tasks``, but at most the length of a fixed list of tasks."""
    return min(tasks, len(source)) if isinstance(source, FixedList) else tasks


def task_blocks(source: TaskSource, tasks: int, seed: int) -> Iterator[tuple[int, Task]]:
    """Yields (block index, tasks) until ``tasks`` tasks are out. A fixed list of tasks keeps its own order.

    If its tasks differ in length, a block ends where the length changes.
    """
    if isinstance(source, UnequalList):
        yield from enumerate(source.part(start, stop) for start, stop in _equal_parts(source.lengths()[:tasks]))
        return
    for index, (generator, size) in enumerate(evaluation_blocks(tasks, seed)):
        if isinstance(source, FixedList):
            yield index, source.part(index * BLOCK, index * BLOCK + size)
        else:
            yield index, task_slice(source.sample(BLOCK, generator), 0, size)


def _equal_parts(lengths: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The start and the end of each block of at most ``BLOCK`` neighbours of equal length.

    >>> list(_equal_parts([(1, 2), (1, 2), (1, 3)]))
    [(0, 2), (2, 3)]
    """
    start = 0
    for stop in range(1, len(lengths) + 1):
        if stop == len(lengths) or lengths[stop] != lengths[start] or stop - start == BLOCK:
            yield start, stop
            start = stop


def merge_blocks(blocks: Iterable[tuple[int, Task]], device: torch.device) -> Iterator[TaskBatch]:
    """Joins consecutive blocks of equal shape, so that an accelerator scores many tasks at once.

    On a CPU every block stays as it is.
    """
    tasks_so_far, start, parts = 0, 0, list[Task]()
    for index, block in blocks:
        most = 1 if device.type == "cpu" else min(_MOST_TASKS, tasks_at_once(block, device)) // BLOCK
        if parts and (len(parts) >= most or _shapes(block) != _shapes(parts[0])):
            yield TaskBatch(start, tasks_so_far, _join(parts))
            parts = []
        if not parts:
            start = index
        parts.append(block)
        tasks_so_far += count_tasks(block)
    yield TaskBatch(start, tasks_so_far, _join(parts))


def tasks_at_once(tasks: Task, device: torch.device) -> int:
    """The number of tasks of this shape that ``device`` computes well at the same time, at least 1.

    On a CPU about 500 examples, because more do not fit the cache. On an accelerator inputs of 32 million numbers.
    """
    x = tasks.support.x
    examples = x.shape[1] + tasks.query.x.shape[1]
    return max(1, 500 // examples if device.type == "cpu" else 32_000_000 // (examples * x[0, 0].numel()))


def chunk_that_fits(tasks: Task) -> int:
    """A chunk size for ``over_tasks``: ``tasks_at_once`` on the device of ``tasks``, at most the number of tasks."""
    return min(count_tasks(tasks), tasks_at_once(tasks, tasks.support.x.device))


def _shapes(tasks: Task) -> list[torch.Size]:
    """The shape of each tensor, without the axis of tasks."""
    return [tensor.shape[1:] for part in tasks for tensor in part]


def _join(blocks: list[Task]) -> Task:
    if len(blocks) == 1:
        return blocks[0]
    joined: Task = tree_map(lambda *tensors: torch.cat(tensors), *blocks)
    return joined
