"""``tokay compare RUN RUN ...``: score several runs on the same tasks, with paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import ConfigError
from ..evaluation.adaptation_speed import adaptation
from ..evaluation.scores import Evaluation
from ..figures.file_format import figure_format
from ..runs.run import Run
from ..runs.settings import read
from .adaptation_report import adaptation_table, target_measure
from .comparison_report import column_json, count_tasks, describe_sizes, print_comparison, run_labels, short_labels
from .flags import parse
from .formats import find_device, print_json
from .output import stderr, stdout
from .scoring import EvaluationTasks, check_reach, report_changes, score_run, with_source, with_test_tasks


@dataclass(frozen=True, kw_only=True)
class Compare:
    """The runs to compare, and the tasks to score them on."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(help_behavior_hint="")]
    """two or more run folders; differences are to the last one"""
    tasks: int = 600
    """number of unseen tasks, the same for every run"""
    seed: int = 0
    """decides which tasks are drawn"""
    inductive: bool = False
    """predict each query separately, without the other queries"""
    ways: int | None = None
    """classes in a task (default: as in the training of the first run)"""
    shots: tuple[int, ...] = ()
    """support examples per class; each number gives a column (default: as in the training of the first run)"""
    queries: int | None = None
    """query examples per class (default: as in the training of the first run)"""
    on: str | None = None
    """score on tasks of another source, given with its flags: --on 'omniglot --split lake' (default: that of the run)"""
    split: Literal["test", "validation"] = "test"
    """classes to draw tasks from: choose between runs on validation, and report test"""
    adaptation: bool = False
    """print how fast each run adapts, too, and the cost that it was trained for"""
    reach: float | None = None
    """accuracy (or error) that counts as learned (default: 0.9 for classes)"""
    plot: str | None = None
    """draw the adaptation curves of all runs into this file (.png, .pdf or .svg), for the first number of shots"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""


def run(arguments: Sequence[str]) -> None:
    """Score every run on the same tasks and print one table."""
    args = parse(Compare, arguments, prog="tokay compare", description="Compare runs on the same tasks.")
    _check_arguments(args)
    device = find_device(args.device)
    runs = {name: with_source(read(Path(name))[0], args.on) for name in args.runs}
    first = runs[args.runs[0]]
    check_reach(first, args.reach)
    columns = [_column(args, first, shots) for shots in args.shots or (first.test.shots,)]
    _check_same_tasks(runs, columns)
    for name in args.runs:
        report_changes(Path(name), columns[0])
    reach, curve = target_measure(first, args.reach), args.adaptation or args.plot is not None
    scores = [{name: score_run(Path(name), column, device, curve=curve)[1] for name in args.runs} for column in columns]
    if args.plot is not None:
        _plot(Path(args.plot), first, columns[0], runs, scores[0])
    if args.json:
        pairs = zip(columns, scores, strict=True)
        print_json(
            {"columns": [column_json(first, *pair, runs, adapting=args.adaptation, reach=reach) for pair in pairs]}
        )
        return
    print_comparison(first, columns, runs, scores)
    if args.adaptation:
        for column, evaluations in zip(columns, scores, strict=True):
            rows = [
                (label, runs[name].algorithm.cost.family, adaptation(evaluations[name], reach=reach))
                for name, label in short_labels(runs).items()
            ]
            stdout.print(adaptation_table(f"How fast they adapt, {describe_sizes(first, column)}", rows))


def _check_arguments(args: Compare) -> None:
    if len(args.runs) < 2:
        raise ConfigError(f"tokay compare: takes two or more run folders, got {len(args.runs)}.")
    folders = [Path(name).resolve() for name in args.runs]
    repeated = {name for name, folder in zip(args.runs, folders, strict=True) if folders.count(folder) > 1}
    if repeated:
        raise ConfigError(
            f"tokay compare: runs must be different ones, got {', '.join(sorted(repeated))} more than once. Name each once."
        )
    if args.plot is not None:  # checked before anything slow starts
        figure_format(Path(args.plot))
        if not Path(args.plot).parent.is_dir():
            raise ConfigError(
                f"tokay compare: the folder of --plot {args.plot} must exist. Make it, or choose another."
            )


def _column(args: Compare, first: Run, shots: int) -> EvaluationTasks:
    """The tasks of one column. All runs get the sizes of the first run, whatever sizes they were trained for."""
    has_classes_or_points = first.source.kind != "sequence"  # a sequence has only a length
    return EvaluationTasks(
        tasks=args.tasks,
        seed=args.seed,
        inductive=args.inductive,
        ways=args.ways or first.test.ways if has_classes_or_points else args.ways,
        shots=shots,
        queries=args.queries or first.test.queries if has_classes_or_points else args.queries,
        on=args.on,
        split=args.split,
    )


def _check_same_tasks(runs: dict[str, Run], columns: list[EvaluationTasks]) -> None:
    (first, source), *others = ((name, run.source) for name, run in runs.items())
    for name, other in others:
        if other != source:
            raise ConfigError(
                f"tokay compare: runs must be of one source with one setting, got {source} ({first}) and {other} ({name}). "
                f"To score all on tasks of one source, add --on {source.name} with its flags."
            )
    for run in runs.values():
        for column in columns:
            with_test_tasks(run, column)


def _plot(
    path: Path, first: Run, column: EvaluationTasks, runs: dict[str, Run], evaluations: dict[str, Evaluation]
) -> None:
    from ..figures.adaptation import adaptation_figure  # matplotlib is slow to import
    from ..figures.style import write_figure

    curves = {label: evaluations[name] for name, label in run_labels(runs, runs).items()}
    chance = 1 / (column.ways or first.test.ways) if first.source.kind == "classification" else None
    tasks = f"{count_tasks(evaluations)} {column.group} {describe_sizes(first, column)} tasks"
    title = f"{first.source.name}: {tasks}, the same for all"
    write_figure(path, adaptation_figure(curves, title, chance=chance))
    stderr.print(f"Drew {path}", markup=False)
