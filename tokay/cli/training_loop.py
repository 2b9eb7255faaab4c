"""The training loop of the command line: progress, a log, and saves that stay whole if the process is killed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from ..core.network import device_of
from ..core.task import TaskSource
from ..errors import ConfigError
from ..files import clear_temporaries
from ..runs.checkpoint import build_network
from ..runs.data_record import plural
from ..runs.file_names import STATE
from ..runs.folder import RunFolder
from ..runs.log import cut_log, describe_damage
from ..runs.recorder import Recorder
from ..runs.run import Run
from ..runs.settings import change_fit
from ..tasks.source import on_device
from ..training.fit import FitState, fit, is_complete, is_stopped_early
from ..training.report import TrainingReport, describe_time
from ..training.time_plan import measure_cost
from .output import stderr
from .signals import Interrupt, SignalWatch
from .tensorboard import board


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How often a training saves, and when it ends at the latest."""

    save_every: int = 100
    minutes: float | None = None  # None: only the steps of the run end it

    def __post_init__(self) -> None:
        if self.save_every < 1:
            raise ConfigError(f"tokay train: --save-every must be at least 1, got {self.save_every}. Default: 100.")
        if self.minutes is not None and not 0 < self.minutes < 1e6:
            raise ConfigError(f"tokay train: --minutes must be above 0 and below 1e6, got {self.minutes}.")


@dataclass(frozen=True, eq=False)
class _Work:
    """What is trained, and where it is recorded."""

    folder: RunFolder
    run: Run
    net: nn.Module
    training: TaskSource
    validation: TaskSource | None
    state: FitState


def train_in(
    folder: RunFolder,
    run: Run,
    net: nn.Module,
    training: TaskSource,
    validation: TaskSource | None,
    state: FitState,
    limits: Limits,
) -> None:
    """Train from ``state`` to the end of ``run`` in ``folder``. Every tenth step is logged.

    The first save publishes the folder: only then it takes the place of an older run.

    A signal ends the training after the running step, and saves it. A second one ends it at once. Both raise ``Interrupt``,
    which says what is saved.
    """
    device = device_of(net)
    training, validation = on_device(training, device), validation and on_device(validation, device)
    is_over = is_complete(state, run.fit) and limits.minutes is None  # then only the last save is made again
    if not is_over:
        stderr.print(_describe(run, device), markup=False)
    clear_temporaries(folder.path)
    for damage in describe_damage(folder.path):
        stderr.print(f"{damage}. It stays as it is; the other lines are used.", markup=False)
    cut_log(folder.path, state.step)
    with SignalWatch(deferred=True) as watch:
        try:
            work, is_time_up = _with_time(_Work(folder, run, net, training, validation, state), limits.minutes)
            run = work.run
            recorder = Recorder(folder, run, net, save_every=limits.save_every)
            _train(work, recorder, watch, is_time_up)
        except KeyboardInterrupt:
            raise Interrupt(f"Interrupted after step {state.step}{_remains(folder)}") from None
        if watch.code is not None:
            raise Interrupt(f"Interrupted after step {state.step}{_continuation(folder, run, state)}")
        if state.step < run.fit.steps and run.algorithm.learns and not is_stopped_early(state, run.fit):
            change_fit(folder.path, steps=state.step)  # the time was up: these are all the steps of the run
    if is_stopped_early(state, run.fit) and not is_over:
        stderr.print(f"Stopped early: the best of {state.step:,} steps was {state.best_step:,}.")
    stderr.print(f"Saved {folder.name}. {_next_step(folder, run)}", markup=False)


def _with_time(work: _Work, minutes: float | None) -> tuple[_Work, Callable[[], bool]]:
    """The work with as many steps as fit into ``minutes``, recorded in its folder, and a function: is the time up?

    So the schedule of the learning rate comes to its end, and the run is an ordinary one of that many steps.
    """
    run, folder = work.run, work.folder
    if minutes is None or not run.algorithm.learns:
        return work, lambda: False
    deadline = time.perf_counter() + 60 * minutes
    twin = build_network(folder.path, run, work.training.spec).to(device_of(work.net))
    cost = measure_cost(run.algorithm, twin, work.training, run.fit, validation=work.validation, seconds=60 * minutes)
    more = cost.steps_in(deadline - time.perf_counter(), run.fit.validate_every)
    steps = work.state.step + more
    stderr.print(f"{describe_time(60 * minutes)}: {more:,} step{'' if more == 1 else 's'}.".capitalize())
    change_fit(folder.path, steps=steps)
    longer_run = replace(run, fit=replace(run.fit, steps=steps))
    return replace(work, run=longer_run), lambda: time.perf_counter() + cost.validation > deadline


def _train(work: _Work, recorder: Recorder, watch: SignalWatch, is_time_up: Callable[[], bool]) -> None:
    """Train until the run is complete, the time is up, or a signal came. What is done is saved."""
    method, config, state = work.run.algorithm, work.run.fit, work.state
    steps = fit(method, work.net, work.training, config, validation=work.validation, state=state, is_time_up=is_time_up)
    total = config.steps if method.learns else 0
    every = 0 if work.validation is None else config.validate_every
    report = TrainingReport(stderr, method.name, steps=total, steps_before=state.step, validate_every=every)
    with report, board(work.folder) as write_scalars:
        for step in steps:
            is_interrupt = watch.code is not None
            if not is_interrupt:  # else the terminal may be gone
                report.update(step)
            line = recorder.record(step, report.tasks_per_second)
            if is_interrupt:
                recorder.save(state)
                return
            if line is not None:
                write_scalars(line)
    recorder.finish(state)


def _next_step(folder: RunFolder, run: Run) -> str:
    """What a user does with a complete run."""
    if run.source.has_split("test"):
        return f"Next: tokay evaluate {folder.name}"
    scores = (
        f"; tokay evaluate {folder.name} --split validation scores it" if run.source.has_split("validation") else ""
    )
    return f"It has no test {plural(run.source.noun)}. tokay adapt {folder.name} uses it{scores}."


def _continuation(folder: RunFolder, run: Run, state: FitState) -> str:
    """How to go on after an interrupt that saved: the end of a sentence."""
    if is_complete(state, run.fit):
        return f", the last one; {folder.name} is complete and saved."
    return f"; saved. Continue with: tokay train --resume {folder.name}"


def _remains(folder: RunFolder) -> str:
    """What a training leaves that was interrupted at once, and how to go on: the end of a sentence."""
    if not folder.is_published:
        return f", before the first save; the old run in {folder.name} stays."
    if (folder.path / STATE).exists():
        return f"; the last save stays. Continue with: tokay train --resume {folder.name}"
    return ", before the first save: nothing is saved."


def _describe(run: Run, device: torch.device) -> str:
    train, test = run.train, run.test
    if run.source.kind == "regression":
        episodes = f"{train.shots} + {train.queries} points, tested on {test.shots} + {test.queries}"
    elif run.source.kind == "sequence":
        episodes = f"sequences of length {train.shots}, tested on {test.shots}"
    elif run.algorithm.joint:
        episodes = f"mini-batches of all classes, tested on {test.ways} ways {test.shots} shots"
    else:
        shots, ways = _range(run.fewest_shots, train.shots), _range(run.fewest_ways, train.ways)
        episodes = f"{ways} ways {shots} shots {train.queries} queries, tested on {test.ways} ways {test.shots} shots"
    return f"{run.algorithm} on {run.source.name}, {run.network.name}, {device}: {episodes}"


def _range(fewest: int | None, most: int) -> str:
    return str(most) if fewest is None else f"{fewest} to {most}"
