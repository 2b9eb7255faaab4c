"""``over_tasks`` applies a function of one task to a batch of tasks. All of Tokay maps over tasks through it."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from ..current_task import in_task
from ..task import Examples as Examples, Task
from .exact_gradients import exact_gradients
from .torch_errors import Mode as Mode, explained_errors

T = TypeVar("T")


def count_tasks(tasks: Any) -> int:
    """Return the number of tasks in a batch: the length of the leading axis."""
    return int(tree_flatten(tasks)[0][0].shape[0])


def task_slice(tasks: T, start: int, stop: int) -> T:
    """Return tasks ``start`` to ``stop`` (exclusive) of a batch."""
    part: T = tree_map(lambda tensor: tensor[start:stop], tasks)
    return part


def to_device(tasks: T, device: torch.device) -> T:
    """The same tasks with every tensor on ``device``."""
    batch: T = tree_map(lambda tensor: tensor.to(device), tasks)
    return batch


def over_tasks(
    fn: Callable[[Task], T],
    tasks: Task,
    *,
    keys: Tensor | None = None,
    chunk_size: int | None = None,
    mode: Mode = "vmap",
) -> T:
    """Apply ``fn``, a function of one task, to each task of a batch. Every tensor of the result gains a leading axis.

    - ``mode="vmap"`` runs all tasks at once, or ``chunk_size`` tasks at a time.
    - ``mode="loop"`` runs the tasks one by one. It is slower, needs no rules for ``vmap``, and gives the same numbers.

    ``keys`` (int64 ``[tasks]``, see `tokay.core.current_task`) decide the noise that a method draws inside a task.

    Both modes have correct second-order gradients for every kind of norm.
    Random draws inside ``fn`` differ between tasks.

    Raises ``NetworkError`` if the network does something that ``vmap`` cannot map.

    >>> x = torch.arange(6.0).reshape(3, 2, 1)
    >>> tasks = Task(Examples(x, x), Examples(x, x))
    >>> over_tasks(lambda task: task.support.x.sum(), tasks)
    tensor([1., 5., 9.])
    """
    batch = (tasks,) if keys is None else (tasks, keys)

    def one_task(task: Task, key: Tensor | None = None) -> T:
        with in_task(key, task.support.x):
            return fn(task)

    with exact_gradients(), explained_errors(tuple(tasks.support.x.shape), mode):
        if mode == "loop" or count_tasks(tasks) == 1:  # one task needs no mapping
            results = [one_task(*tree_map(lambda tensor, i=i: tensor[i], batch)) for i in range(count_tasks(tasks))]
            leaves = [tree_flatten(result)[0] for result in results]
            structure = tree_flatten(results[0])[1]
            stacked: T = tree_unflatten([torch.stack(column) for column in zip(*leaves, strict=True)], structure)
            return stacked
        mapped: T = torch.func.vmap(one_task, randomness="different", chunk_size=chunk_size)(*batch)
        return mapped
