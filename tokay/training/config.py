"""How to meta-train: the settings of ``fit``."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ..core.engine.batching import Mode
from ..core.outer_optimizer import OptimizerName, Schedule
from ..core.setting_types import Settings
from ..errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class FitConfig(Settings):
    """How to meta-train. A setting that is None takes the value of the method's paper."""

    name: ClassVar[str] = "fit"  # in messages

    steps: int = 2000
    """number of outer steps"""
    meta_batch: int | None = None
    """tasks per outer step (default: as in the method's paper)"""
    optimizer: OptimizerName | None = None
    """outer optimizer (default: that of the method's paper)"""
    lr: float | None = None
    """outer learning rate (for reptile: the meta step) (default: that of the method's paper)"""
    schedule: Schedule | None = None
    """outer learning rate over time: constant, linear or cosine to 0, or half every 2000 steps (default: the paper's)"""
    clip_norm: float | None = None
    """largest norm of the meta-gradient: a larger gradient is scaled down to it (default: no limit)"""
    clip_value: float | None = None
    """largest absolute value in the meta-gradient: larger entries are clamped (default: the paper's, mostly no limit)"""
    validate_every: int = 500
    """outer steps between two validations on held-out classes; the best weights are kept (0: never, keep the last)"""
    validation_tasks: int = 100
    """tasks in a validation"""
    patience: int = 0
    """stop early after so many validations without a better score (0: train all steps)"""
    seed: int = 0
    """decides the initial weights, the tasks and every other random draw"""
    mode: Mode = "vmap"
    """vmap: all tasks at once; loop: one after the other, for networks that vmap cannot run"""
    chunk_size: int | None = None
    """tasks computed at once (default: all)"""
    memory: int | None = None
    """memory in MiB for the tasks computed at once; decides the chunk size (default: no limit)"""
    cuda_graph: bool = False
    """on a CUDA device: record one outer step and replay it; several times faster for small networks"""

    def __post_init__(self) -> None:
        for name in ("steps", "validate_every", "patience"):
            if getattr(self, name) < 0:
                raise ConfigError(f"fit: {name} must not be negative, got {getattr(self, name)}.")
        for name in ("meta_batch", "lr", "clip_norm", "clip_value", "chunk_size", "memory"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"fit: {name} must be above 0, got {value}. Leave it out for the default.")
        if self.validation_tasks < 2:
            raise ConfigError(f"fit: validation_tasks must be at least 2, got {self.validation_tasks}.")
        if self.patience and not self.validate_every:
            raise ConfigError(
                f"fit: patience counts validations, and validate_every 0 means none, got patience {self.patience}. "
                "Set validate_every, or leave patience out."
            )
        if self.chunk_size is not None and self.memory is not None:
            raise ConfigError(
                "fit: chunk_size and memory both say how many tasks to compute at once. Give one of them."
            )


def check_device(config: FitConfig, device: torch.device, *, where: str) -> None:
    """Raises ``ConfigError``, beginning with ``where``, for ``cuda_graph`` on a device other than CUDA."""
    if config.cuda_graph and device.type != "cuda":
        raise ConfigError(
            f"{where}: --cuda-graph needs a CUDA device, the network is on {device}. "
            "Leave it out, or give --device cuda."
        )
