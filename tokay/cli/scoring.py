"""Scoring a run with a progress bar, for ``evaluate``, ``compare``, ``plot`` and ``reproduce``."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from ..core.task import Sizes, Split, TaskSource
from ..errors import ConfigError
from ..evaluation.by_instance import Instances, by_instance, check_ordered
from ..evaluation.evaluate import evaluate
from ..evaluation.scores import Evaluation
from ..evaluation.task_blocks import count_scored
from ..runs.checkpoint import load_model
from ..runs.data_record import find_changes, keep_division, plural
from ..runs.run import Run
from ..runs.settings import read
from ..tasks import list_sources
from .flags import parse
from .formats import progress
from .output import stderr
from .suggestions import one_of
from .task_sizes import check_ways


@dataclass(frozen=True, kw_only=True)
class EvaluationTasks:
    """The tasks to score a run on. A setting that is None is the one that the run was trained for."""

    tasks: int = 600
    """number of unseen tasks"""
    seed: int = 0
    """decides which tasks are drawn: one seed gives every run the same tasks"""
    inductive: bool = False
    """predict each query separately, without the other queries"""
    ways: int | None = None
    """classes in a task (default: as in training)"""
    queries: int | None = None
    """query examples per class (default: as in training)"""
    shots: int | None = None
    """support examples per class (default: as in training)"""
    on: str | None = None
    """score on tasks of another source, given with its flags: --on 'omniglot --split lake' (default: that of the run)"""

    split: Literal["test", "validation"] = "test"
    """classes to draw tasks from: choose between runs on validation, and report test"""

    new_classes: bool = False
    """also draw test tasks from classes that came into the folder after training"""

    def __post_init__(self) -> None:
        if self.on is not None and self.new_classes:
            raise ConfigError("tokay: --new-classes is about the source of the run. Leave it out with --on.")
        if self.tasks < 2:  # checked before anything slow starts
            raise ConfigError(f"tokay: --tasks must be at least 2 for an interval, got {self.tasks}. Default: 600.")

    @property
    def group(self) -> str:
        """The adjective of these tasks in titles."""
        return "unseen" if self.split == "test" else "validation"


def with_source(run: Run, words: str | None) -> Run:
    """The run with another source: ``words`` are its name and its flags. None keeps the run's own source."""
    if words is None:
        return run
    try:
        name, *flags = shlex.split(words) or [""]
    except ValueError as error:  # an open quotation, or a backslash at the end
        reason = str(error).lower()
        raise ConfigError(f"tokay: --on cannot be read ({reason}), got {words!r}. Close the quotation.") from error
    kind = list_sources()[one_of(name, sorted(list_sources()), "source")]
    source = parse(kind, flags, prog=f"tokay: --on {name}", description=kind.summary).resolve()
    if source.kind != run.source.kind:
        raise ConfigError(
            f"tokay: --on must name a source of {run.source.kind} tasks, which {run.algorithm.name} was trained on, "
            f"{name} has {source.kind}."
        )
    return replace(run, source=source)


def with_test_tasks(run: Run, test: EvaluationTasks) -> Run:
    """The run with the source and the test sizes that ``test`` sets. Raises ``ConfigError`` for a size that cannot be."""
    run = with_source(run, test.on)
    flags = {"ways": test.ways, "shots": test.shots, "queries": test.queries}
    changes = {name: size for name, size in flags.items() if size is not None}
    if run.source.kind == "sequence" and test.inductive:
        raise ConfigError(
            f"{run.source.name}: the rows of a sequence depend on the rows before them. Leave out --inductive."
        )
    if run.source.kind == "sequence" and changes.keys() - {"shots"}:
        raise ConfigError(
            f"{run.source.name}: a sequence has only a length. Leave out --ways and --queries, give --shots."
        )
    sizes: Sizes = replace(run.test, **changes)
    if run.source.kind == "classification":
        check_ways(sizes.ways)
    if sizes.ways != run.test.ways and not run.algorithm.any_ways:
        raise ConfigError(
            f"{run.algorithm.name}: must be tested on the {run.test.ways} ways of its last layer, "
            f"got {sizes.ways}. Train it on {sizes.ways} ways, or leave out --ways."
        )
    return replace(run, test=sizes)


def check_reach(run: Run, reach: float | None) -> None:
    """Raises ``ConfigError`` for a target that cannot be reached: an accuracy that is not a part of 1."""
    if reach is not None and not (0 < reach <= 1 if run.source.kind == "classification" else reach > 0):
        what = "an accuracy above 0, up to 1 (0.9)" if run.source.kind == "classification" else "an error above 0"
        raise ConfigError(f"tokay: --reach must be {what}, got {reach:g}.")


def check_seen_tasks(seen_tasks: int) -> None:
    """Raises ``ConfigError`` for a number of training tasks that gives no interval."""
    if seen_tasks != 0 and seen_tasks < 2:
        raise ConfigError(f"tokay: --seen-tasks must be at least 2 for an interval, or 0, got {seen_tasks}.")


