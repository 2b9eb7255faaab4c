"""Meta-training: a generator over an ordinary outer optimizer. The caller logs, validates, saves and stops."""

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.batching import task_slice
from ..core.engine.cuda_graph import Recorded
from ..core.engine.memory_budget import chunk_for
from ..core.engine.meta_gradient import accumulate_meta_gradient
from ..core.engine.unused_weights import check_used
from ..core.network import device_of
from ..core.outer_optimizer import make_optimizer, rate_factor
from ..core.predictions import check_answers
from ..core.seeding import derive, generator
from ..core.task import Paced, Task, TaskSource, check_task
from ..errors import ConfigError, DivergenceError
from ..evaluation.evaluate import evaluate, move
from ..evaluation.scores import Evaluation
from .config import FitConfig as FitConfig


@dataclass
class FitState:
    """All that changes while training, beside the weights of ``net``: enough to go on exactly where it stopped."""

    step: int = 0
    optimizer: torch.optim.Optimizer | None = None
    best_step: int = 0
    best_score: float = -math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)


class Step(NamedTuple):
    """What one outer step did. Numbers are means over its tasks."""

    step: int
    metrics: dict[str, float]  # the true query loss and accuracy or mse, never the surrogate
    cost: float  # what was minimised
    lr: float
    tasks: int
    seconds: float
    validation: Evaluation | None
    state: FitState


def fit(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    config: FitConfig,
    *,
    validation: TaskSource | None = None,
    state: FitState | None = None,
) -> Iterator[Step]:
    """Meta-train ``net`` in place, yielding after every outer step; afterwards ``net`` holds the best validated step.

    Tasks are a pure function of (seed, step): given the ``state`` and weights of an interrupted run, the rest is bit
    for bit what it would have been.

    Raises ``NetworkError`` for a network that cannot be used, ``TaskError`` for tasks that do not fit, and
    ``DivergenceError`` when loss or gradient stops being finite, before anything is written to the weights.
    """
    check_answers(algorithm, net, source.spec, where="fit")
    outer = algorithm.outer
    meta_batch = config.meta_batch or algorithm.meta_batch
    peak_lr = config.lr or outer.lr
    schedule = config.schedule or outer.schedule
    device = device_of(net)
    state = state or FitState()
    if not algorithm.learns:
        return
    optimizer = state.optimizer or make_optimizer(
        net.parameters(), config.optimizer or outer.optimizer, lr=peak_lr, where=algorithm.name
    )
    state.optimizer = optimizer
    chunk = config.chunk_size or (1 if config.mode == "loop" else meta_batch)
    if config.memory is not None:
        chunk = _chunk_in_budget(algorithm, net, source, config, meta_batch, device)

    gradient = _gradient(algorithm, net, config, chunk, device)

    def drawn(step: int) -> Task:
        paced = source.at_progress(step / config.steps) if isinstance(source, Paced) else source
        return move(paced.sample(meta_batch, generator(config.seed, "train", step)), device)

    upcoming: Task | None = None
    while state.step < config.steps:
        started = time.perf_counter()
        tasks = upcoming or drawn(state.step)
        if state.step == 0:
            check_task(tasks, source.spec, where="fit", every_class=not (algorithm.joint or algorithm.ordered))
        lr = peak_lr * rate_factor(schedule, state.step, config.steps)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        # Draws inside the network (dropout, latent samples) come from the step's own seed, not from what ran before.
        with torch.random.fork_rng():
            torch.manual_seed(derive(config.seed, "draws", state.step))
            cost, metrics, finite = gradient(algorithm.at_progress(state.step / config.steps), tasks)
        # An accelerator is still at work on this step: the processor draws the next one meanwhile.
        ahead = device.type != "cpu" and state.step + 1 < config.steps
        upcoming = drawn(state.step + 1) if ahead else None
        if not bool(finite):
            raise _diverged(algorithm, cost, metrics, state.step + 1)
        if state.step == 0:
            check_used(net, tasks.support.x[0], where=algorithm.name)
        _clip(net, config.clip_value or outer.clip_value, config.clip_norm)
        optimizer.step()
        state.step += 1
        seconds = time.perf_counter() - started
        checked = None
        if validation is not None and _is_validated(state.step, config):
            checked = _validate(algorithm, net, validation, config, state)
        yield Step(
            step=state.step,
            metrics={name: float(values.mean()) for name, values in metrics.items()},
            cost=float(cost),
            lr=lr,
            tasks=meta_batch,
            seconds=seconds,
            validation=checked,
            state=state,
        )
    if state.best_weights:
        net.load_state_dict(state.best_weights)


