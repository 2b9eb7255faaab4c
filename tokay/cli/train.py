"""``tokay train ALGORITHM SOURCE --out RUN [...]`` and ``tokay train --resume RUN``."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from ..core.algorithm import Algorithm, list_algorithms
from ..core.outer_optimizer import make_optimizer
from ..core.task import Sizes, TaskSource
from ..errors import ConfigError, TaskError
from ..networks import list_networks
from ..runs.checkpoint import load_state
from ..runs.run import Run, create, read
from ..tasks import Source, list_sources
from ..training.fit import FitConfig, FitState, check_device
from .console import device_named, stderr
from .flags import combine, one_of, parse
from .training import train_in

USAGE = """Usage: tokay train ALGORITHM SOURCE --out RUN [flags]     (all flags: tokay train ALGORITHM SOURCE --help)
       tokay train --resume RUN [--device auto]

Algorithms: {algorithms}
Sources:    {sources}"""


@dataclass(frozen=True, kw_only=True)
class SequenceSettings:
    """What train needs beside the parts."""

    out: str
    """run folder to make"""
    overwrite: bool = False
    """replace the run folder if it exists"""
    network: str | None = None
    """backbone (tokay list networks); the method's own for pictures, otherwise mlp or what the paper has"""
    train_shots: int | None = None
    """support examples (per class) in a training episode, or the longest training sequence; the paper's for the method"""
    save_every: int = 100
    """outer steps between saves, which is what a kill can cost"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""

    def __post_init__(self) -> None:
        _require_saves(self.save_every)


@dataclass(frozen=True, kw_only=True)
class PointSettings(SequenceSettings):
    """The same for tasks that have queries of their own."""

    train_queries: int | None = None
    """query examples (per class) in a training episode; the paper's for the method"""


@dataclass(frozen=True, kw_only=True)
class Settings(PointSettings):
    """The same for tasks that have classes."""

    train_ways: int | None = None
    """classes in a training episode; the paper's for the method"""
    train_fewest_shots: int | None = None
    """support examples per class in the shortest training episodes: each outer step then draws from so many to as many as
    usual; always as many as usual if left out"""
    train_fewest_ways: int | None = None
    """classes in the smallest training episodes, for methods that read a task as a sequence: each outer step then draws from
    so many to a number that grows, to as many as usual after half of the training"""


@dataclass(frozen=True, kw_only=True)
class Points:
    """How large a task without classes is."""

    shots: int = 10
    """support points"""
    queries: int = 10
    """query points"""


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long a sequence is."""

    shots: int
    """length of the sequences, in rows or items; the longest of those that training mixes"""


@dataclass(frozen=True, kw_only=True)
class Resume:
    """How to go on."""

    resume: str
    """run folder to go on with, exactly where it stopped"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    save_every: int = 100
    """outer steps between saves"""

    def __post_init__(self) -> None:
        _require_saves(self.save_every)


def _require_saves(save_every: int) -> None:
    if save_every < 1:
        raise ConfigError(f"tokay train: --save-every must be at least 1, got {save_every}. 100 is usual.")


