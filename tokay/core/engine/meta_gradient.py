"""Computes the meta-gradient of a batch of tasks, in chunks of tasks if memory is limited."""

from typing import Any

import torch
from torch import Tensor, nn

from ..algorithm import Algorithm
from ..task import Task
from .batching import Mode, count_tasks, over_tasks, task_slice
from .second_derivatives import explain_missing_derivatives


def accumulate_meta_gradient(
    algorithm: Algorithm[Any],
    net: nn.Module,
    tasks: Task,
    *,
    keys: Tensor | None = None,
    chunk_size: int | None = None,
    mode: Mode = "vmap",
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add d reduce(losses) / d meta-weights to the ``.grad`` of ``net``. Return the cost and the metrics ``[tasks]``.

    ``chunk_size`` limits how many tasks have their graph in memory at once. It does not change the gradient: by the
    chain rule, it is the sum over chunks of (d reduce / d losses of the chunk) times (d losses / d meta-weights).
    ``keys`` are those of ``over_tasks``.

    Raises ``NetworkError`` if the method needs a second derivative and an operation has none.
    """
    with explain_missing_derivatives(algorithm.name):
        return _accumulate(algorithm, net, tasks, keys, chunk_size, mode)


def _accumulate(
    algorithm: Algorithm[Any],
    net: nn.Module,
    tasks: Task,
    keys: Tensor | None,
    chunk_size: int | None,
    mode: Mode,
) -> tuple[Tensor, dict[str, Tensor]]:
    total = count_tasks(tasks)
    chunk = min(chunk_size or total, total)

    def chunk_losses(start: int) -> tuple[Tensor, dict[str, Tensor]]:
        part = task_slice(tasks, start, start + chunk)
        part_keys = None if keys is None else keys[start : start + chunk]
        losses, metrics = over_tasks(lambda task: algorithm.loss(net, task), part, keys=part_keys, mode=mode)
        return losses, {name: values.detach() for name, values in metrics.items()}

    if chunk == total:
        losses, metrics = chunk_losses(0)
        cost = algorithm.reduce(losses)
        cost.backward()  # type: ignore[no-untyped-call]
        return cost.detach(), metrics

    starts = range(0, total, chunk)
    if type(algorithm).reduce is Algorithm.reduce:  # a mean: every task has the same weight
        device = tasks.support.x.device
        loss_weights = torch.full((total,), 1 / total, dtype=torch.float64, device=device)  # losses may be float64
    else:
        loss_weights = _loss_weights(algorithm, chunk_losses, starts)
    parts = []
    for start in starts:
        losses, metrics = chunk_losses(start)
        (losses * loss_weights[start : start + chunk].to(losses)).sum().backward()  # type: ignore[no-untyped-call]
        parts.append((losses.detach(), metrics))
    losses = torch.cat([part[0] for part in parts])
    return algorithm.reduce(losses), {name: torch.cat([part[1][name] for part in parts]) for name in parts[0][1]}


def _loss_weights(algorithm: Algorithm[Any], chunk_losses: Any, starts: range) -> Tensor:
    """Return d reduce / d losses ``[tasks]``. Restores the random state, so that the second pass repeats the draws."""
    rng_state = torch.get_rng_state()
    with torch.no_grad():
        losses = torch.cat([chunk_losses(start)[0] for start in starts])
    torch.set_rng_state(rng_state)
    weights: Tensor = torch.func.grad(algorithm.reduce)(losses)
    return weights
