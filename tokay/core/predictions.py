"""Asking a method: whether its network can answer at all, all queries at once, or each alone."""

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from .algorithm import Algorithm
from .network import check_outputs, check_statistics
from .objectives import mean_of_rows
from .task import Examples, Task, TaskSpec, kind_of


def check_kind(algorithm: Algorithm[Any], spec: TaskSpec, *, where: str) -> None:
    """Refuse tasks of a kind the method, with its settings, does not learn."""
    if spec.kind not in algorithm.takes():
        raise ConfigError(
            f"{where}: {algorithm.name} learns {' or '.join(algorithm.takes())}, got {spec.kind} tasks. "
            "Choose another setting, method or source (tokay list)."
        )


def check_answers(algorithm: Algorithm[Any], net: nn.Module, spec: TaskSpec, *, where: str) -> None:
    """Refuse, at the boundary, what cannot work: tasks of a kind the method does not learn, and a network that keeps
    running statistics or does not give what ``spec`` asks for."""
    check_kind(algorithm, spec, where=where)
    check_statistics(net, where=where)
    if not algorithm.any_ways:  # otherwise the network gives features, or a head is made for each task
        check_outputs(net, spec, where=where)


def answer(
    algorithm: Algorithm[Any], net: nn.Module, state: Any, support_x: Tensor, x: Tensor, *, inductive: bool
) -> Tensor:
    """Predictions ``[m, d]`` for ``x`` ``[m, *x_shape]``.

    With ``inductive`` each query goes through the network alone behind the support examples ``[n, *x_shape]``, so that
    batch statistics hold no other query: the protocol of the Reptile paper. It costs ``m`` passes instead of one.
    """
    if not inductive:
        return algorithm.predict(net, state, x)
    return torch.stack([algorithm.predict(net, state, torch.cat([support_x, query[None]]))[-1] for query in x.unbind()])


def own_measures(
    algorithm: Algorithm[Any], net: nn.Module, state: Any, task: Task, *, inductive: bool
) -> dict[str, Tensor]:
    """What a method measures beside its answers, as a mean over the queries; asked like ``answer``."""
    (x, y), (query_x, query_y) = task
    if inductive:
        alone = [
            algorithm.measures(net, state, Examples(torch.cat([x, query[None]]), torch.cat([y, target[None]])))
            for query, target in zip(query_x.unbind(), query_y.unbind(), strict=True)
        ]
        rows = {name: torch.stack([row[name][-1] for row in alone]) for name in alone[0]}
    else:
        rows = dict(algorithm.measures(net, state, task.query))
    classes = kind_of(query_y) == "classification"
    return {name: mean_of_rows(values, query_y) if classes else values.mean() for name, values in rows.items()}
