"""Accuracy by instance: how well a class is known when it is met for the first time, the second, the tenth.

The measure of Santoro et al. (2016, arXiv:1605.06065): one long sequence per task, in which every example is predicted
before its label is seen. The first presentation of a class can only be guessed; the second shows what one example taught.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.batching import Mode, over_tasks, task_slice
from ..core.network import device_of
from ..core.predictions import check_answers
from ..core.seeding import derive
from ..core.task import Examples, Task, TaskSource, TaskSpec, check_task
from ..errors import ConfigError
from .evaluate import BLOCK, blocks, comfortable_chunk, move, scored
from .scores import Score


@dataclass(frozen=True, kw_only=True)
class Instances:
    """What ``by_instance`` found."""

    accuracy: dict[int, Score]
    """by presentation of a class, from 1; means over the tasks that have such a one"""
    transductive: bool
    """whether what is predicted of an example depends on inputs that come later (by batch norm; labels never do)"""


def by_instance(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    *,
    tasks: int = 600,
    seed: int = 0,
    chunk_size: int | None = None,
    mode: Mode = "vmap",
    advanced: Callable[[int], object] | None = None,
) -> Instances:
    """Accuracy at the k-th presentation of a class along the support sets of ``tasks`` tasks, with 95% intervals.

    The tasks are those of ``evaluate`` with the same seed; their queries are not asked.

    Raises ``ConfigError`` for a method that does not read its support set in order, or tasks without classes.
    """
    check_ordered(algorithm, source.spec)
    if tasks < 2:
        raise ConfigError(f"instances: tasks must be at least 2 for an interval, got {tasks}. 600 is usual.")
    tasks = scored(source, tasks)
    check_answers(algorithm, net, source.spec, where="instances")
    algorithm = algorithm.at_test()
    device = device_of(net)
    collected: list[Tensor] = []
    transductive = False
    with torch.no_grad(), torch.random.fork_rng():
        for index, block in blocks(source, tasks, seed):
            task_batch = move(block, device)
            if index == 0:
                check_task(task_batch, source.spec, where="instances")
                transductive = _depends_on_later_inputs(algorithm, net, task_batch, mode)
            torch.manual_seed(derive(seed, "instances-draws", index))

            def measured(task: Task) -> Tensor:
                return accuracy_at(algorithm.along(net, task.support), task.support.y)

            chunk = chunk_size or comfortable_chunk(task_batch)
            collected.append(over_tasks(measured, task_batch, chunk_size=chunk, mode=mode).cpu())
            if advanced:
                advanced(min(tasks, (index + 1) * BLOCK))
    values = torch.cat(collected)  # [tasks, n]
    met = {k: column[~column.isnan()] for k, column in enumerate(values.unbind(1), 1)}
    return Instances(accuracy={k: Score.of(found) for k, found in met.items() if len(found)}, transductive=transductive)


def check_ordered(algorithm: Algorithm[Any], spec: TaskSpec) -> None:
    """Refuse a method whose predictions do not come one after the other, and tasks without classes."""
    if not algorithm.ordered:
        raise ConfigError(
            f"instances: {algorithm.name} takes the support set as a whole, so there is no first or second instance. "
            "Take a method that reads it in order (lstm, gru, mann, snail), or leave out --instances."
        )
    if spec.kind != "classification":
        raise ConfigError("instances: only classes are met again, got regression tasks. Leave out --instances.")


def accuracy_at(predictions: Tensor, y: Tensor) -> Tensor:
    """The share of right answers among the k-th presentations of a class, k = 1 ... n: ``[n]``, NaN where there is none.

    ``predictions`` and boolean one-hot ``y`` are ``[n, ways]``, in the order in which the examples are met.

    >>> y = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 0]]).bool()  # a, b, a again, padding
    >>> accuracy_at(torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), y)
    tensor([0.5000, 1.0000,    nan,    nan])
    """
    instance = (y.cumsum(0) * y).sum(1)  # [n], 0 for padding
    hit = (predictions.argmax(-1) == y.int().argmax(-1)).to(predictions.dtype)
    is_at = (instance == torch.arange(1, len(y) + 1, device=y.device)[:, None]).to(predictions.dtype)  # [n, n]
    return (is_at @ hit) / is_at.sum(1)


def _depends_on_later_inputs(algorithm: Algorithm[Any], net: nn.Module, tasks: Task, mode: Mode) -> bool:
    """Read the first task's support set twice, its second half changed: do the predictions of the first half differ?"""

    def both(task: Task) -> tuple[Tensor, Tensor]:
        x, y = task.support
        half = (len(x) + 1) // 2
        changed = Examples(torch.cat([x[:half], -x[half:]]), y)
        return algorithm.along(net, task.support)[:half], algorithm.along(net, changed)[:half]

    before, after = over_tasks(both, task_slice(tasks, 0, 1), mode=mode)
    return not torch.allclose(before, after, rtol=1e-3, atol=1e-4)
