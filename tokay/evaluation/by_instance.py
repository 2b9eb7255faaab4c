"""Accuracy by instance: how well a method answers the first, the second, the tenth example of a class.

The measure of Santoro et al. (2016, arXiv:1605.06065). Each task is one long sequence. The method predicts every example
before it sees the label. It can only guess the first example of a class. The second shows what one example taught.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.batching import Mode, over_tasks, to_device
from ..core.engine.private_copy import evaluation_copy
from ..core.network import device_of
from ..core.predictions import check_compatible
from ..core.seeding import BLOCK, derive_seed
from ..core.task import Examples, Task, TaskSource, TaskSpec, check_task
from ..errors import ConfigError
from .batch_dependence import answer_twice, depends_on_batch
from .scores import Score
from .task_blocks import chunk_that_fits, count_scored, task_blocks


@dataclass(frozen=True, kw_only=True)
class Instances:
    """The result of ``by_instance``."""

    accuracy: dict[int, Score]
    """for the k-th example of a class, k from 1: the mean over the tasks that have one"""
    transductive: bool
    """whether a prediction depends on later inputs (batch norm makes it so; it never depends on later labels)"""


def by_instance(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    *,
    tasks: int = 600,
    seed: int = 0,
    chunk_size: int | None = None,
    mode: Mode = "vmap",
    on_progress: Callable[[int], object] | None = None,
) -> Instances:
    """The accuracy at the k-th example of a class in the support sets of ``tasks`` tasks, with 95% intervals.

    The tasks are those of ``evaluate`` with the same seed. Their queries are not used. ``on_progress`` is called with
    the number of tasks scored so far.

    Raises ``ConfigError`` for a method that does not read its support set in order, and for tasks without classes.
    """
    check_ordered(algorithm, source.spec)
    if tasks < 2:
        raise ConfigError(f"instances: tasks must be at least 2 for an interval, got {tasks}. 600 is usual.")
    tasks = count_scored(source, tasks)
    check_compatible(algorithm, net, source.spec, where="instances")
    net = evaluation_copy(net)
    algorithm = algorithm.at_test()
    parts: list[Tensor] = []
    transductive = False
    with torch.no_grad(), torch.random.fork_rng():
        for index, block in task_blocks(source, tasks, seed):
            batch = to_device(block, device_of(net))
            if index == 0:
                check_task(batch, source.spec, where="instances")
                transductive = _depends_on_later_inputs(algorithm, net, batch, mode)
            torch.manual_seed(derive_seed(seed, "instances-draws", index))
            parts.append(_accuracies(algorithm, net, batch, chunk_size or chunk_that_fits(batch), mode))
            if on_progress:
                on_progress(min(tasks, (index + 1) * BLOCK))
    return Instances(accuracy=_scores(torch.cat(parts)), transductive=transductive)


def check_ordered(algorithm: Algorithm[Any], spec: TaskSpec) -> None:
    """Raises ``ConfigError`` for a method that does not predict in order, and for tasks without classes."""
    if not algorithm.ordered:
        raise ConfigError(
            f"instances: {algorithm.name} takes the support set as a whole, so there is no first or second instance. "
            "Choose a method that reads it in order (lstm, gru, mann, snail), or leave out --instances."
        )
    if spec.kind != "classification":
        raise ConfigError(f"instances: tasks must have classes, got {spec.kind} tasks. Leave out --instances.")


def accuracy_at(predictions: Tensor, y: Tensor) -> Tensor:
    """The share of right answers among the k-th examples of the classes, k = 1 ... n: ``[n]``, NaN if there is none.

    ``predictions`` and boolean one-hot ``y`` are ``[n, ways]``, in the order of the sequence.

    >>> y = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 0]]).bool()  # a, b, a again, padding
    >>> accuracy_at(torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), y)
    tensor([0.5000, 1.0000,    nan,    nan])
    """
    instance = (y.cumsum(0) * y).sum(1)  # [n], 0 for padding
    hit = (predictions.argmax(-1) == y.int().argmax(-1)).to(predictions.dtype)
    is_at = (instance == torch.arange(1, len(y) + 1, device=y.device)[:, None]).to(predictions.dtype)  # [n, n]
    return (is_at @ hit) / is_at.sum(1)


def _accuracies(algorithm: Algorithm[Any], net: nn.Module, tasks: Task, chunk_size: int, mode: Mode) -> Tensor:
    """``accuracy_at`` of every task: ``[tasks, n]``, on the CPU."""

    def accuracies(task: Task) -> Tensor:
        return accuracy_at(algorithm.predict_along(net, task.support), task.support.y)

    return over_tasks(accuracies, tasks, chunk_size=chunk_size, mode=mode).cpu()


def _scores(accuracies: Tensor) -> dict[int, Score]:
    """The score at each k, from ``[tasks, n]`` with NaN for tasks that have no k-th example."""
    columns = {k: column[~column.isnan()] for k, column in enumerate(accuracies.unbind(1), 1)}
    return {k: Score.of(column) for k, column in columns.items() if len(column)}


def _depends_on_later_inputs(algorithm: Algorithm[Any], net: nn.Module, tasks: Task, mode: Mode) -> bool:
    """Whether the predictions of the first half of a support set change if the second half changes."""

    def answers(task: Task) -> tuple[Tensor, Tensor]:
        x, y = task.support
        return answer_twice(lambda inputs: algorithm.predict_along(net, Examples(inputs, y)), x)

    return depends_on_batch(answers, tasks, mode=mode)
