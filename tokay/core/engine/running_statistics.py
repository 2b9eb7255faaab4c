"""Running statistics of batch norm, gathered over tasks: the published, non-transductive protocol of metric methods.

In training, a batch norm uses the statistics of the rows it sees. After each outer step one more forward pass of
the backbone, without gradients, measures the mean and the variance of every channel in each task of the meta-batch (its
support set and its queries together), and moves the running values towards their average over the tasks:

    r <- (1 - m) r + m mean_T (statistic of T),      m = 0.1 as in torch

In evaluation mode the running values take the place of the batch's own, so an answer depends on no other row. They belong
to the meta-weights; adaptation reads and never changes them.
"""

from contextvars import ContextVar
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..task import Task
from .batching import Mode, over_tasks


class _Moments(NamedTuple):
    """The norm layers that ran, in order, and the mean and variance ``[c]`` of their inputs."""

    layers: list["RunningBatchNorm2d"]
    values: list[tuple[Tensor, Tensor]]


_record: ContextVar[_Moments | None] = ContextVar("_record", default=None)


class RunningBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that keeps running statistics of tasks (see this module) and uses them in evaluation mode.

    Inputs and outputs are ``[n, channels, H, W]``. A forward pass changes nothing; ``update_running_statistics`` does.
    """

    mean_of_tasks: Tensor  # [channels]
    variance_of_tasks: Tensor  # [channels]

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)
        self.register_buffer("mean_of_tasks", torch.zeros(channels))
        self.register_buffer("variance_of_tasks", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The rows of ``x``, normalised by their own statistics in training, by the running ones in evaluation mode."""
        moments = _record.get()
        if moments is not None:
            variance, mean = torch.var_mean(x.detach(), (0, 2, 3))  # unbiased, as torch's running variance
            moments.layers.append(self)
            moments.values.append((mean, variance))
        if self.training:
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return F.batch_norm(x, self.mean_of_tasks, self.variance_of_tasks, self.weight, self.bias, False, 0.0, self.eps)


class RunningStatistics(nn.Sequential):
    """A backbone whose norm layers are `RunningBatchNorm2d`. It takes the inputs of tasks."""


def keeps_running_statistics(net: nn.Module) -> bool:
    """Return whether some part of ``net`` is a `RunningStatistics`."""
    return any(isinstance(module, RunningStatistics) for module in net.modules())


def update_running_statistics(
    net: nn.Module, tasks: Task, *, chunk_size: int | None = None, mode: Mode = "vmap"
) -> None:
    """Move the running statistics in ``net`` towards those of ``tasks``. Nothing happens if it keeps none."""
    for backbone in [module for module in net.modules() if isinstance(module, RunningStatistics)]:
        _update(backbone, tasks, chunk_size, mode)


def _update(backbone: RunningStatistics, tasks: Task, chunk_size: int | None, mode: Mode) -> None:
    moments = _Moments([], [])

    def measure(task: Task) -> list[Tensor]:
        moments.layers.clear()
        moments.values.clear()
        backbone(torch.cat([task.support.x, task.query.x]))
        return [value for pair in moments.values for value in pair]

    token = _record.set(moments)
    try:
        with torch.no_grad():
            statistics = [value.mean(0) for value in over_tasks(measure, tasks, chunk_size=chunk_size, mode=mode)]
    finally:
        _record.reset(token)
    for layer, mean, variance in zip(moments.layers, statistics[::2], statistics[1::2], strict=True):
        layer.mean_of_tasks.lerp_(mean, layer.momentum or 0.0)
        layer.variance_of_tasks.lerp_(variance, layer.momentum or 0.0)
