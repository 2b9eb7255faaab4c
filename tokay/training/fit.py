"""``fit``: meta-training as a generator of outer steps. The caller logs, validates, saves and stops."""

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.predictions import check_compatible
from ..core.task import TaskSource
from ..errors import ConfigError
from ..evaluation.evaluate import evaluate
from ..evaluation.scores import Evaluation
from .config import FitConfig as FitConfig
from .outer_step import OuterStep
from .plan import resolve


@dataclass
class FitState:
    """Everything that training changes, except the weights of ``net``. Enough to continue exactly where a run stopped."""

    step: int = 0
    optimizer: torch.optim.Optimizer | None = None
    best_step: int = 0
    best_score: float = -math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    peak_step: int = 0
    """the last validated step with a score above all earlier ones; ``best_step`` may be a later one that equals it"""


class Step(NamedTuple):
    """The result of one outer step. Numbers are means over its tasks."""

    step: int  # from 1
    metrics: dict[str, float]  # the query loss, and accuracy or mse; never a surrogate loss
    cost: float  # what was minimised
    lr: float  # the outer learning rate of this step
    tasks: int
    seconds: float
    validation: Evaluation | None  # None if this step was not validated
    state: FitState
    is_last: bool  # the training ends with this step


def fit(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    config: FitConfig,
    *,
    validation: TaskSource | None = None,
    state: FitState | None = None,
    is_time_up: Callable[[], bool] | None = None,
) -> Iterator[Step]:
    """Meta-trains ``net`` in place and yields after every outer step.

    At the end ``net`` holds the weights of the best validated step, or of the last step without ``validation``.
    Training ends after ``config.steps`` steps, or after ``config.patience`` validations without a better score, or with the
    first step after which ``is_time_up()`` is true. The last step is validated, too.

    Tasks are a pure function of (seed, step). To continue an interrupted run, pass its ``state`` and a ``net`` with its
    weights: the rest is bit for bit the same as without the interruption.

    Raises ``NetworkError`` if the method cannot use the network, ``TaskError`` if the tasks do not fit, ``ConfigError`` for
    a patience without ``validation``, and ``DivergenceError`` if loss or gradient is not finite. The weights then stay as
    they were before that step.
    """
    check_compatible(algorithm, net, source.spec, where="fit")
    if not algorithm.learns:
        return
    check_patience(config, validation, where="fit")
    plan, state = resolve(algorithm, config), state or FitState()
    state.optimizer = state.optimizer or plan.make_optimizer(net, where=algorithm.name)
    outer_step = OuterStep(algorithm, net, source, config, plan, state.optimizer)
    while not is_complete(state, config):
        start = time.perf_counter()
        result = outer_step.run(state.step)
        lr = plan.lr_at(state.step, config.steps)
        state.step += 1
        seconds = time.perf_counter() - start
        is_final = is_time_up is not None and is_time_up()
        evaluation = None
        if validation is not None and (_is_validation_step(state.step, config) or (is_final and config.validate_every)):
            evaluation = _validate(algorithm, net, validation, config, state)
        is_final = is_final or is_complete(state, config)
        yield Step(
            step=state.step,
            metrics={name: float(values.mean()) for name, values in result.metrics.items()},
            cost=float(result.cost),
            lr=lr,
            tasks=plan.meta_batch,
            seconds=seconds,
            validation=evaluation,
            state=state,
            is_last=is_final,
        )
        if is_final:
            break
    if state.best_weights:
        net.load_state_dict(state.best_weights)


def check_patience(config: FitConfig, validation: TaskSource | None, *, where: str) -> None:
    """Raise ``ConfigError`` for a patience without validation tasks: then no training stops early."""
    if config.patience and validation is None:
        raise ConfigError(
            f"{where}: patience needs validation tasks, got patience {config.patience} and no validation. Leave it out."
        )


def is_complete(state: FitState, config: FitConfig) -> bool:
    """Whether a training ended: all steps are done, or it stopped early.

    >>> is_complete(FitState(step=1500, peak_step=500), FitConfig(validate_every=500, patience=2))
    True
    """
    return state.step >= config.steps or is_stopped_early(state, config)


def is_stopped_early(state: FitState, config: FitConfig) -> bool:
    """Whether ``config.patience`` validations brought no better score."""
    if not (config.patience and config.validate_every):
        return False
    return state.step // config.validate_every - state.peak_step // config.validate_every >= config.patience


def _is_validation_step(step: int, config: FitConfig) -> bool:
    return bool(config.validate_every) and (step % config.validate_every == 0 or step == config.steps)


def _validate(
    algorithm: Algorithm[Any], net: nn.Module, source: TaskSource, config: FitConfig, state: FitState
) -> Evaluation:
    """Scores ``net`` on held-out tasks, always the same ones, and keeps its weights if they are the best so far."""
    evaluation = evaluate(
        algorithm, net, source, tasks=config.validation_tasks, seed=config.seed, curve=False, mode=config.mode
    )
    if evaluation.merit > state.best_score:
        state.peak_step = state.step
    # At a tie the later step wins: it has trained longer, and an annealed run is meant to be used at its end.
    if evaluation.merit >= state.best_score:
        state.best_step, state.best_score = state.step, evaluation.merit
        state.best_weights = deepcopy(net.state_dict())
    return evaluation
