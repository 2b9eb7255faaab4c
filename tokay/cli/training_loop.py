"""The training loop of the command line: a live bar, a log, and saves that stay whole if the process is killed."""

import time
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from ..core.network import device_of
from ..core.task import TaskSource
from ..files import clear_temporaries
from ..runs.checkpoint import save_model, save_state
from ..runs.file_names import MODEL, STATE
from ..runs.folder import RunFolder
from ..runs.log import append_to_log, cut_log, describe_damage
from ..runs.run import Run
from ..tasks.source import on_device
from ..training.fit import FitState, Step, fit
from .formats import progress
from .output import stderr
from .tensorboard import board


def train_in(
    folder: RunFolder,
    run: Run,
    net: nn.Module,
    training: TaskSource,
    validation: TaskSource | None,
    state: FitState,
    *,
    save_every: int,
) -> None:
    """Train from ``state`` to the end of ``run`` in ``folder``. Every tenth step is logged.

    The first save publishes the folder: only then it takes the place of an older run.
    """
    device = device_of(net)
    training, validation = on_device(training, device), validation and on_device(validation, device)
    stderr.print(_describe(run, device), markup=False)
    clear_temporaries(folder.path)
    for damage in describe_damage(folder.path):
        stderr.print(f"{damage}. It stays as it is; the other lines are used.", markup=False)
    cut_log(folder.path, state.step)
    try:
        _train(folder, run, net, training, validation, state, save_every)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Interrupted after step {state.step}{_remains(folder)}") from None
    stderr.print(f"Saved {folder.name}. Next: tokay evaluate {folder.name}", markup=False)


def _remains(folder: RunFolder) -> str:
    """What an interrupted training leaves, and how to go on: the end of a sentence."""
    if not folder.is_published:
        return f", before the first save; the old run in {folder.name} stays."
    if (folder.path / STATE).exists():
        return f"; the last save stays. Continue with: tokay train --resume {folder.name}"
    return f", before the first save. Start again with: tokay train --resume {folder.name}"


def _train(
    folder: RunFolder,
    run: Run,
    net: nn.Module,
    training: TaskSource,
    validation: TaskSource | None,
    state: FitState,
    save_every: int,
) -> None:
    start, tasks, held_out = time.perf_counter(), 0, ""
    with progress(run.algorithm.name) as bar, ExitStack() as stack:
        write_scalars = stack.enter_context(board(folder.path))
        task = bar.add_task("", total=run.fit.steps if run.algorithm.learns else 0, completed=state.step, text="")
        for step in fit(run.algorithm, net, training, run.fit, validation=validation, state=state):
            tasks += step.tasks
            rate = tasks / (time.perf_counter() - start)
            if step.validation:
                held_out = "  held out: " + _brief({name: s.mean for name, s in step.validation.scores.items()})
            bar.update(task, completed=step.step, text=f"{_brief(step.metrics)}  {rate:.0f} tasks/s{held_out}")
            if step.step % 10 == 0 or step.validation or step.step == run.fit.steps:
                line = _log_line(step, rate)
                append_to_log(folder.path, line)
                write_scalars(line)
            if step.step % save_every == 0 or step.step == run.fit.steps:
                # The state comes last: once it holds the last step, resuming writes no more weights.
                save_model(folder.path, run, net, state)
                save_state(folder.path, run, net, state)
                if not folder.is_published:
                    stack.close()  # the event file is open under the name that the folder had
                    folder.publish()
                    write_scalars = stack.enter_context(board(folder.path))
    if not (folder.path / MODEL).exists():  # no step was trained: save the initial weights
        save_model(folder.path, run, net, state)
    folder.publish()


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


def _brief(metrics: dict[str, float]) -> str:
    """The loss, and those of accuracy, bits and log-likelihood that the step has."""
    parts = [f"loss {metrics['loss']:.3f}"]
    if "accuracy" in metrics:
        parts.append(f"accuracy {100 * metrics['accuracy']:.1f} %")
    if "bits" in metrics:
        parts.append(f"{metrics['bits']:.2f} bits, {metrics['wrong_bits']:.1f} wrong")
    if "log_likelihood" in metrics:
        parts.append(f"log-likelihood {metrics['log_likelihood']:.3f}")
    return " ".join(parts)


def _log_line(step: Step, rate: float) -> dict[str, Any]:
    line: dict[str, Any] = {"step": step.step, **step.metrics, "cost": step.cost, "lr": step.lr}
    line["tasks_per_second"] = round(rate, 1)
    if step.validation:
        scores = step.validation.scores.items()
        line["validation"] = {name: {"mean": score.mean, "ci95": score.ci95} for name, score in scores}
    return line
