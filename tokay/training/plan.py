"""The settings that a training run really uses: those of the user, and for the rest those of the method's paper."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..core.algorithm import Algorithm
from ..core.outer_optimizer import OptimizerName, Schedule, make_optimizer, rate_factor
from ..core.source_abilities import Paced
from ..core.task import TaskSource
from .config import FitConfig


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """The settings of the outer loop, with no value left open except ``clip_value``."""

    meta_batch: int  # tasks per outer step
    chunk_size: int  # tasks computed at once, if no memory budget decides
    optimizer: OptimizerName
    lr: float  # the outer learning rate before the schedule
    schedule: Schedule
    clip_value: float | None  # None: no clamp

    def make_optimizer(self, net: nn.Module, *, where: str) -> torch.optim.Optimizer:
        """A new outer optimizer for ``net``. Raises ``NetworkError``, beginning with ``where``, if no weight can train."""
        return make_optimizer(net.parameters(), self.optimizer, lr=self.lr, where=where)

    def lr_at(self, step: int, steps: int) -> float:
        """The outer learning rate of ``step`` (from 0) of ``steps``."""
        return self.lr * rate_factor(self.schedule, step, steps)


def follows_total(algorithm: Algorithm[Any], config: FitConfig, source: TaskSource) -> list[str]:
    """What depends on the total number of steps, so that a longer training is another one from its first step.

    >>> from tokay import MAML, Reptile, Sizes
    >>> from tokay.tasks import Sinusoid
    >>> source = Sinusoid().tasks("train", Sizes(ways=1, shots=5, queries=5))
    >>> [follows_total(method, FitConfig(), source) for method in (MAML(), Reptile())]
    [[], ['the learning rate (linear)']]
    """
    schedule = resolve(algorithm, config).schedule
    parts = (
        [f"the learning rate ({schedule})"] if rate_factor(schedule, 1, 10**9) != rate_factor(schedule, 1, 2) else []
    )
    parts += ["the method"] if any(algorithm.at_progress(part) != algorithm for part in (0.0, 0.5, 0.99)) else []
    return parts + (["the size of the episodes"] if isinstance(source, Paced) else [])


def resolve(algorithm: Algorithm[Any], config: FitConfig) -> TrainingPlan:
    """Fills in what ``config`` leaves at None with the defaults of the method.

    >>> from tokay import MAML
    >>> plan = resolve(MAML(), FitConfig(lr=0.5))
    >>> plan.lr, plan.meta_batch == MAML.meta_batch, plan.chunk_size == MAML.meta_batch
    (0.5, True, True)
    """
    outer = algorithm.outer
    meta_batch = config.meta_batch or algorithm.meta_batch
    return TrainingPlan(
        meta_batch=meta_batch,
        chunk_size=config.chunk_size or (1 if config.mode == "loop" else meta_batch),
        optimizer=config.optimizer or outer.optimizer,
        lr=config.lr or outer.lr,
        schedule=config.schedule or outer.schedule,
        clip_value=config.clip_value or outer.clip_value,
    )
