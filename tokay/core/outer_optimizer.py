"""The outer optimizer: what moves the meta-weights, and how its rate changes over a run."""

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
    """The outer optimizer a method's paper uses."""

    optimizer: OptimizerName = "adam"
    lr: float = 1e-3
    schedule: Schedule = "constant"
    clip_value: float | None = None  # every entry of the meta-gradient is clamped to plus or minus this


def make_optimizer(
    parameters: Iterable[nn.Parameter], optimizer: OptimizerName, *, lr: float, where: str
) -> torch.optim.Optimizer:
    """An ordinary torch optimizer over the trainable ones of ``parameters``; ``NetworkError`` when there are none.

    RMSProp has the decay of 0.95 and the momentum of 0.9 that papers on recurrent networks use (Graves 2013,
    arXiv:1308.0850, whose own is centred, and made for a loss that is summed over outputs).
    """
    trainable = [p for p in parameters if p.requires_grad]
    if not trainable:
        raise NetworkError(
            f"{where}: the network must have a trainable parameter, got none. Set requires_grad on what should be learned."
        )
    if optimizer == "rmsprop":
        return torch.optim.RMSprop(trainable, lr=lr, alpha=0.95, momentum=0.9)
    kind = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
    # One kernel for all weights, where starting kernels is what takes time.
    return kind(trainable, lr=lr, fused=all(p.is_cuda for p in trainable) or None)


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """What the outer rate is multiplied by at ``step`` (from 0) of ``steps``: a pure function, so nothing to resume.

    ``halving`` is ProtoNet's: times 1/2 every 2,000 episodes.

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
