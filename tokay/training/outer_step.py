"""One outer step: draw tasks, compute their meta-gradient, change the weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.current_task import task_keys
from ..core.engine.batching import Mode, task_slice, to_device
from ..core.engine.cuda_graph import GraphedFunction
from ..core.engine.memory_budget import fitting_chunk_size
from ..core.engine.meta_gradient import accumulate_meta_gradient
from ..core.engine.running_statistics import keeps_running_statistics, update_running_statistics
from ..core.engine.unused_weights import check_no_unused_weights
from ..core.network import check_input_type, device_of
from ..core.seeding import derive_seed, generator
from ..core.source_abilities import Paced
from ..core.task import Task, TaskSource, check_task
from ..errors import DivergenceError
from .config import FitConfig, check_device
from .plan import TrainingPlan


class KeyedTasks(NamedTuple):
    """The tasks of a meta-batch, and their keys: int64 [tasks]."""

    tasks: Task
    keys: Tensor


class StepResult(NamedTuple):
    """The result of one outer step, as tensors."""

    cost: Tensor  # the scalar that was minimised
    metrics: dict[str, Tensor]  # each [tasks]
    is_finite: Tensor  # whether cost and gradient are finite, as a boolean scalar


@dataclass(frozen=True, eq=False)
class MetaGradient:
    """Computes the meta-gradient of a meta-batch, and adds it to the ``.grad`` of ``net``."""

    net: nn.Module
    chunk_size: int
    mode: Mode

    def __call__(self, algorithm: Algorithm[Any], batch: KeyedTasks) -> StepResult:
        """The cost, metrics and finiteness of the meta-gradient of a meta-batch."""
        cost, metrics = accumulate_meta_gradient(
            algorithm, self.net, batch.tasks, keys=batch.keys, chunk_size=self.chunk_size, mode=self.mode
        )
        sums = torch.stack([cost, *(p.grad.sum() for p in self.net.parameters() if p.grad is not None)])
        return StepResult(cost, metrics, torch.isfinite(sums).all())


class TaskStream:
    """The meta-batch of every step: a pure function of (seed, step).

    Call ``prefetch`` after starting the work of a step. On an accelerator it draws the tasks of the next step while the
    accelerator still computes. On a CPU it does nothing.
    """

    def __init__(self, source: TaskSource, config: FitConfig, meta_batch: int, device: torch.device) -> None:
        self._source, self._config, self._meta_batch, self._device = source, config, meta_batch, device
        self._next: KeyedTasks | None = None

    def take(self, step: int) -> KeyedTasks:
        """The tasks of ``step``, on the device. Call it for one step after the other."""
        batch, self._next = self._next, None
        return batch or self._sample(step)

    def prefetch(self, step: int) -> None:
        """Draws the tasks of ``step`` early, if there is such a step and an accelerator."""
        if self._device.type != "cpu" and step < self._config.steps:
            self._next = self._sample(step)

    def _sample(self, step: int) -> KeyedTasks:
        source = self._source
        if isinstance(source, Paced):
            source = source.at_progress(step / self._config.steps)
        tasks = source.sample(self._meta_batch, generator(self._config.seed, "train", step))
        keys = task_keys(self._config.seed, "train", step, self._meta_batch)
        return to_device(KeyedTasks(tasks, keys), self._device)


class OuterStep:
    """Does one outer step after the other on ``net`` and ``optimizer``."""

    def __init__(
        self,
        algorithm: Algorithm[Any],
        net: nn.Module,
        source: TaskSource,
        config: FitConfig,
        plan: TrainingPlan,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self._algorithm, self._net, self._config, self._plan = algorithm, net, config, plan
        self._optimizer, self._spec = optimizer, source.spec
        device = device_of(net)
        self._stream = TaskStream(source, config, plan.meta_batch, device)
        chunk_size = (
            plan.chunk_size if config.memory is None else _chunk_in_budget(algorithm, net, source, config, plan)
        )
        self._chunk_size, self._keeps_statistics = chunk_size, keeps_running_statistics(net)
        gradient = MetaGradient(net, chunk_size, config.mode)
        check_device(config, device, where=algorithm.name)
        self._gradient: Callable[[Algorithm[Any], KeyedTasks], StepResult] = (
            GraphedFunction(gradient, net.parameters(), where=algorithm.name) if config.cuda_graph else gradient
        )

    def run(self, step: int) -> StepResult:
        """Does ``step`` (from 0). Raises ``DivergenceError``, with the weights unchanged, if a number is not finite."""
        algorithm, config = self._algorithm, self._config
        batch = self._stream.take(step)
        if step == 0:
            check_task(batch.tasks, self._spec, where="fit", every_class=not (algorithm.joint or algorithm.ordered))
            check_input_type(self._net, batch.tasks.support.x, where="fit")
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.lr_at(step, config.steps)
        self._optimizer.zero_grad()
        # The seed of the step decides the draws inside the network (dropout, latent samples), not what ran before.
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(config.seed, "draws", step))
            result = self._gradient(algorithm.at_progress(step / config.steps), batch)
        self._stream.prefetch(step + 1)
        if not bool(result.is_finite):
            raise _divergence_error(algorithm, result, step + 1)
        if self._keeps_statistics:
            self._update_statistics(batch.tasks, step)
        if step == 0:
            check_no_unused_weights(self._net, batch.tasks.support.x[0], where=algorithm.name)
        self._clip()
        self._optimizer.step()
        return result

    def _update_statistics(self, tasks: Task, step: int) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(self._config.seed, "statistics", step))
            update_running_statistics(self._net, tasks, chunk_size=self._chunk_size, mode=self._config.mode)

    def _clip(self) -> None:
        if self._plan.clip_value is not None:
            nn.utils.clip_grad_value_(self._net.parameters(), self._plan.clip_value)
        if self._config.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._net.parameters(), self._config.clip_norm)


def _divergence_error(algorithm: Algorithm[Any], result: StepResult, step: int) -> DivergenceError:
    losses = result.metrics["loss"]
    worst = int(torch.where(torch.isfinite(losses), losses, torch.inf).argmax())
    return DivergenceError(
        f"{algorithm.name}: loss and gradient must stay finite, at step {step} they did not (cost {float(result.cost):.3g}, "
        f"task {worst} has query loss {float(losses[worst]):.3g}). Lower --lr or --inner-lr, or set --clip-norm 10."
    )


def _chunk_in_budget(
    algorithm: Algorithm[Any], net: nn.Module, source: TaskSource, config: FitConfig, plan: TrainingPlan
) -> int:
    """The largest number of tasks that fits ``config.memory``, measured on one task's forward and backward pass."""
    tasks = to_device(source.sample(1, generator(config.seed, "memory")), device_of(net))

    def one_task() -> None:
        with torch.random.fork_rng():
            accumulate_meta_gradient(algorithm, net, task_slice(tasks, 0, 1), mode="loop")
        net.zero_grad()

    assert config.memory is not None
    return fitting_chunk_size(config.memory * 2**20, one_task, plan.meta_batch)
