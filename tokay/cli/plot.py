"""``tokay plot RUN``: how training went, what adapting brings on unseen tasks, and one of those, as pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from matplotlib.figure import Figure
from torch import Tensor, nn

from ..core.engine.exact_gradients import exact_gradients
from ..core.predictions import answer
from ..core.seeding import derive, generator
from ..core.task import Task, TaskSpec
from ..errors import DataError
from ..evaluation.evaluate import move
from ..evaluation.scores import Evaluation
from ..figures.adaptation import adaptation_figure
from ..figures.one_task import episode_figure
from ..figures.training import training_figure, write_figure
from ..runs.checkpoint import load_model
from ..runs.run import Run, read
from .console import device_named, stderr
from .flags import parse
from .scoring import Asked, score_run


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What to draw."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    tasks: int = 200
    """unseen tasks behind the adaptation curve"""
    seen_tasks: int = 0
    """tasks of the training split, for a second curve beside the unseen ones (0: none)"""
    seed: int = 0
    """decides which"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""


def run(arguments: Sequence[str]) -> None:
    """Draw into the run folder, and print the paths on stdout."""
    asked = parse(Plot, arguments, prog="tokay plot", description="Draw a run.")
    path, device = Path(asked.run), device_named(asked.device)
    scored = Asked(tasks=asked.tasks, seed=asked.seed)
    trained, spec = read(path)
    lines = _read_log(path / "metrics.jsonl")
    if lines:
        write_figure(path / "training.png", _training_figure(trained, lines))
        print(path / "training.png")
    else:
        stderr.print(f"{path}: has no logged steps, so there is no training.png.", markup=False)

    trained, found = score_run(path, scored, device, curve=True)
    curves = {"unseen tasks": found}
    if asked.seen_tasks:
        seen = replace(scored, tasks=asked.seen_tasks)
        curves["tasks of the training split"] = score_run(path, seen, device, curve=True, split="train")[1]
    chance = 1 / trained.test.ways if trained.source.kind == "classification" else None
    write_figure(path / "adaptation.png", adaptation_figure(curves, _adaptation_title(trained, found), chance=chance))
    print(path / "adaptation.png")

    if not _drawable(trained, spec):
        stderr.print(f"{path}: inputs {spec.x_shape} are no picture and no curve, so there is no episodes.png.")
        return
    task, before, after, std = _play(path, asked.seed, device)
    figure = episode_figure(task, after, _episode_title(trained, found), before=before, std=std)
    write_figure(path / "episodes.png", figure)
    print(path / "episodes.png")


def _drawable(run: Run, spec: TaskSpec) -> bool:
    if run.source.kind == "sequence":
        return True
    if run.source.kind == "regression":
        return spec.y_dim == 1 and (spec.x_shape == (1,) or run.source.pixels)
    return len(spec.x_shape) == 3 and spec.x_shape[0] in (1, 3)


def _play(path: Path, seed: int, device: torch.device) -> tuple[Task, Tensor | None, Tensor, Tensor | None]:
    """The first unseen task of ``seed``, the answers to its queries before and after adapting, and the latter's spread."""
    run, net = load_model(path, device=device)
    if run.source.kind == "regression":
        run = replace(run, test=replace(run.test, queries=run.source.points_shown()))
    batch = move(run.tasks("test").sample(1, generator(seed, "episode")), device)
    task = Task(*(type(part)(part.x[0], part.y[0]) for part in batch))
    algorithm = run.algorithm.at_test()
    with torch.no_grad(), torch.random.fork_rng(), exact_gradients():
        torch.manual_seed(derive(seed, "episode-draws"))
        states = list(algorithm.path(net, task.support))
        first, last = (_answer(algorithm, net, state, task) for state in (states[0], states[-1]))
        spread = algorithm.distribution(net, states[-1], task.query.x)
    std = None if spread is None else spread[1].cpu()
    return move(task, torch.device("cpu")), first if len(states) > 1 else None, last, std


def _answer(algorithm: Any, net: nn.Module, state: Any, task: Task) -> Tensor:
    return answer(algorithm, net, state, task.support.x, task.query.x, inductive=False).cpu()


def _read_log(log: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``; the last one may be half written, for training may be going on."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    try:
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError as error:
        raise DataError(f"{log}: must be one JSON object per line, and is not ({error}). Train again.") from error


def _training_figure(run: Run, lines: list[dict[str, Any]]) -> Figure:
    episodes = "mini-batches of all classes" if run.algorithm.joint else f"{run.source.named(run.train)} tasks"
    return training_figure(
        lines,
        f"{run.algorithm.name} on {run.source.name}: meta-training",
        training=f"training, {episodes}",
        held_out=f"{run.fit.validation_tasks} held-out {run.source.named(run.test)} tasks",
    )


def _adaptation_title(run: Run, found: Evaluation) -> str:
    tasks = f"{found['loss'].tasks} unseen {run.source.named(run.test)} tasks"
    return f"{run.algorithm.name} on {run.source.name}: {tasks}{_how(run, found)}"


def _episode_title(run: Run, found: Evaluation) -> str:
    return f"{run.algorithm.name} on {run.source.name}: one unseen {run.source.named(run.test)} task{_how(run, found)}"


def _how(run: Run, found: Evaluation) -> str:
    """Whether an answer saw other queries; of a sequence it is always those before it."""
    if run.source.kind == "sequence":
        return ""
    return " (transductive)" if found.transductive else " (inductive)"