def check_inductive_tasks(inductive_tasks: int | None) -> None:
    """Raises ``ConfigError`` for a number of tasks that gives no interval."""
    if inductive_tasks is not None and inductive_tasks != 0 and inductive_tasks < 2:
        raise ConfigError(f"tokay: --inductive-tasks must be at least 2 for an interval, or 0, got {inductive_tasks}.")


def report_changes(path: Path, test: EvaluationTasks) -> None:
    """Print what changed in the data of the run in ``path`` since its training, unless ``test`` is on other data."""
    if test.on is not None:
        return
    source = read(path)[0].source
    changes = find_changes(path, source)
    if test.new_classes and (changes is None or not changes.new):
        words = f"no {source.noun} came since the training"
        stderr.print(f"{path}: --new-classes changes nothing, because {words}.", markup=False)
    if changes is None:
        return
    hint = "" if test.new_classes or not changes.new else ": --new-classes tests on the new ones, too"
    stderr.print(f"{path}: {changes}. The run keeps its division of the {plural(changes.noun)}{hint}.", markup=False)


def score_run(
    path: Path, test: EvaluationTasks, device: torch.device, *, curve: bool, split: Split | None = None
) -> tuple[Run, Evaluation]:
    """Load a run and score it, with a live bar. With ``curve``, score it after every adaptation step.

    ``split`` replaces that of ``test``: "train" scores tasks of the training classes, with the same sizes.
    """
    run, net, source = _load(path, test, device, split or test.split)
    total = count_scored(source, test.tasks)
    if omissions := run.source.describe_omissions(split or test.split, run.test):
        stderr.print(omissions, markup=False)
    if total < test.tasks:
        stderr.print(f"{run.source.name}: has only {total} such tasks; each is scored once.", markup=False)
    group = " (training tasks)" if split == "train" else " (inductive)" if test.inductive else ""
    with progress(f"{run.algorithm.name} {run.source.describe_sizes(run.test)}{group}") as bar:
        task = bar.add_task("", total=total, text="")
        evaluation = evaluate(
            run.algorithm,
            net,
            source,
            tasks=test.tasks,
            seed=test.seed,
            inductive=test.inductive,
            curve=curve,
            chunk_size=run.fit.chunk_size,
            mode=run.fit.mode,
            on_progress=lambda count: bar.update(task, completed=count),
        )
    _report_divergence(run, evaluation)
    return run, evaluation


def score_instances(path: Path, test: EvaluationTasks, device: torch.device) -> Instances:
    """Load a run and measure its accuracy at each presentation of a class, with a live bar."""
    run, net, source = _load(path, test, device, test.split)
    check_ordered(run.algorithm, source.spec)
    with progress(f"{run.algorithm.name} by instance") as bar:
        task = bar.add_task("", total=test.tasks, text="")
        return by_instance(
            run.algorithm,
            net,
            source,
            tasks=test.tasks,
            seed=test.seed,
            chunk_size=run.fit.chunk_size,
            mode=run.fit.mode,
            on_progress=lambda count: bar.update(task, completed=count),
        )


def _load(path: Path, test: EvaluationTasks, device: torch.device, split: Split) -> tuple[Run, nn.Module, TaskSource]:
    """The run, its network, and the tasks to score it on. Raises ``ConfigError`` if their inputs have another shape."""
    run, net = load_model(path, device=device)
    if test.new_classes:
        run = replace(run, source=keep_division(path, run.source, add_new=True))
    run = with_test_tasks(run, test)
    source, spec = run.source.tasks(split, run.test), read(path)[1]
    if source.spec.x_shape != spec.x_shape:
        raise ConfigError(
            f"{path}: was trained on inputs of shape {spec.x_shape}, those of {run.source.name} have "
            f"{source.spec.x_shape}. Give --on the flags that make the shapes equal, for example --size."
        )
    if source.spec.x_type != spec.x_type:
        raise ConfigError(
            f"{path}: was trained on inputs of type {spec.x_type}, those of {run.source.name} are {source.spec.x_type}. "
            "Give --on the flags that make them equal, for example --encoder."
        )
    return run, net, source


def _report_divergence(run: Run, evaluation: Evaluation) -> None:
    """Print how many tasks diverged, and at which step. A mean over tasks is meaningless if one of them diverged."""
    diverged = ~torch.isfinite(evaluation.per_step["loss"])  # [tasks, steps]
    if bool(diverged.any()):
        step = list(evaluation.curve)[int(diverged.any(0).int().argmax())]
        stderr.print(
            f"{run.algorithm.name}: the loss did not stay finite on {int(diverged.any(1).sum())} of {len(diverged)} tasks, "
            f"first after {step} adaptation steps. Train again with a lower --inner-lr, or with fewer --test-steps.",
            markup=False,
        )
