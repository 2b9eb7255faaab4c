"""How many steps of a training fit into a time: measured on a few steps and one validation of a trial."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ..core.algorithm import Algorithm
from ..core.task import TaskSource
from ..errors import DivergenceError
from ..evaluation.evaluate import evaluate
from .config import FitConfig
from .outer_step import OuterStep
from .plan import resolve

_TRIAL_STEPS = 1000
"""steps of the trial if it were run to its end; those that are run lie all over it"""
_SHARE_FOR_TRIAL = 0.05
_LONGEST_TRIAL = 5.0


@dataclass(frozen=True)
class Cost:
    """What a training costs, in seconds."""

    step: float
    """an outer step"""
    validation: float
    """a validation; 0 if there is none"""

    def steps_in(self, seconds: float, validate_every: int) -> int:
        """The number of steps that fit into ``seconds``, the last validation included; at least 1.

        >>> Cost(step=0.1, validation=2.0).steps_in(62.0, validate_every=100), Cost(step=0.1, validation=0).steps_in(9.0, 0)
        (500, 90)
        """
        each = self.step + (self.validation / validate_every if validate_every else 0.0)
        return max(1, int((seconds - self.validation) / each + 1e-6))


def measure_cost(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    config: FitConfig,
    *,
    validation: TaskSource | None,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Cost:
    """The cost of training ``net``, which the trial changes: give a copy. The trial takes about 5 % of ``seconds``.

    Raises what ``fit`` raises, if the first step of all fails.
    """
    trial = replace(config, steps=_TRIAL_STEPS, patience=0)
    plan = resolve(algorithm, trial)
    optimizer = plan.make_optimizer(net, where=algorithm.name)
    outer_step = OuterStep(algorithm, net, source, trial, plan, optimizer)
    outer_step.run(0)  # slower than the others
    start, count, limit = clock(), 0, min(_SHARE_FOR_TRIAL * seconds, _LONGEST_TRIAL)
    # Steps may cost more as training goes on (growing episodes, more inner losses): take them from all parts of it.
    while count < 3 or (clock() - start < limit and count < _TRIAL_STEPS - 1):
        try:
            outer_step.run(1 + (617 * count) % (_TRIAL_STEPS - 1))
        except DivergenceError:  # steps out of order may diverge where a training does not
            break
        count += 1
    step_seconds = (clock() - start) / max(count, 1)
    start, validation_seconds = clock(), 0.0
    if validation is not None and config.validate_every:
        evaluate(
            algorithm, net, validation, tasks=config.validation_tasks, seed=config.seed, curve=False, mode=config.mode
        )
        validation_seconds = clock() - start
    return Cost(max(step_seconds, 1e-6), validation_seconds)