def run(arguments: Sequence[str]) -> None:
    """Train and save."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE.format(algorithms=", ".join(sorted(list_algorithms())), sources=", ".join(sorted(list_sources()))))
        return
    if arguments[0].startswith("--resume"):
        again = parse(Resume, arguments, prog="tokay train", description="Go on with a run.")
        _resume(Path(again.resume), device_named(again.device), again.save_every)
        return
    if len(arguments) < 2 or arguments[0].startswith("-") or arguments[1].startswith("-"):
        raise ConfigError("tokay train: name an algorithm and a source first: tokay train reptile glyphs --out RUN.")
    algorithm = list_algorithms()[one_of(arguments[0], sorted(list_algorithms()), "algorithm")]
    source = list_sources()[one_of(arguments[1], sorted(list_sources()), "source")]
    _start(algorithm, source, arguments[2:], prog=f"tokay train {arguments[0]} {arguments[1]}")


def _start(algorithm: type[Algorithm[Any]], source: type[Source], arguments: Sequence[str], *, prog: str) -> None:
    backbone = list_networks()[_network_name(algorithm, source, arguments)]
    sizes, extra = _sizes(source)
    parts: dict[str, tuple[Any, str]] = {
        "algorithm": (algorithm, f"{algorithm.name}: {algorithm.summary}"),
        "source": (source, f"{source.name}: {source.summary}"),
        "backbone": (backbone, f"{backbone.name}: {backbone.summary}"),
        "test": (sizes, "the tasks to be good at"),
        "fit": (FitConfig, "meta-training"),
    }
    given = parse(combine("Train", parts, extra), arguments, prog=prog, description=f"Meta-train {algorithm.name}.")
    settings = given.settings
    device, out = device_named(settings.device), Path(settings.out)
    if out.exists() and not settings.overwrite:  # said before anything slow is done
        raise ConfigError(f"{out}: already exists. Add --overwrite to replace it, or go on with --resume {out}.")
    run = _with_training_sizes(given, settings)
    # All that can be wrong with data and network is found out before the folder is made.
    if algorithm.learns:
        training, validation, _ = _training(run), _validation(run), run.tasks("test")
    else:  # what is never trained needs no training data
        training, validation = run.tasks("test"), None
    check_device(run.fit, device, where=algorithm.name)
    net = run.build(training.spec).to(device)
    create(out, run, training.spec, overwrite=settings.overwrite)
    train_in(out, run, net, training, validation, FitState(), save_every=settings.save_every)


def _sizes(source: type[Source]) -> tuple[Any, type[SequenceSettings]]:
    """The sizes that its tasks have, with what is usual, and the settings that go with them."""
    if source.kind == "sequence":
        return Lengths(shots=source.test_sizes.shots), SequenceSettings
    return (source.test_sizes, Settings) if source.kind == "classification" else (Points(), PointSettings)


def _training(run: Run) -> TaskSource:
    """Training tasks. When they do not fit, say that they need not have the sizes of the test."""
    try:
        return run.tasks("train")
    except TaskError as error:
        if run.train == run.test:
            raise
        sizes = f"{run.train.ways} ways, {run.train.shots} shots and {run.train.queries} queries"
        raise TaskError(
            f"{error} Training episodes have {sizes}, as {run.algorithm.name} usually does; "
            "change them with --train-ways, --train-shots and --train-queries."
        ) from error


def _validation(run: Run) -> TaskSource | None:
    """Held-out tasks; None where they are not asked for, so that no classes need be held out."""
    return run.tasks("validation") if run.fit.validate_every else None


def _with_training_sizes(given: Any, settings: Any) -> Run:
    """The run, with training episodes as the method's paper has them where the user does not say otherwise."""
    algorithm, source = given.algorithm, given.source
    test = given.test if isinstance(given.test, Sizes) else Sizes(ways=1, **asdict(given.test))
    wanted = {name: getattr(settings, f"train_{name}", None) for name in ("ways", "shots", "queries")}
    train = replace(algorithm.training_sizes(test), **{name: n for name, n in wanted.items() if n is not None})
    episodic = algorithm.learns and not algorithm.joint
    if algorithm.any_ways and wanted["ways"] is None and source.kind == "classification" and episodic:
        # Many ways are a habit of the paper, not a wish of the user: as many as there are will do.
        train = replace(train, ways=max(test.ways, min(train.ways, source.most_ways("train"))))
    if not algorithm.any_ways and train.ways != test.ways:
        raise ConfigError(
            f"{algorithm.name}: training and test ways must agree, for its last layer has one output per class, "
            f"got {train.ways} and {test.ways}. Leave out --train-ways."
        )
    fewest, fewest_ways = (getattr(settings, f"train_fewest_{of}", None) for of in ("shots", "ways"))
    if fewest is not None and not episodic:
        raise ConfigError(
            f"{algorithm.name}: --train-fewest-shots is for methods that train on episodes, got {fewest}. Leave it out."
        )
    if fewest_ways is not None and not algorithm.ordered:
        raise ConfigError(
            f"{algorithm.name}: --train-fewest-ways is for methods that read a task as a sequence, got {fewest_ways}. "
            "Leave it out."
        )
    return Run(
        algorithm=algorithm,
        source=source,
        network=given.backbone,
        test=test,
        train=train,
        fit=given.fit,
        fewest_shots=fewest,
        fewest_ways=fewest_ways,
    )


def _network_name(algorithm: type[Algorithm[Any]], source: type[Source], arguments: Sequence[str]) -> str:
    """The backbone decides which flags there are, so it is looked up before they are parsed."""
    for flag, value in pairwise([*(word for argument in arguments for word in argument.split("=", 1)), ""]):
        if flag == "--network":
            return one_of(value, sorted(list_networks()), "network")
    return algorithm.network if source.network is None else algorithm.vector_network or source.network


def _resume(path: Path, device: torch.device, save_every: int) -> None:
    run, spec = read(path)
    net = run.build(spec).to(device)
    optimizer = None
    if run.algorithm.learns:
        kind = run.fit.optimizer or run.algorithm.outer.optimizer
        optimizer = make_optimizer(net.parameters(), kind, lr=1.0, where=run.algorithm.name)  # fit sets the rate
    state = load_state(path, run, net, optimizer)
    if state.step >= run.fit.steps:
        stderr.print(f"{path}: is complete, all {state.step} steps are done.", markup=False)
    train_in(path, run, net, run.tasks("train"), _validation(run), state, save_every=save_every)
