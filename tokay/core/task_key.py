"""Keys of tasks: the random numbers inside a task differ from task to task and from step to step, and can be repeated.

A method is written for one task, and draws its noise from a hash of the support set (``probability.noise``). At one shot a
small data set has few support sets, so the same pictures would draw the same noise all training long, and a network can
memorise that. Training and evaluation therefore give each task a key, a function of (seed, step, index). ``over_tasks``
hands it on with the task, so it is the same under ``vmap``, in a loop, in chunks, after a resume and in any process.
Outside of training and evaluation there is no key: a `Learner` answers as a function of the support set alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from .seeding import derive_seed

_key: ContextVar[Tensor | None] = ContextVar("_key", default=None)


def task_keys(seed: int, stream: str, step: int, tasks: int) -> Tensor:
    """The keys of the tasks of one meta-batch or block, int64 ``[tasks]``.

    >>> bool((task_keys(0, "train", 5, 4)[:2] == task_keys(0, "train", 5, 2)).all())
    True
    """
    return torch.arange(tasks) + (derive_seed(seed, f"{stream}-keys", step) >> 1)


@contextmanager
def in_task(key: Tensor | None) -> Iterator[None]:
    """Inside, ``current_key`` gives ``key``, an int64 scalar. Threads do not see each other's keys."""
    token = _key.set(key)
    try:
        yield
    finally:
        _key.reset(token)


def current_key() -> Tensor | None:
    """The key of the task that is computed now. None outside of training and evaluation."""
    return _key.get()
