"""``tokay doctor RUN``: what may be wrong with a run, and with a support set for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

from ..core.engine.batching import to_device
from ..core.task import Task, TaskSource
from ..errors import ConfigError
from ..evaluation.diagnosis import Finding, diagnose
from ..evaluation.task_blocks import task_blocks
from ..learner.reader import Invert, reader_of
from ..learner.support_diagnosis import diagnose_support
from ..runs.checkpoint import load_model
from ..runs.run import Run
from ..runs.settings import read
from .flags import parse
from .formats import find_device, print_json
from .output import stdout

_TASKS = 8  # of each split: faults of a run show in a few


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """The run, and what it shall learn."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    support: str | None = None
    """what tokay adapt shall learn: a folder of pictures per class, or a file (default: only the run is checked)"""
    query: str | None = None
    """what tokay adapt shall answer, to see whether it is in the support set, too (default: not checked)"""
    invert: Invert = "auto"
    """swap light and dark, as for tokay adapt"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""

    def __post_init__(self) -> None:
        if self.query is not None and self.support is None:
            raise ConfigError("tokay doctor: --query is compared with --support. Give both.")


def run(arguments: Sequence[str]) -> None:
    """Check and print: one line per finding."""
    args = parse(Doctor, arguments, prog="tokay doctor", description="What may be wrong with a run or a support set.")
    device = find_device(args.device)
    run, net = load_model(Path(args.run), device=device)
    if run.source.kind == "sequence":
        raise ConfigError(
            f"tokay doctor: {args.run} must be a run on classes or real targets, {run.source.name} has sequences."
        )
    training = _first_tasks(run.tasks("train"), device)
    test = _first_tasks(run.tasks("test" if run.source.has_split("test") else "validation"), device)
    findings = diagnose(run.algorithm, net, training, test)
    if args.support is not None:
        findings += _diagnose_support(args, run, training)
    if args.json:
        print_json({"algorithm": run.algorithm.name, "findings": [finding._asdict() for finding in findings]})
        return
    for finding in findings:
        stdout.print(f"{finding.name}: {finding.text}", markup=False, soft_wrap=True)
    if not findings:
        stdout.print("Nothing was found.", markup=False)


def _diagnose_support(args: Doctor, run: Run, training: Task) -> list[Finding]:
    _, spec = read(Path(args.run))
    reader = reader_of(run, spec, invert=args.invert, where=f"tokay doctor: {args.run}")
    rows = reader.read_support(Path(str(args.support)))
    queries = None if args.query is None else reader.read_queries([args.query]).inputs
    inputs = training.support.x.flatten(0, 1).cpu()
    return diagnose_support(rows, inputs, kind=spec.kind, shots=run.test.shots, queries=queries)


def _first_tasks(source: TaskSource, device: torch.device) -> Task:
    """A few tasks of one size."""
    _, tasks = next(task_blocks(source, _TASKS, seed=0))
    return to_device(tasks, device)