def _is_validated(step: int, config: FitConfig) -> bool:
    return bool(config.validate_every) and (step % config.validate_every == 0 or step == config.steps)


def _validate(
    algorithm: Algorithm[Any], net: nn.Module, source: TaskSource, config: FitConfig, state: FitState
) -> Evaluation:
    """Score the net on held-out tasks, the same ones every time, and keep its weights if it is the best so far."""
    checked = evaluate(
        algorithm, net, source, tasks=config.validation_tasks, seed=config.seed, curve=False, mode=config.mode
    )
    # A tie goes to the later step: it has seen more, and an annealed run is meant to be used at its end.
    if checked.merit >= state.best_score:
        state.best_step, state.best_score = state.step, checked.merit
        state.best_weights = deepcopy(net.state_dict())
    return checked


Gradient = Callable[[Algorithm[Any], Task], tuple[Tensor, dict[str, Tensor], Tensor]]


def _gradient(
    algorithm: Algorithm[Any], net: nn.Module, config: FitConfig, chunk: int, device: torch.device
) -> Gradient:
    """What adds a meta-gradient to the ``.grad`` of ``net`` and gives cost, metrics and whether all of it is finite."""

    def gradient(moment: Algorithm[Any], tasks: Task) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        cost, metrics = accumulate_meta_gradient(moment, net, tasks, chunk_size=chunk, mode=config.mode)
        sums = torch.stack([cost, *(p.grad.sum() for p in net.parameters() if p.grad is not None)])
        return cost, metrics, torch.isfinite(sums).all()

    check_device(config, device, where=algorithm.name)
    return Recorded(gradient, net.parameters(), where=algorithm.name) if config.cuda_graph else gradient


def check_device(config: FitConfig, device: torch.device, *, where: str) -> None:
    """Refuse to record what is not done on a CUDA device."""
    if config.cuda_graph and device.type != "cuda":
        raise ConfigError(
            f"{where}: --cuda-graph records the work of a CUDA device, the network is on {device}. "
            "Leave it out, or give --device cuda."
        )


def _diverged(algorithm: Algorithm[Any], cost: Tensor, metrics: dict[str, Tensor], step: int) -> DivergenceError:
    losses = metrics["loss"]
    worst = int(torch.where(torch.isfinite(losses), losses, torch.inf).argmax())
    return DivergenceError(
        f"{algorithm.name}: loss and gradient must stay finite, at step {step} they did not (cost {float(cost):.3g}, "
        f"task {worst} has query loss {float(losses[worst]):.3g}). Lower --lr or --inner-lr, or set --clip-norm 10."
    )


def _clip(net: nn.Module, value: float | None, norm: float | None) -> None:
    if value is not None:
        nn.utils.clip_grad_value_(net.parameters(), value)
    if norm is not None:
        nn.utils.clip_grad_norm_(net.parameters(), norm)


def _chunk_in_budget(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    config: FitConfig,
    meta_batch: int,
    device: torch.device,
) -> int:
    """The largest chunk whose tasks fit ``config.memory``, by watching one task's forward and backward pass."""
    tasks = move(source.sample(1, generator(config.seed, "memory")), device)

    def one_task() -> None:
        with torch.random.fork_rng():
            accumulate_meta_gradient(algorithm, net, task_slice(tasks, 0, 1), mode="loop")
        net.zero_grad()

    assert config.memory is not None
    return chunk_for(config.memory * 2**20, one_task, meta_batch)
