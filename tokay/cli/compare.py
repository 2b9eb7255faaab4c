"""``tokay compare RUN RUN ...``: several runs on the same tasks, with paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.markup import escape

from ..errors import ConfigError
from ..evaluation.adaptation_speed import adaptation
from ..evaluation.scores import Difference, Evaluation, paired_difference
from ..figures.adaptation import adaptation_figure
from ..figures.training import write_figure
from ..runs.run import Run, read
from .adaptation import adaptation_json, adaptation_table, reach_of
from .console import device_named, print_json, score_json, shown, stderr, stdout, table
from .flags import parse
from .scoring import Asked, as_asked, on_source, score_run


@dataclass(frozen=True, kw_only=True)
class Compare:
    """What to compare and on which tasks."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """run folders; differences are to the last"""
    tasks: int = 600
    """unseen tasks, the same for every run"""
    seed: int = 0
    """decides which"""
    inductive: bool = False
    """answer every query alone beside the support set"""
    ways: int | None = None
    """classes in a task (as the first run was trained for)"""
    shots: tuple[int, ...] = ()
    """support examples per class; several make several columns (as the first run was trained for)"""
    queries: int | None = None
    """query examples per class (as the first run was trained for)"""
    on: str | None = None
    """tasks of another source than the runs' own, with its flags: --on 'omniglot --split lake'"""
    adaptation: bool = False
    """tell how fast each run adapts, too, and which cost it was trained for"""
    reach: float | None = None
    """the accuracy (or error) that counts as learned; 0.9 for classes"""
    plot: str | None = None
    """draw the adaptation curves of all runs into this PNG (the first of several shots)"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""


def run(arguments: Sequence[str]) -> None:
    """Score every run on the same tasks and print one table."""
    asked = parse(Compare, arguments, prog="tokay compare", description="Compare runs on the same tasks.")
    if len(asked.runs) < 2:
        raise ConfigError(f"tokay compare: takes two or more run folders, got {len(asked.runs)}.")
    repeated = {name for name in asked.runs if sum(Path(name).resolve() == Path(n).resolve() for n in asked.runs) > 1}
    if repeated:
        raise ConfigError(
            f"tokay compare: runs must be different ones, got {', '.join(sorted(repeated))} more than once. Name each once."
        )
    if asked.plot is not None and not Path(asked.plot).parent.is_dir():  # said before anything slow is done
        raise ConfigError(f"tokay compare: the folder of --plot {asked.plot} must exist. Make it, or choose another.")
    device = device_named(asked.device)
    settings = {name: on_source(read(Path(name))[0], asked.on) for name in asked.runs}
    first = settings[asked.runs[0]]
    columns = [_same_tasks(asked, first, shots) for shots in asked.shots or (first.test.shots,)]
    _refuse_different_tasks(settings, columns)
    reach, curve = reach_of(first, asked.reach), asked.adaptation or asked.plot is not None
    found = [{name: score_run(Path(name), column, device, curve=curve)[1] for name in asked.runs} for column in columns]
    if asked.plot is not None:
        _plot(Path(asked.plot), first, columns[0], settings, found[0])
    if asked.json:
        print_json(
            {
                "columns": [
                    _as_json(first, column, settings, scores, asked.adaptation, reach)
                    for column, scores in zip(columns, found, strict=True)
                ]
            }
        )
        return
    _print(first, columns, settings, found)
    if asked.adaptation:
        for column, scores in zip(columns, found, strict=True):
            rows = [
                (label, settings[run].algorithm.cost.family, adaptation(scores[run], reach=reach))
                for run, label in _labels(settings).items()
            ]
            stdout.print(adaptation_table(f"How fast they adapt, {_sizes(first, column)}", rows))


def _same_tasks(asked: Compare, first: Run, shots: int) -> Asked:
    """One column: sizes that hold for every run, whatever each was trained for."""
    sequences = first.source.kind == "sequence"  # which have nothing but a length
    return Asked(
        tasks=asked.tasks,
        seed=asked.seed,
        inductive=asked.inductive,
        ways=asked.ways if sequences else asked.ways or first.test.ways,
        shots=shots,
        queries=asked.queries if sequences else asked.queries or first.test.queries,
        on=asked.on,
    )


def _refuse_different_tasks(settings: dict[str, Run], columns: list[Asked]) -> None:
    sources = {name: run.source for name, run in settings.items()}
    (first, source), *others = sources.items()
    for name, other in others:
        if other != source:
            raise ConfigError(
                f"tokay compare: runs must be of one source with one setting, got {source} ({first}) and {other} ({name})."
            )
    for run in settings.values():
        for column in columns:
            as_asked(run, column)


def _differences(found: dict[str, Evaluation]) -> dict[str, Difference]:
    """Each run minus the last, task by task."""
    name = next(iter(found.values())).measure
    reference = list(found.values())[-1].per_task[name]
    return {run: paired_difference(scores.per_task[name], reference) for run, scores in list(found.items())[:-1]}


def _as_json(
    first: Run,
    column: Asked,
    settings: dict[str, Run],
    found: dict[str, Evaluation],
    adapting: bool,
    reach: float | None,
) -> dict[str, Any]:
    name = next(iter(found.values())).measure

    def speed(scores: Evaluation) -> dict[str, Any]:
        return {"adaptation": adaptation_json(adaptation(scores, reach=reach))} if adapting else {}

    return {
        "source": first.source.name,
        "ways": column.ways,
        "shots": column.shots,
        "queries": column.queries,
        "tasks": _tasks(found),
        "seed": column.seed,
        "measure": name,
        "runs": [
            {
                "run": run,
                "algorithm": settings[run].algorithm.name,
                "cost": settings[run].algorithm.cost._asdict(),
                "transductive": scores.transductive,
                name: score_json(scores[name]),
                **speed(scores),
            }
            for run, scores in found.items()
        ],
        "differences_to_last": [
            {"run": run, **score_json(difference)} for run, difference in _differences(found).items()
        ],
    }


def _tasks(found: dict[str, Evaluation]) -> int:
    return next(iter(found.values()))["loss"].tasks


def _sizes(first: Run, column: Asked) -> str:
    return first.source.named(as_asked(first, column).test)


def _labels(settings: dict[str, Run]) -> dict[str, str]:
    """A short name for every run: the method's; where two runs share it, the folder tells them apart."""
    names = [run.algorithm.name for run in settings.values()]
    return {
        run: name if names.count(name) == 1 else f"{name} ({run})" for run, name in zip(settings, names, strict=True)
    }


