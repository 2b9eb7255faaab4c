"""``tokay reproduce RECIPE``: train a paper's setting, score it as the paper did, print measured beside published."""

import json
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
from ..files import finite_json, write_json
from ..runs.run import hardware, read
from . import train
from .console import device_named, print_json, score_json, shown_whole, stderr, stdout, table
from .evaluate import Evaluate
from .flags import one_of, parse
from .scoring import score_instances, score_run


@dataclass(frozen=True, kw_only=True)
class Reproduce:
    """Which setting, and how much of it."""

    recipe: Annotated[str, tyro.conf.Positional]
    """its name (tokay list recipes)"""
    fraction: float = 1.0
    """part of the paper's outer steps to train for; schedules end with it"""
    out: str | None = None
    """run folder (runs/reproduce/RECIPE)"""
    overwrite: bool = False
    """replace the run folder if it exists"""
    resume: bool = False
    """go on with the run folder, exactly where it stopped"""
    tasks: int | None = None
    """unseen tasks in every check (the recipe's)"""
    seed: int = 0
    """decides the initial weights, the tasks and every random draw"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    cuda_graph: bool = False
    """on a CUDA device: record an outer step once and replay it, which is several times as fast for small networks"""
    save_every: int = 100
    """outer steps between saves, which is what a kill can cost"""
    json: bool = False
    """print exactly one JSON object"""

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ConfigError(f"tokay reproduce: --fraction must be above 0 and at most 1, got {self.fraction}.")
        if self.resume and self.overwrite:
            raise ConfigError("tokay reproduce: --resume and --overwrite exclude each other. Give one of them.")


def run(arguments: Sequence[str]) -> None:
    """Train (or go on), score, print, and write ``reproduction.json`` into the run folder."""
    asked = parse(Reproduce, arguments, prog="tokay reproduce", description="Run a paper's setting.")
    kind, recipe = list_recipes()[one_of(asked.recipe, sorted(list_recipes()), "recipe")]
    out = Path(asked.out or f"runs/reproduce/{recipe.name}")
    words = training_words(kind, recipe, asked.fraction, asked.seed)
    words += ["--cuda-graph"] if asked.cuda_graph else []
    started = time.perf_counter()
    how = ["--device", asked.device, "--save-every", str(asked.save_every)]
    if asked.resume:
        _check_resumable(out, words)
        train.run(["--resume", str(out), *how])
    else:
        extra = ["--overwrite"] if asked.overwrite else []
        train.run([*words, "--out", str(out), *how, *extra])
    seconds = time.perf_counter() - started
    report = {
        "recipe": recipe.name,
        "command": shlex.join(["tokay", "train", *words]),
        "fraction": asked.fraction,
        "seed": asked.seed,
        **json.loads((out / "run.json").read_text(encoding="utf-8")),
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "training_seconds": round(seconds, 1),
        "resumed": asked.resume,  # then the seconds are those of the last sitting
        "note": recipe.note,
        "results": _checked(asked, recipe, out),
    }
    write_json(out / "reproduction.json", finite_json(report))
    if asked.json:
        print_json(report)
    else:
        _print(kind, recipe, report)


def training_words(kind: type[Algorithm[Any]], recipe: Recipe, fraction: float, seed: int) -> list[str]:
    """The words of the training command, without its folder and device."""
    steps = max(1, round(recipe.steps * fraction))
    return [kind.name, recipe.source, *shlex.split(recipe.flags), "--steps", str(steps), "--seed", str(seed)]


def check_words(check: Check, out: Path, tasks: int | None, seed: int) -> list[str]:
    """The words of an evaluation."""
    given = ["--tasks", str(tasks or check.tasks), "--seed", str(seed)]
    return [str(out), *given, *shlex.split(check.flags), *(["--instances"] if check.instance else [])]


def _check_resumable(out: Path, words: list[str]) -> None:
    """Refuse to go on with another method, or with another number of steps."""
    trained, _ = read(out)
    if trained.algorithm.name != words[0] or trained.fit.steps != int(words[words.index("--steps") + 1]):
        raise ConfigError(
            f"{out}: --resume goes on with the same recipe and fraction, this is {trained.algorithm.name} for "
            f"{trained.fit.steps} steps. Give the --fraction it was started with, or another --out."
        )


def _checked(asked: Reproduce, recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """One row per check. Checks of one protocol, which look at different steps of it, share one evaluation."""
    found: dict[tuple[str, ...], tuple[Evaluation, Instances | None]] = {}
    rows = []
    for check in recipe.checks:
        words = check_words(check, out, asked.tasks, asked.seed)
        if tuple(words) not in found:
            protocol = parse(Evaluate, words, prog="tokay evaluate", description="")
            device = device_named(asked.device)
            met = score_instances(out, protocol, device) if protocol.instances else None
            found[tuple(words)] = score_run(out, protocol, device, curve=True)[1], met
        rows.append(_row(check, *found[tuple(words)], words))
    return rows


def _row(check: Check, found: Evaluation, met: Instances | None, words: list[str]) -> dict[str, Any]:
    measure = check.measure or found.measure
    if check.step is not None and check.step not in found.curve:
        raise ConfigError(
            f"recipe {check.name}: the figure after {check.step} steps was not measured, "
            f"only after {', '.join(map(str, found.curve))}. Give the recipe another step."
        )
    if met is not None and check.instance is not None:
        score = met.accuracy[check.instance]
    else:
        score = found[measure] if check.step is None else found.curve[check.step][measure]
    return {
        "check": check.name,
        "command": shlex.join(["tokay", "evaluate", *words]),
        "tasks": score.tasks,
        "transductive": found.transductive if met is None else met.transductive,
        "measure": measure,
        "measured": score_json(score),
        "shown": shown_whole(measure, score),
        "published": check.published,
        "protocol": check.protocol,
    }


def _print(kind: type[Algorithm[Any]], recipe: Recipe, report: dict[str, Any]) -> None:
    part = "" if report["fraction"] == 1 else f", {100 * report['fraction']:g} % of the steps"
    listing = table(f"{recipe.name}: {kind.reference}{part}", "check", "measured", "published", "how")
    listing.columns[3].justify = "left"
    for row in report["results"]:
        seen = "transductive" if row["transductive"] else "inductive"
        ours = f"ours: {row['tasks']} tasks, {seen}"
        theirs = f"theirs: {row['protocol']}" if row["protocol"] else ""
        listing.add_row(row["check"], row["shown"], row["published"] or "none verified", f"{ours}\n{theirs}".strip())
    stdout.print(listing)
    if recipe.note:
        stdout.print(recipe.note, markup=False)
    since = " since it was resumed" if report["resumed"] else ""
    stderr.print(f"{report['hardware']}, {report['training_seconds']:.0f} s of training{since}, seed {report['seed']}.")
