"""The task that is computed now: its key, which decides its noise, and its support set, which norm layers may ask for.

A method is written for one task, and a network does not know which rows belong to a support set. ``over_tasks`` says so
here for the time of one task, in the same way under ``vmap``, in a loop, in chunks and in any process.

- *Keys.* A method draws its noise from a hash of the support set (``probability.noise``). At one shot a small data set has
  few support sets, so the same pictures would draw the same noise all training long, and a network can memorise that.
  Training and evaluation therefore give each task a key, a function of (seed, step, index). A `Learner` gives none: it
  answers as a function of the support set alone.
- *Support.* `tokay.networks.TaskNorm2d` normalises queries by the statistics of the support set.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch
from torch import Tensor

from .seeding import derive_seed


class CurrentTask(NamedTuple):
    """What layers and methods may know of the task around them. Nothing is known outside of a task."""

    key: Tensor | None = None  # int64 scalar
    support_x: Tensor | None = None  # [n, *x_shape]


_NO_TASK = CurrentTask()
_task: ContextVar[CurrentTask] = ContextVar("_task", default=_NO_TASK)


def task_keys(seed: int, stream: str, step: int, tasks: int) -> Tensor:
    """The keys of the tasks of one meta-batch or evaluation, int64 ``[tasks]``.

    >>> bool((task_keys(0, "train", 5, 4)[:2] == task_keys(0, "train", 5, 2)).all())
    True
    """
    return torch.arange(tasks) + (derive_seed(seed, f"{stream}-keys", step) >> 1)


@contextmanager
def in_task(key: Tensor | None = None, support_x: Tensor | None = None) -> Iterator[None]:
    """Inside, ``current_task`` gives these values. Threads do not see each other's tasks."""
    token = _task.set(CurrentTask(key, support_x))
    try:
        yield
    finally:
        _task.reset(token)


def current_task() -> CurrentTask:
    """The task that is computed now."""
    return _task.get()
