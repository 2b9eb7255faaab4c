"""TaskNorm: norm layers for tasks (Bronskill et al. 2020, "TaskNorm: Rethinking Batch Normalization for Meta-Learning",
arXiv:2003.03284). This is TaskNorm-I, which the paper recommends.

Each picture i is normalised by a blend of the moments of the support set, s, and of its own channels, i:

    α   = sigmoid(scale |D| + offset),           |D| pictures in the support set; scale and offset are learned
    μ_i = α μ_s + (1 - α) μ_i'
    σ²_i = α (σ²_s + (μ_s - μ_i)²) + (1 - α) (σ²_i' + (μ_i' - μ_i)²)

with μ_i', σ²_i' over the positions of picture i. So an answer depends on the support set and on no other query.

The moments of the support set change with the weights. So where a method answers queries with adapted weights, the support
set goes through the network beside them. Deviations: scale and offset start at 0 (α = 1/2). Methods that adapt
the norm layers (MAML) adapt scale and offset with them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from ..core.current_task import current_task

_support_rows: ContextVar[int | None] = ContextVar("_support_rows", default=None)


class TaskNorm2d(nn.BatchNorm2d):
    """TaskNorm-I of inputs ``[n, channels, H, W]``. Inside a `TaskNormNet` the first rows are those of the support set.

    Elsewhere all rows count as the support set.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)
        self.scale = nn.Parameter(torch.zeros(()))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """The rows of ``x``, normalised. The shape stays."""
        rows = _support_rows.get() or len(x)
        support_variance, support_mean = torch.var_mean(x[:rows], (0, 2, 3), correction=0, keepdim=True)
        own_variance, own_mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)  # [n, channels, 1, 1]
        alpha = torch.sigmoid(self.scale * rows + self.offset)
        mean = alpha * support_mean + (1 - alpha) * own_mean
        variance = alpha * (support_variance + (support_mean - mean).square()) + (1 - alpha) * (
            own_variance + (own_mean - mean).square()
        )
        return (x - mean) / (variance + self.eps).sqrt() * self.weight[:, None, None] + self.bias[:, None, None]


class TaskNormNet(nn.Sequential):
    """A backbone with `TaskNorm2d` layers. Queries pass through the network together with the support set of their task.

    Outside of a task the inputs are their own support set.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The features of ``x`` [n, C, H, W]."""
        support = current_task().support_x
        if support is None or x is support:
            return self._normalised(x, len(x))
        return self._normalised(torch.cat([support, x]), len(support))[len(support) :]

    def _normalised(self, x: Tensor, support_rows: int) -> Tensor:
        with _first_rows(support_rows):
            return nn.Sequential.forward(self, x)  # type: ignore[no-any-return, no-untyped-call]


@contextmanager
def _first_rows(rows: int) -> Iterator[None]:
    token = _support_rows.set(rows)
    try:
        yield
    finally:
        _support_rows.reset(token)