def _plot(path: Path, first: Run, column: Asked, settings: dict[str, Run], found: dict[str, Evaluation]) -> None:
    curves = {label: found[run] for run, label in _labels(settings).items()}
    chance = 1 / (column.ways or first.test.ways) if first.source.kind == "classification" else None
    title = f"{first.source.name}: {_tasks(found)} unseen {_sizes(first, column)} tasks, the same for all"
    write_figure(path, adaptation_figure(curves, title, chance=chance))
    stderr.print(f"Drew {path}", markup=False)


def _print(first: Run, columns: list[Asked], settings: dict[str, Run], found: list[dict[str, Evaluation]]) -> None:
    last = list(settings)[-1]
    heads = []
    for column in columns:
        heads += [_sizes(first, column), f"minus {settings[last].algorithm.name}"]
    unit = ", per cent" if first.source.kind == "classification" else ""
    listing = table(
        f"{first.source.name}: {_tasks(found[0])} unseen tasks, the same for all, 95% intervals{unit}", "run", *heads
    )
    for run, trained in settings.items():
        row = [escape(f"{trained.algorithm.name}\n{run}")]
        for scores in found:
            name = scores[run].measure
            cells = [shown(name, scores[run][name]), "" if run == last else shown(name, _differences(scores)[run])]
            row += [cell.removesuffix(" %") for cell in cells]
        listing.add_row(*row)
    stdout.print(listing)
    seeing = [run for run in settings if any(scores[run].transductive for scores in found)]
    if seeing:
        stdout.print(
            f"Transductive (each answer saw the other queries): {', '.join(seeing)}. Add --inductive to rule that out.",
            markup=False,
        )
