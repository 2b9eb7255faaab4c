"""How to meta-train: the settings of ``fit``."""

from dataclasses import dataclass

from ..core.engine.batching import Mode
from ..core.outer_optimizer import OptimizerName, Schedule
from ..errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How to meta-train. What is left at None is what the method's paper uses."""

    steps: int = 2000
    """outer steps"""
    meta_batch: int | None = None
    """tasks per outer step"""
    optimizer: OptimizerName | None = None
    """outer optimizer"""
    lr: float | None = None
    """outer learning rate (for reptile, the meta step)"""
    schedule: Schedule | None = None
    """how the outer rate changes: constant, linear to 0, cosine to 0, or halving every 2000 steps"""
    clip_norm: float | None = None
    """scale the meta-gradient down to this norm"""
    clip_value: float | None = None
    """clamp every entry of the meta-gradient to plus or minus this; most methods' papers do not"""
    validate_every: int = 500
    """outer steps between validations on held-out classes; the best is kept (0: never, the last is kept)"""
    validation_tasks: int = 100
    """tasks in a validation"""
    seed: int = 0
    """decides the initial weights, the tasks and every random draw"""
    mode: Mode = "vmap"
    """vmap: all tasks at once; loop: one by one, for networks that cannot be mapped"""
    chunk_size: int | None = None
    """how many tasks to compute at once (all of them)"""
    memory: int | None = None
    """MiB that the tasks computed at once may take: chooses the chunk size"""
    cuda_graph: bool = False
    """on a CUDA device: record an outer step once and replay it, which is several times as fast for small networks"""

    def __post_init__(self) -> None:
        for name in ("steps", "validate_every"):
            if getattr(self, name) < 0:
                raise ConfigError(f"fit: {name} must not be negative, got {getattr(self, name)}.")
        for name in ("meta_batch", "lr", "clip_norm", "clip_value", "chunk_size", "memory"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"fit: {name} must be above 0, got {value}. Leave it out for the usual.")
        if self.validation_tasks < 2:
            raise ConfigError(f"fit: validation_tasks must be at least 2, got {self.validation_tasks}.")
        if self.chunk_size is not None and self.memory is not None:
            raise ConfigError(
                "fit: chunk_size and memory both say how many tasks to compute at once. Give one of them."
            )
