"""The outer optimizer, which updates the meta-weights, and the schedules of its learning rate."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ..errors import NetworkError

Schedule = Literal["constant", "linear", "cosine", "halving"]
OptimizerName = Literal["adam", "sgd", "rmsprop"]


@dataclass(frozen=True, kw_only=True)
class Outer:
    """The outer optimizer that the paper of a method uses."""

    optimizer: OptimizerName = "adam"
    lr: float = 1e-3
    schedule: Schedule = "constant"
    clip_value: float | None = None  # clamp every entry of the meta-gradient to [-clip_value, clip_value]


def make_optimizer(
    parameters: Iterable[nn.Parameter], optimizer: OptimizerName, *, lr: float, where: str
) -> torch.optim.Optimizer:
    """Return a torch optimizer for the trainable ``parameters``. Raises ``NetworkError`` if none is trainable.

    RMSProp uses decay 0.95 and momentum 0.9, as papers on recurrent networks do (Graves 2013, arXiv:1308.0850).
    Deviation: Graves's version is centred, and made for a loss that is summed over outputs.
    """
    trainable = [p for p in parameters if p.requires_grad]
    if not trainable:
        raise NetworkError(
            f"{where}: the network must have a trainable parameter, got none. "
            "Set requires_grad on the weights to train."
        )
    if optimizer == "rmsprop":
        return torch.optim.RMSprop(trainable, lr=lr, alpha=0.95, momentum=0.9)
    kind = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
    # On a GPU, one kernel updates all weights. This saves the time to start many kernels.
    return kind(trainable, lr=lr, fused=all(p.is_cuda for p in trainable) or None)


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return the factor of the outer learning rate at ``step`` (from 0) of ``steps``.

    It has no state, so a resumed run needs nothing. ``halving`` multiplies by 1/2 every 2,000 steps, as in ProtoNet.

    >>> [rate_factor("linear", step, 4) for step in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    if schedule == "linear":
        return 1 - step / steps
    if schedule == "cosine":
        return (1 + math.cos(math.pi * step / steps)) / 2
    if schedule == "halving":
        return float(0.5 ** (step // 2000))
    return 1.0
