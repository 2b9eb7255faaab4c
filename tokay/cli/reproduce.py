"""``tokay reproduce RECIPE``: train a paper's setting, score it as the paper does, print both figures."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from ..core.algorithm import Algorithm, list_recipes
from ..core.recipe import Check, Recipe
from ..errors import ConfigError
from ..evaluation.by_instance import Instances
from ..evaluation.scores import Evaluation
from ..files import finite_json, read_json, write_json
from ..runs.file_names import REPRODUCTION, SETTINGS
from ..runs.machine import hardware
from ..runs.settings import differences, read
from . import train
from .evaluate import Evaluate
from .flags import parse
from .formats import find_device, format_with_median, print_json, score_json
from .output import stderr, stdout, table
from .scoring import score_instances, score_run
from .suggestions import one_of


@dataclass(frozen=True, kw_only=True)
class Reproduce:
    """The recipe, and how much of its training."""

    recipe: Annotated[str, tyro.conf.Positional]
    """name of the recipe, see tokay list recipes"""
    fraction: float = 1.0
    """part of the paper's outer steps to train for; schedules are shortened with it"""
    out: str | None = None
    """run folder (default: runs/reproduce/RECIPE)"""
    overwrite: bool = False
    """replace the run folder if it exists"""
    resume: bool = False
    """continue the run in the folder, exactly where it stopped"""
    tasks: int | None = None
    """number of unseen tasks in every check (default: as in the recipe)"""
    seed: int = 0
    """decides the initial weights, the tasks and all random draws"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    cuda_graph: bool = False
    """record an outer step once and replay it: several times as fast for small networks on a CUDA device"""
    save_every: int = 100
    """outer steps between saves: at most so many are lost if the process is killed"""
    json: bool = False
    """print exactly one JSON object"""

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ConfigError(f"tokay reproduce: --fraction must be above 0 and at most 1, got {self.fraction}.")
        if self.out is not None and not self.out.strip():
            raise ConfigError(
                f"tokay reproduce: --out must name a folder, got {self.out!r}. Leave it out, or name one."
            )
        if self.resume and self.overwrite:
            raise ConfigError("tokay reproduce: --resume and --overwrite exclude each other. Give one of them.")


def run(arguments: Sequence[str]) -> None:
    """Train or resume, score, print, and write ``reproduction.json`` into the run folder."""
    args = parse(Reproduce, arguments, prog="tokay reproduce", description="Run a paper's setting.")
    kind, recipe = list_recipes()[one_of(args.recipe, sorted(list_recipes()), "recipe")]
    out = Path(f"runs/reproduce/{recipe.name}" if args.out is None else args.out)
    words = training_words(kind, recipe, args.fraction, args.seed)
    words += ["--cuda-graph"] if args.cuda_graph else []
    start = time.perf_counter()
    settings = ["--device", args.device, "--save-every", str(args.save_every)]
    if args.resume:
        _check_resumable(out, words)
        train.run(["--resume", str(out), *settings])
    else:
        extra = ["--overwrite"] if args.overwrite else []
        train.run([*words, "--out", str(out), *settings, *extra])
    seconds = time.perf_counter() - start
    report = {
        "recipe": recipe.name,
        "command": shlex.join(["tokay", "train", *words]),
        "fraction": args.fraction,
        "seed": args.seed,
        **read_json(out / SETTINGS),
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "training_seconds": round(seconds, 1),
        "resumed": args.resume,  # if so, training_seconds counts from the last --resume
        "note": recipe.note,
        "results": _score_checks(args, recipe, out),
    }
    write_json(out / REPRODUCTION, finite_json(report))
    if args.json:
        print_json(report)
    else:
        _print(kind, recipe, report)


def training_words(kind: type[Algorithm[Any]], recipe: Recipe, fraction: float, seed: int) -> list[str]:
    """The arguments of the training command, without its folder and device."""
    steps = max(1, round(recipe.steps * fraction))
    return [kind.name, recipe.source, *shlex.split(recipe.flags), "--steps", str(steps), "--seed", str(seed)]


def check_words(check: Check, out: Path, tasks: int | None, seed: int) -> list[str]:
    """The arguments of the evaluation that a check needs."""
    sample = ["--tasks", str(tasks or check.tasks), "--seed", str(seed)]
    return [str(out), *sample, *shlex.split(check.flags), *(["--instances"] if check.instance else [])]


def _check_resumable(out: Path, words: list[str]) -> None:
    """Raises ``ConfigError`` if a setting of the run is not that of the recipe, or its seed not the one that was given."""
    rows = differences(read(out)[0], train.planned_run([*words, "--out", str(out)]))
    if rows:
        name, value, wanted_value = rows[0]
        more = f" (the first of {len(rows)} differences)" if len(rows) > 1 else ""
        raise ConfigError(
            f"{out}: --resume needs the recipe, --fraction and --seed that the run was started with: {name} must be "
            f"{wanted_value}, the run has {value}{more}. Give those of the run, or another --out."
        )


def _score_checks(args: Reproduce, recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """One row per check. Checks that differ only in the step they look at share one evaluation."""
    evaluations: dict[tuple[str, ...], tuple[Evaluation, Instances | None]] = {}
    rows = []
    for check in recipe.checks:
        words = check_words(check, out, args.tasks, args.seed)
        if tuple(words) not in evaluations:
            protocol = parse(Evaluate, words, prog="tokay evaluate", description="")
            device = find_device(args.device)
            instances = score_instances(out, protocol, device) if protocol.instances else None
            evaluations[tuple(words)] = score_run(out, protocol, device, curve=True)[1], instances
        rows.append(_row(check, *evaluations[tuple(words)], words))
    return rows


def _row(check: Check, evaluation: Evaluation, instances: Instances | None, words: list[str]) -> dict[str, Any]:
    measure = check.measure or evaluation.measure
    if check.step is not None and check.step not in evaluation.curve:
        raise ConfigError(
            f"recipe {check.name}: the figure after {check.step} steps was not measured, "
            f"only after {', '.join(map(str, evaluation.curve))}. Give the recipe another step."
        )
    if instances is not None and check.instance is not None:
        score = instances.accuracy[check.instance]
    else:
        score = evaluation[measure] if check.step is None else evaluation.curve[check.step][measure]
    return {
        "check": check.name,
        "command": shlex.join(["tokay", "evaluate", *words]),
        "tasks": score.tasks,
        "transductive": evaluation.transductive if instances is None else instances.transductive,
        "measure": measure,
        "measured": score_json(score),
        "shown": format_with_median(measure, score),
        "published": check.published,
        "protocol": check.protocol,
    }


def _print(kind: type[Algorithm[Any]], recipe: Recipe, report: dict[str, Any]) -> None:
    part = "" if report["fraction"] == 1 else f", {100 * report['fraction']:g} % of the steps"
    listing = table(f"{recipe.name}: {kind.reference}{part}", "check", "measured", "published", "how")
    listing.columns[3].justify = "left"
    for row in report["results"]:
        mode = "transductive" if row["transductive"] else "inductive"
        ours = f"ours: {row['tasks']} tasks, {mode}"
        theirs = f"theirs: {row['protocol']}" if row["protocol"] else ""
        listing.add_row(row["check"], row["shown"], row["published"] or "none verified", f"{ours}\n{theirs}".strip())
    stdout.print(listing)
    if recipe.note:
        stdout.print(recipe.note, markup=False)
    since = " since it was resumed" if report["resumed"] else ""
    stderr.print(f"{report['hardware']}, {report['training_seconds']:.0f} s of training{since}, seed {report['seed']}.")
