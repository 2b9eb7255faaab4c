"""``tokay train ALGORITHM SOURCE --out RUN [...]`` and ``tokay train --resume RUN``."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..core.algorithm import Algorithm, list_algorithms
from ..core.predictions import check_kind
from ..core.task import Sizes, Split, TaskSpec
from ..errors import ConfigError
from ..networks import Network, list_networks
from ..runs.data_record import write_record
from ..runs.episode_sizes import training_tasks, with_ways_of_splits
from ..runs.folder import check_place, new_folder
from ..runs.run import Run
from ..runs.settings import write
from ..tasks import Source, list_sources
from ..training.config import FitConfig, check_device
from ..training.fit import FitState, check_patience
from .early_source import resolve_early
from .flags import combine, parse
from .formats import find_device
from .output import stderr
from .resume import Resume, resume
from .suggestions import one_of
from .task_sizes import ClassificationSizes, TestSizes, TrainingSizes, sizes_of
from .training_loop import Limits, train_in
from .training_sizes import default_sizes, explain_ways, is_episodic, spec_of_test_tasks

USAGE = """Usage: tokay train ALGORITHM SOURCE --out RUN [flags]     (all flags: tokay train ALGORITHM SOURCE --help)
       tokay train --resume RUN [--steps N | --minutes M]

Algorithms: {algorithms}
Sources:    {sources}"""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a run that belong to no part of it."""

    out: str
    """run folder to make"""
    overwrite: bool = False
    """replace the run folder if it exists"""
    network: str | None = None
    """backbone, see tokay list networks (default: that of the papers of the method or the source)"""
    save_every: int = 100
    """outer steps between saves: at most so many are lost if the process is killed"""
    minutes: float | None = None
    """train for about so many minutes, in place of --steps"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    seeds: int = 1
    """train so many runs, out/seed-0, out/seed-1, ..., with seeds from --seed on"""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError(f"tokay train: --seeds must be at least 1, got {self.seeds}.")
        Limits(save_every=self.save_every, minutes=self.minutes)
        if not self.out.strip():
            raise ConfigError(f"tokay train: --out must name a folder, got {self.out!r}. Give one, such as runs/first.")


class Arguments(Protocol):
    """The parsed arguments of ``tokay train ALGORITHM SOURCE``, one attribute for each part of a run."""

    settings: Settings
    algorithm: Algorithm[Any]
    source: Source
    backbone: Network
    test: TestSizes
    training: TrainingSizes
    fit: FitConfig


def run(arguments: Sequence[str]) -> None:
    """Train and save."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE.format(algorithms=", ".join(sorted(list_algorithms())), sources=", ".join(sorted(list_sources()))))
        return
    is_resume = any(word.split("=")[0] == "--resume" for word in arguments)
    if is_resume and arguments[0].startswith("-"):  # the flags may come in any order
        resume(parse(Resume, arguments, prog="tokay train", description="Continue a run."))
        return
    args = _parse(arguments)
    for part in _each_seed(args) if args.settings.seeds > 1 else [args]:
        _start(part)


def _each_seed(args: Arguments) -> list[Arguments]:
    """One run for each seed. Their places are checked before the first one starts."""
    folder, seeds = Path(args.settings.out), range(args.fit.seed, args.fit.seed + args.settings.seeds)
    places = [folder / f"seed-{seed}" for seed in seeds]
    for place in places:
        check_place(place, overwrite=args.settings.overwrite)
    stderr.print(
        f"{len(seeds)} runs. Afterwards: tokay compare {' '.join(map(str, places))}", markup=False, soft_wrap=True
    )
    return [
        replace(args, settings=replace(args.settings, out=str(place)), fit=replace(args.fit, seed=seed))  # type: ignore[type-var]
        for place, seed in zip(places, seeds, strict=True)
    ]


def planned_run(arguments: Sequence[str]) -> Run:
    """The run that ``tokay train`` makes from these arguments."""
    return _make_run(_parse(arguments))


def _parse(arguments: Sequence[str]) -> Arguments:
    if len(arguments) < 2 or arguments[0].startswith("-") or arguments[1].startswith("-"):
        raise ConfigError("tokay train: name an algorithm and a source first: tokay train reptile glyphs --out RUN.")
    algorithm = list_algorithms()[one_of(arguments[0], sorted(list_algorithms()), "algorithm")]
    source = list_sources()[one_of(arguments[1], sorted(list_sources()), "source")]
    prog, words = f"tokay train {arguments[0]} {arguments[1]}", arguments[2:]
    early = resolve_early(source, words, prog)
    backbone = list_networks()[_network_name(algorithm, early, words)]
    test, training = sizes_of(early)
    parts: dict[str, tuple[Any, str]] = {
        "training": (training, ""),
        "algorithm": (algorithm, f"{algorithm.name}: {algorithm.summary}"),
        "source": (source, f"{source.name}: {source.summary}"),
        "backbone": (backbone, f"{backbone.name}: {backbone.summary}"),
        "test": (test, "sizes of the test tasks"),
        "fit": (FitConfig, "meta-training"),
    }
    args: Arguments = parse(
        combine("Train", parts, Settings), words, prog=prog, description=f"Meta-train {algorithm.name}."
    )
    if args.settings.minutes is not None and any(word.split("=")[0] == "--steps" for word in words):
        raise ConfigError(f"{prog}: --minutes and --steps both say how long to train. Give one of them.")
    args = replace(args, source=args.source.resolve())  # type: ignore[type-var]  # a dataclass, made by combine
    has_ways = any(word.split("=")[0] == "--ways" for word in words)
    return args if has_ways or args.source.kind != "classification" else _with_usual_ways(args)


