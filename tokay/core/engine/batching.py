"""``over_tasks``: the one place where a function of one task becomes a function of many."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import torch
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from ...errors import NetworkError
from ..task import Examples as Examples, Task
from .exact_gradients import exact_gradients

T = TypeVar("T")
Mode = Literal["vmap", "loop"]

# What functorch says when a network does something that cannot be mapped, and what we say instead.
_CAUSES = (
    ("in-place", "it changes a tensor in place (running statistics of a norm layer, a cache, a counter)"),
    ("match the broadcast shape", "it changes a tensor in place (a cache, a counter)"),
    ("inplace", "it changes a tensor in place (running statistics of a norm layer, a cache, a counter)"),
    (".item()", "it reads a value out of a tensor (.item(), bool(tensor), int(tensor))"),
    ("data-dependent control flow", "it branches on the value of a tensor"),
    ("dynamic shape", "the shape of a result depends on values (unique, nonzero, a boolean mask)"),
    (
        "Batching rule not implemented",
        "it uses an operation that cannot be mapped (nn.LSTM and nn.GRU: use their cells)",
    ),
)


def tasks_in(tasks: Any) -> int:
    """The length of the leading axis that every tensor of a batch of tasks shares."""
    return int(tree_flatten(tasks)[0][0].shape[0])


def task_slice(tasks: T, start: int, stop: int) -> T:
    """Tasks ``start`` to ``stop`` of a batch of tasks."""
    part: T = tree_map(lambda tensor: tensor[start:stop], tasks)
    return part


def over_tasks(fn: Callable[[Task], T], tasks: Task, *, chunk_size: int | None = None, mode: Mode = "vmap") -> T:
    """Apply ``fn``, written for one task, to each of a batch; every tensor of the result gains a leading axis of tasks.

    ``vmap`` runs all tasks at once, or ``chunk_size`` at a time; ``loop`` runs them one by one, runs anything that
    runs on one task, and gives the same numbers. Both have right second-order gradients for every kind of norm.
    Random draws inside ``fn`` differ between tasks.

    Raises ``NetworkError`` when the network does something that cannot be mapped.

    >>> x = torch.arange(6.0).reshape(3, 2, 1)
    >>> tasks = Task(Examples(x, x), Examples(x, x))
    >>> over_tasks(lambda task: task.support.x.sum(), tasks)
    tensor([1., 5., 9.])
    """
    with exact_gradients():
        if mode == "loop" or tasks_in(tasks) == 1:  # a batch of one has nothing to map over
            results = [fn(tree_map(lambda tensor, i=i: tensor[i], tasks)) for i in range(tasks_in(tasks))]
            leaves = [tree_flatten(result)[0] for result in results]
            structure = tree_flatten(results[0])[1]
            stacked: T = tree_unflatten([torch.stack(column) for column in zip(*leaves, strict=True)], structure)
            return stacked
        try:
            mapped: T = torch.func.vmap(fn, randomness="different", chunk_size=chunk_size)(tasks)
            return mapped
        except NetworkError:
            raise
        except (RuntimeError, ValueError) as error:
            cause = _cause(str(error))
            if cause is None:  # the user's own error: it says best what it is
                raise
            raise NetworkError(
                f"over_tasks: the network cannot be mapped over tasks (support {tuple(tasks.support.x.shape)}): {cause}. "
                'Change that layer, or use mode="loop" (--mode loop), which gives the same numbers.'
            ) from error


def _cause(text: str) -> str | None:
    """Our words for a failure that comes from mapping over tasks; None for any other."""
    if not any(word in text for word in ("vmap", "functorch", "Batching rule", "match the broadcast shape")):
        return None
    return next((ours for theirs, ours in _CAUSES if theirs in text), None)
