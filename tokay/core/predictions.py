"""Checks that method, network and tasks fit together, and predicts queries together or one by one."""

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from .algorithm import Algorithm
from .current_task import current_task, in_task
from .network import check_outputs, check_statistics
from .objectives import mean_of_rows
from .task import Examples, Task, TaskSpec, kind_of


def check_kind(algorithm: Algorithm[Any], spec: TaskSpec, *, where: str) -> None:
    """Raise ``ConfigError`` if the method, with its settings, does not learn this kind of task or of inputs."""
    if spec.kind not in algorithm.takes():
        raise ConfigError(
            f"{where}: {algorithm.name} learns {' or '.join(algorithm.takes())}, got {spec.kind} tasks. "
            "Choose another setting, method or source (tokay list)."
        )
    if spec.x_type == "integer" and algorithm.refuses_indices:
        raise ConfigError(
            f"{where}: {algorithm.name} cannot learn from indices, because {algorithm.refuses_indices}. "
            "Choose another method or other inputs."
        )


def check_compatible(algorithm: Algorithm[Any], net: nn.Module, spec: TaskSpec, *, where: str) -> None:
    """Raise an error if method, network and tasks do not fit together. Call it before training or evaluating.

    Raises ``ConfigError`` if the method does not learn this kind of task, and ``NetworkError`` if the network updates
    running statistics or has the wrong number of outputs.
    """
    check_kind(algorithm, spec, where=where)
    check_statistics(net, where=where)
    if not algorithm.any_ways:  # otherwise the network returns features, or each task gets a new head
        check_outputs(net, spec, where=where)


def predict_queries(
    algorithm: Algorithm[Any], net: nn.Module, state: Any, support_x: Tensor, x: Tensor, *, inductive: bool
) -> Tensor:
    """Return the predictions ``[m, d]`` for the queries ``x`` ``[m, *x_shape]``.

    With ``inductive``, each query is predicted by itself, in one batch with the support examples ``[n, *x_shape]``.
    Then batch statistics contain no other query. This is the protocol of the Reptile paper. It takes ``m`` forward
    passes instead of one.
    """
    with in_task(current_task().key, support_x):
        if not inductive:
            return algorithm.predict(net, state, x)
        rows = [algorithm.predict(net, state, torch.cat([support_x, query[None]]))[-1] for query in x.unbind()]
        return torch.stack(rows)


def extra_measures(
    algorithm: Algorithm[Any], net: nn.Module, state: Any, task: Task, *, inductive: bool
) -> dict[str, Tensor]:
    """Return the means over the queries of the method's own metrics (``Algorithm.measures``).

    ``inductive`` works as in ``predict_queries``.
    """
    (x, y), (query_x, query_y) = task
    if inductive:
        measures = [
            algorithm.measures(net, state, Examples(torch.cat([x, query[None]]), torch.cat([y, target[None]])))
            for query, target in zip(query_x.unbind(), query_y.unbind(), strict=True)
        ]
        rows = {name: torch.stack([row[name][-1] for row in measures]) for name in measures[0]}
    else:
        rows = dict(algorithm.measures(net, state, task.query))
    has_classes = kind_of(query_y) == "classification"
    return {name: mean_of_rows(values, query_y) if has_classes else values.mean() for name, values in rows.items()}
