"""Asking a method: whether its network can answer at all, all queries at once, or each alone."""

from typing import Any

import torch
from torch import Tensor, nn

from .algorithm import Algorithm
from .network import check_outputs, check_statistics
from .task import TaskSpec


def check_answers(
    algorithm: Algorithm[Any], net: nn.Module, spec: TaskSpec, *, where: str, training: bool = False
) -> None:
    """Refuse, at the boundary, a network that keeps running statistics or does not give what ``spec`` asks for."""
    check_statistics(net, where=where)
    # A method that lays its meta-weights out in its own way, or makes a new head for each task, knows what it gives.
    if type(algorithm).build is Algorithm.build and (training or not algorithm.any_ways):
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
