"""The gradient of a meta-batch with respect to the meta-weights, a few tasks at a time when memory asks for it."""

from typing import Any

import torch
from torch import Tensor, nn

from ..algorithm import Algorithm
from ..task import Task
from .batching import Mode, over_tasks, task_slice, tasks_in
from .second_derivatives import named_derivatives


def accumulate_meta_gradient(
    algorithm: Algorithm[Any], net: nn.Module, tasks: Task, *, chunk_size: int | None = None, mode: Mode = "vmap"
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add d reduce(losses) / d meta-weights to the ``.grad`` of ``net``; give the cost and the metrics ``[tasks]``.

    With a ``chunk_size`` the graph of no more than that many tasks is alive at a time, and the gradient is the same:
    by the chain rule it is the sum over chunks of (d reduce / d losses of the chunk) times (d losses / d meta-weights).

    Raises ``NetworkError`` for an operation that has no second derivative where one is needed.
    """
    with named_derivatives(algorithm.name):
        return _accumulate(algorithm, net, tasks, chunk_size, mode)


def _accumulate(
    algorithm: Algorithm[Any], net: nn.Module, tasks: Task, chunk_size: int | None, mode: Mode
) -> tuple[Tensor, dict[str, Tensor]]:
    total = tasks_in(tasks)
    chunk = min(chunk_size or total, total)

    def losses_of(start: int) -> tuple[Tensor, dict[str, Tensor]]:
        part = task_slice(tasks, start, start + chunk)
        losses, metrics = over_tasks(lambda task: algorithm.loss(net, task), part, mode=mode)
        return losses, {name: values.detach() for name, values in metrics.items()}

    if chunk == total:
        losses, metrics = losses_of(0)
        cost = algorithm.reduce(losses)
        cost.backward()  # type: ignore[no-untyped-call]
        return cost.detach(), metrics

    starts = range(0, total, chunk)
    if type(algorithm).reduce is Algorithm.reduce:  # a mean: every task weighs the same, whatever its loss
        device = tasks.support.x.device
        shares = torch.full((total,), 1 / total, dtype=torch.float64, device=device)  # exact whatever the losses are
    else:
        shares = _shares(algorithm, losses_of, starts)
    parts = []
    for start in starts:
        losses, metrics = losses_of(start)
        (losses * shares[start : start + chunk].to(losses)).sum().backward()  # type: ignore[no-untyped-call]
        parts.append((losses.detach(), metrics))
    losses = torch.cat([part[0] for part in parts])
    return algorithm.reduce(losses), {name: torch.cat([part[1][name] for part in parts]) for name in parts[0][1]}


def _shares(algorithm: Algorithm[Any], losses_of: Any, starts: range) -> Tensor:
    """d reduce / d losses. The random state is put back, so that the second pass draws what this one drew."""
    before = torch.get_rng_state()
    with torch.no_grad():
        losses = torch.cat([losses_of(start)[0] for start in starts])
    torch.set_rng_state(before)
    shares: Tensor = torch.func.grad(algorithm.reduce)(losses)
    return shares
