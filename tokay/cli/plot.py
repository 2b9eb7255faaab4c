"""``tokay plot RUN``: draw the training curve, the adaptation curve on unseen tasks, and the predictions on one task."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import tyro
from matplotlib.figure import Figure
from torch import Tensor, nn

from ..core.engine.batching import to_device
from ..core.engine.exact_gradients import exact_gradients
from ..core.engine.private_copy import evaluation_copy
from ..core.predictions import predict_queries
from ..core.seeding import derive_seed
from ..core.task import Task, TaskSpec
from ..evaluation.scores import Evaluation
from ..evaluation.typical_task import typical_task
from ..figures.adaptation import adaptation_figure
from ..figures.class_names import class_names
from ..figures.one_task import episode_figure
from ..figures.style import write_figure
from ..figures.training import training_figure
from ..files import clear_temporaries
from ..runs.checkpoint import load_model
from ..runs.file_names import ADAPTATION_FIGURE, TASK_FIGURE, TRAINING_FIGURE
from ..runs.log import read_log
from ..runs.run import Run
from ..runs.settings import read
from ..tasks.class_pool import Pooled
from .flags import parse
from .formats import find_device
from .output import stderr
from .scoring import EvaluationTasks, check_seen_tasks, report_changes, score_run


@dataclass(frozen=True, kw_only=True)
class Plot:
    """The run to draw, and the tasks to draw it on."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    tasks: int = 200
    """number of unseen tasks behind the adaptation curve"""
    seen_tasks: int = 0
    """number of tasks of the training split, for a second adaptation curve (0: no second curve)"""
    seed: int = 0
    """decides which tasks are drawn"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""

    def __post_init__(self) -> None:
        check_seen_tasks(self.seen_tasks)


def run(arguments: Sequence[str]) -> None:
    """Write the pictures into the run folder, and print their paths on stdout."""
    args = parse(Plot, arguments, prog="tokay plot", description="Draw a run.")
    path, device = Path(args.run), find_device(args.device)
    tasks = EvaluationTasks(tasks=args.tasks, seed=args.seed)
    run, spec = read(path)
    report_changes(path, tasks)
    lines = read_log(path)
    _clear_temporaries(path)
    if lines:
        write_figure(path / TRAINING_FIGURE, _training_figure(run, lines))
        print(path / TRAINING_FIGURE)
    else:
        stderr.print(f"{path}: has no logged steps, so there is no training.png.", markup=False)

    run, evaluation = score_run(path, tasks, device, curve=True)
    curves = {"unseen tasks": evaluation}
    if args.seen_tasks:
        tasks = replace(tasks, tasks=args.seen_tasks)
        curves["tasks of the training split"] = score_run(path, tasks, device, curve=True, split="train")[1]
    chance = 1 / run.test.ways if run.source.kind == "classification" else None
    write_figure(path / ADAPTATION_FIGURE, adaptation_figure(curves, _adaptation_title(run, evaluation), chance=chance))
    print(path / ADAPTATION_FIGURE)

    if not _drawable(run, spec):
        reason = f"inputs {spec.x_shape} are no picture and no curve"
        stderr.print(f"{path}: {reason}, so there is no {TASK_FIGURE}.", markup=False)
        return
    episode = _predict_one_task(path, args.seed, device)
    figure = episode_figure(
        episode.task,
        episode.adapted,
        _episode_title(run, evaluation, episode.candidates),
        initial=episode.initial,
        std=episode.std,
        names=episode.names,
    )
    write_figure(path / TASK_FIGURE, figure)
    print(path / TASK_FIGURE)


def _clear_temporaries(path: Path) -> None:
    """Remove what killed plots left. The temporary files of a training, which may still go on, stay."""
    for name in (TRAINING_FIGURE, ADAPTATION_FIGURE, TASK_FIGURE):
        clear_temporaries(path, of=name)


def _drawable(run: Run, spec: TaskSpec) -> bool:
    """Whether a task of the run can be drawn: a sequence, a curve, or pictures."""
    if run.source.kind == "sequence":
        return True
    if run.source.kind == "regression":
        return spec.y_dim == 1 and (spec.x_shape == (1,) or run.source.pixels)
    return len(spec.x_shape) == 3 and spec.x_shape[0] in (1, 3)


class _Episode(NamedTuple):
    """A task and the answers to its queries. Everything is on the CPU."""

    task: Task
    initial: Tensor | None  # before adapting; None for a method without steps
    adapted: Tensor
    std: Tensor | None  # of ``adapted``, for a method that has a spread
    names: list[str] | None  # of the classes, if the source has names
    candidates: int  # number of tasks of which this one has the median loss


def _predict_one_task(path: Path, seed: int, device: torch.device) -> _Episode:
    """Adapt to a typical unseen task: the one with the median loss of the first ones of ``seed``."""
    run, net = load_model(path, device=device)
    if run.source.kind == "regression":
        run = replace(run, test=replace(run.test, queries=run.source.points_shown()))
    source = run.tasks("test")
    typical = typical_task(run.algorithm, net, source, seed=seed, mode=run.fit.mode)
    task = to_device(typical.task, device)
    net, algorithm = evaluation_copy(net), run.algorithm.at_test()
    with torch.no_grad(), torch.random.fork_rng(), exact_gradients():
        torch.manual_seed(derive_seed(seed, "episode-draws"))
        states = list(algorithm.path(net, task.support))
        initial, adapted = (_predict(algorithm, net, state, task) for state in (states[0], states[-1]))
        distribution = algorithm.distribution(net, states[-1], task.query.x)
    return _Episode(
        task=to_device(task, torch.device("cpu")),
        initial=initial if len(states) > 1 else None,
        adapted=adapted,
        std=None if distribution is None else distribution[1].cpu(),
        names=class_names(typical.task, source.pool) if isinstance(source, Pooled) else None,
        candidates=typical.candidates,
    )


def _predict(algorithm: Any, net: nn.Module, state: Any, task: Task) -> Tensor:
    return predict_queries(algorithm, net, state, task.support.x, task.query.x, inductive=False).cpu()


def _training_figure(run: Run, lines: list[dict[str, Any]]) -> Figure:
    episodes = "mini-batches of all classes" if run.algorithm.joint else f"{run.source.describe_sizes(run.train)} tasks"
    return training_figure(
        lines,
        f"{run.algorithm.name} on {run.source.name}: meta-training",
        training=f"training, {episodes}",
        held_out=f"{run.fit.validation_tasks} held-out {run.source.describe_sizes(run.test)} tasks",
    )


def _adaptation_title(run: Run, evaluation: Evaluation) -> str:
    tasks = f"{evaluation['loss'].tasks} unseen {run.source.describe_sizes(run.test)} tasks"
    return f"{run.algorithm.name} on {run.source.name}: {tasks}{_how(run, evaluation)}"


def _episode_title(run: Run, evaluation: Evaluation, candidates: int) -> str:
    task = f"one unseen {run.source.describe_sizes(run.test)} task{_how(run, evaluation)}"
    return f"{run.algorithm.name} on {run.source.name}: {task},\nthe one with the median loss of {candidates}"


def _how(run: Run, evaluation: Evaluation) -> str:
    """Whether a prediction saw the other queries. Empty for a sequence, in which each row sees the rows before it."""
    if run.source.kind == "sequence":
        return ""
    return " (transductive)" if evaluation.transductive else " (inductive)"