def _with_usual_ways(args: Arguments) -> Arguments:
    """The arguments without ``--ways``: fewer than usual if the held-out classes are fewer, which is said."""
    usual = args.test.test()
    ways = with_ways_of_splits(args.source, usual).ways
    if ways == usual.ways or not isinstance(args.test, ClassificationSizes):
        return args
    stderr.print(
        f"{args.source.name}: tasks have {ways} ways, not {usual.ways}, because validation or test has no more classes. "
        "Change it with --ways, --validation and --test.",
        markup=False,
    )
    return replace(args, test=replace(args.test, ways=ways))  # type: ignore[type-var]


def _network_name(algorithm: type[Algorithm[Any]], source: Source | type[Source], words: Sequence[str]) -> str:
    """The name of the backbone. It decides which other flags exist, so it is read before all flags are parsed."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--network", nargs="?")  # without a value, `parse` complains later
    if source.network_setting is not None:
        parser.add_argument(f"--{source.network_setting}", nargs="?", dest="setting")
    args = parser.parse_known_args(words)[0]
    if args.network is not None:
        return one_of(args.network, sorted(list_networks()), "network")
    if isinstance(source, Source):
        return source.network_name(algorithm.network, algorithm.vector_network)
    return source.default_network(algorithm.network, algorithm.vector_network, getattr(args, "setting", None))


def _start(args: Arguments) -> None:
    device, out = find_device(args.settings.device), Path(args.settings.out)
    check_place(out, overwrite=args.settings.overwrite)  # before anything slow starts
    run = _make_run(args)
    # Data and network are checked before the folder is made.
    if run.algorithm.learns:
        advice = "Change them with --train-ways, --train-shots and --train-queries."
        training, validation = training_tasks(run, advice=advice), run.validation_tasks()
        if run.source.has_split("test"):  # all classes may be trained on
            run.tasks("test")
        check_patience(run.fit, validation, where="tokay train")
    else:  # a method that does not train needs no training data
        training, validation = run.tasks("test"), None
    check_device(run.fit, device, where=run.algorithm.name)
    net = run.build(training.spec).to(device)
    with new_folder(out, overwrite=args.settings.overwrite) as folder:
        sizes: dict[Split, Sizes] = {"train": run.train, "validation": run.test, "test": run.test}
        omissions = [run.source.describe_omissions(*pair) for pair in sizes.items()]
        for line in (run.source.describe_classes(), *omissions, explain_ways(run, training.spec, args.training)):
            if line:
                stderr.print(line, markup=False)
        write(folder.path, run, training.spec)
        if run.algorithm.learns:
            write_record(folder.path, run.source)
        limits = Limits(save_every=args.settings.save_every, minutes=args.settings.minutes)
        train_in(folder, run, net, training, validation, FitState(), limits)


def _make_run(args: Arguments) -> Run:
    """The run. Training episodes have the sizes of the method's paper, unless the user sets others."""
    test = args.test.test()
    # The kind comes first: no size helps if the method cannot take it.
    check_kind(args.algorithm, TaskSpec(x_shape=(1,), y_dim=1, kind=args.source.kind), where=args.source.name)
    spec = spec_of_test_tasks(args.source, test)
    algorithm = args.algorithm.for_task(spec)
    default = default_sizes(algorithm, args.source, test, spec, args.training)
    train = args.training.training(default)
    if not algorithm.any_ways and train.ways != test.ways:
        raise ConfigError(
            f"{algorithm.name}: training and test ways must agree because the last layer has one output per class, "
            f"got {train.ways} and {test.ways}. Leave out --train-ways."
        )
    fewest_shots, fewest_ways = args.training.fewest_shots, args.training.fewest_ways
    if fewest_shots is not None and not is_episodic(algorithm):
        raise ConfigError(
            f"{algorithm.name}: --train-fewest-shots is for methods that train on episodes, got {fewest_shots}. "
            "Leave it out."
        )
    if fewest_ways is not None and not algorithm.ordered:
        raise ConfigError(
            f"{algorithm.name}: --train-fewest-ways is for methods that read a task as a sequence, got {fewest_ways}. "
            "Leave it out."
        )
    return Run(
        algorithm=algorithm,
        source=args.source,
        network=args.backbone,
        test=test,
        train=train,
        fit=args.fit,
        fewest_shots=fewest_shots,
        fewest_ways=fewest_ways,
    )
