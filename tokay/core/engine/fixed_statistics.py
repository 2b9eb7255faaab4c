"""Batch norm with statistics from another batch: record them on the support set, use them for the queries.

A network whose batch norms keep no running statistics needs those of some batch. With the statistics of the support
set, the answer to a query depends on the task alone, not on the other queries. No module changes: the mode sees every
call of ``batch_norm``, in the order of the forward pass.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.overrides import TorchFunctionMode

from ...errors import NetworkError


class Statistics(NamedTuple):
    """What one batch norm measured: the mean and the variance of each channel, both ``[c]``."""

    mean: Tensor
    variance: Tensor


class _BatchNorm(NamedTuple):
    """The arguments of one call of batch norm."""

    input: Tensor
    mean: Tensor | None
    variance: Tensor | None
    weight: Tensor | None
    bias: Tensor | None
    uses_batch: bool
    momentum: float
    eps: float


def _as_functional(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> _BatchNorm:
    return _BatchNorm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def _as_torch(  # the same function under another name, with its arguments in another order
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> _BatchNorm:
    return _BatchNorm(input, running_mean, running_var, weight, bias, training, momentum, eps)


_READERS: dict[Any, Callable[..., _BatchNorm]] = {F.batch_norm: _as_functional, torch.batch_norm: _as_torch}


class _Mode(TorchFunctionMode):
    """Hands every batch norm that uses the statistics of its batch to ``replacement``."""

    def __init__(self, replacement: Callable[[_BatchNorm], Tensor]) -> None:
        super().__init__()
        self.replacement = replacement

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _READERS:
            call = _READERS[func](*args, **(kwargs or {}))
            if call.uses_batch:
                return self.replacement(call)
        return func(*args, **(kwargs or {}))


@contextmanager
def recorded_statistics() -> Iterator[list[Statistics]]:
    """Collects the statistics of every batch norm that runs inside, in order.

    Raises ``NetworkError`` if one runs under ``vmap``, where each task has its own.
    """
    statistics: list[Statistics] = []

    def record(call: _BatchNorm) -> Tensor:
        if is_functorch_wrapped_tensor(call.input):
            raise NetworkError("recorded_statistics: batch norm must not run under vmap. Call the network plainly.")
        axes = [axis for axis in range(call.input.ndim) if axis != 1]
        variance, mean = torch.var_mean(call.input, axes, correction=0)
        statistics.append(Statistics(mean, variance))
        return F.batch_norm(call.input, None, None, call.weight, call.bias, True, call.momentum, call.eps)

    with _Mode(record):
        yield statistics


@contextmanager
def fixed_statistics(statistics: list[Statistics]) -> Iterator[None]:
    """Every batch norm inside uses the next of ``statistics`` instead of those of its batch.

    Raises ``NetworkError`` if there are more batch norms than statistics, or fewer.

    >>> from torch import nn
    >>> norm, support = nn.BatchNorm1d(1, track_running_stats=False), torch.tensor([[0.0], [2.0]])
    >>> with recorded_statistics() as statistics:
    ...     _ = norm(support)
    >>> with torch.no_grad(), fixed_statistics(statistics):
    ...     norm(torch.tensor([[4.0]])).round(decimals=2)
    tensor([[3.]])
    """
    remaining = iter(statistics)

    def replay(call: _BatchNorm) -> Tensor:
        following = next(remaining, None)
        if following is None or is_functorch_wrapped_tensor(call.input):
            raise NetworkError("fixed_statistics: there are more batch norms than statistics, or one under vmap.")
        mean, variance = following
        return F.batch_norm(call.input, mean, variance, call.weight, call.bias, False, call.momentum, call.eps)

    with _Mode(replay):
        yield
    if next(remaining, None) is not None:
        raise NetworkError("fixed_statistics: there are fewer batch norms than statistics.")
