"""Scoring a run with a progress bar: what ``evaluate`` and ``compare`` share."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from ..core.task import Sizes, Split, TaskSource
from ..errors import ConfigError
from ..evaluation.by_instance import Instances, by_instance, check_ordered
from ..evaluation.evaluate import evaluate, scored
from ..evaluation.scores import Evaluation
from ..runs.checkpoint import load_model
from ..runs.run import Run, read
from ..tasks import list_sources
from .console import progress, stderr
from .flags import one_of, parse


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The tasks to score on. What is left out is as the run was trained for."""

    tasks: int = 600
    """unseen tasks"""
    seed: int = 0
    """decides which; the same for every run"""
    inductive: bool = False
    """answer every query alone beside the support set"""
    ways: int | None = None
    """classes in a task"""
    queries: int | None = None
    """query examples per class"""
    shots: int | None = None
    """support examples per class"""
    on: str | None = None
    """tasks of another source than the run's own, with its flags: --on 'omniglot --split lake'"""

    def __post_init__(self) -> None:
        if self.tasks < 2:  # said before anything slow is done
            raise ConfigError(f"tokay: --tasks must be at least 2 for an interval, got {self.tasks}. 600 is usual.")


def on_source(run: Run, words: str | None) -> Run:
    """The run with the source that ``words`` name, and its flags, in the place of its own."""
    if words is None:
        return run
    name, *flags = shlex.split(words) or [""]
    kind = list_sources()[one_of(name, sorted(list_sources()), "source")]
    if kind.kind != run.source.kind:
        raise ConfigError(
            f"tokay: --on must name a source of {run.source.kind} tasks, which {run.algorithm.name} was trained on, "
            f"{name} has {kind.kind}."
        )
    return replace(run, source=parse(kind, flags, prog=f"tokay: --on {name}", description=kind.summary))


def as_asked(run: Run, asked: Asked) -> Run:
    """The run with its source and its test sizes replaced by those that are asked for."""
    run = on_source(run, asked.on)
    wanted = {name: getattr(asked, name) for name in ("ways", "shots", "queries") if getattr(asked, name) is not None}
    if run.source.kind == "sequence" and asked.inductive:
        raise ConfigError(
            f"{run.source.name}: the rows of a sequence come one after the other, none alone. Leave out --inductive."
        )
    if run.source.kind == "sequence" and wanted.keys() - {"shots"}:
        raise ConfigError(
            f"{run.source.name}: a sequence has a length alone. Leave out --ways and --queries, give --shots."
        )
    sizes: Sizes = replace(run.test, **wanted)
    if sizes.ways != run.test.ways and not run.algorithm.any_ways:
        raise ConfigError(
            f"{run.algorithm.name}: must be tested on the {run.test.ways} ways that its last layer answers, "
            f"got {sizes.ways}. Train it on {sizes.ways} ways, or leave out --ways."
        )
    return replace(run, test=sizes)


def score_run(
    path: Path, asked: Asked, device: torch.device, *, curve: bool, split: Split = "test"
) -> tuple[Run, Evaluation]:
    """Load a run and score it, with a live bar; after every step of adapting if ``curve``.

    ``split`` "train" scores tasks of the classes it was trained on, of the same sizes as the unseen ones.
    """
    run, net, source = _loaded(path, asked, device, split)
    total = scored(source, asked.tasks)
    if total < asked.tasks:
        stderr.print(
            f"{run.source.name}: there are {total} such tasks and no others; each is scored once.", markup=False
        )
    seen = " (training classes)" if split == "train" else ""
    with progress(f"{run.algorithm.name} {run.source.named(run.test)}{seen}") as bar:
        task = bar.add_task("", total=total, text="")
        found = evaluate(
            run.algorithm,
            net,
            source,
            tasks=asked.tasks,
            seed=asked.seed,
            inductive=asked.inductive,
            curve=curve,
            chunk_size=run.fit.chunk_size,
            mode=run.fit.mode,
            advanced=lambda done: bar.update(task, completed=done),
        )
    _tell_of_divergence(run, found)
    return run, found


def _loaded(path: Path, asked: Asked, device: torch.device, split: Split) -> tuple[Run, nn.Module, TaskSource]:
    """A run as it is asked for, its network, and the tasks to score it on, which must have inputs like its own."""
    run, net = load_model(path, device=device)
    run = as_asked(run, asked)
    source, spec = run.source.tasks(split, run.test), read(path)[1]
    if source.spec.x_shape != spec.x_shape:
        raise ConfigError(
            f"{path}: was trained on inputs of shape {spec.x_shape}, those of {run.source.name} have "
            f"{source.spec.x_shape}. Give --on the flags that make them alike (--size, say)."
        )
    return run, net, source


def score_instances(path: Path, asked: Asked, device: torch.device) -> Instances:
    """Load a run and find its accuracy at each presentation of a class, with a live bar."""
    run, net, source = _loaded(path, asked, device, "test")
    check_ordered(run.algorithm, source.spec)
    with progress(f"{run.algorithm.name} by instance") as bar:
        task = bar.add_task("", total=asked.tasks, text="")
        return by_instance(
            run.algorithm,
            net,
            source,
            tasks=asked.tasks,
            seed=asked.seed,
            chunk_size=run.fit.chunk_size,
            mode=run.fit.mode,
            advanced=lambda done: bar.update(task, completed=done),
        )


def _tell_of_divergence(run: Run, found: Evaluation) -> None:
    """A mean over tasks of which one diverged says nothing: say which step it was, and what to do."""
    diverged = ~torch.isfinite(found.per_step["loss"])  # [tasks, steps]
    if bool(diverged.any()):
        step = list(found.curve)[int(diverged.any(0).int().argmax())]
        stderr.print(
            f"{run.algorithm.name}: the loss did not stay finite on {int(diverged.any(1).sum())} of {len(diverged)} tasks, "
            f"first after {step} adaptation steps. Train again with a lower --inner-lr, or with fewer --test-steps.",
            markup=False,
        )
