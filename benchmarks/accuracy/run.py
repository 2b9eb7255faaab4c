"""Train recipes for their budget, score them on unseen tasks, write JSON: python benchmarks/accuracy/run.py NAME ...

Everything goes through the command line that users have. The number of outer steps is what fits the budget on this
machine, found by a short trial run, so that schedules end where the budget ends; it is in the result. On a machine
that will do other things as well find it beforehand, with --plan: plan.json then has it. Or give --steps, and add the time
they take alone later, with --calibrate. Threads are those of OMP_NUM_THREADS.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))
from recipes import RECIPES, Protocol, Recipe

from tokay.runs.run import hardware

HERE = Path(__file__).parent
PLAN = HERE / "plan.json"


def tokay(*words: str) -> str:
    """Run a command, progress on the terminal; its standard output."""
    done = subprocess.run([sys.executable, "-m", "tokay", *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def seconds_per_step(train: list[str]) -> float:
    """The time of one outer step, from two trials of different length, so that start-up cancels."""
    with tempfile.TemporaryDirectory() as folder:

        def seconds(steps: int) -> float:
            started = time.perf_counter()
            tokay("train", *train, "--out", f"{folder}/{steps}", "--steps", str(steps), "--validate-every", "0")
            return time.perf_counter() - started

        seconds(5)  # warms the caches
        short = seconds(10)
        long = seconds(60)
        if long - short > 3:
            return (long - short) / 50
        return (seconds(1000) - short) / 990  # steps of a few milliseconds drown in the start-up


def processor_seconds() -> float:
    """What the commands so far took of the processor: on a machine that does other things, less than the clock says."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def score(out: str, protocol: Protocol, tasks: int, seed: int) -> dict[str, Any]:
    """One evaluation, with the figures beside it."""
    given = f"--tasks {protocol.tasks or tasks} --seed {seed} --json --seen-tasks 0".split()
    words = ("evaluate", out, *given, *protocol.flags)
    found: dict[str, Any] = json.loads(tokay(*words))
    told = " ".join(("tokay", "evaluate", f"runs/accuracy/{Path(out).name}", *words[2:]))  # wherever --runs is
    extra: dict[str, Any] = {"protocol": protocol.name, "command": told}
    if protocol.published:
        extra["published"] = protocol.published
    if protocol.at_least is not None:
        extra |= {"asked": protocol.at_least, "met": 100 * found["accuracy"]["mean"] >= protocol.at_least}
    return extra | found


def command(recipe: Recipe, seed: int) -> list[str]:
    """The words of the training command."""
    return [*(word.format(data=os.environ.get("TOKAY_DATA", "")) for word in recipe.train), "--seed", str(seed)]


def plan(name: str, minutes: float | None, seed: int) -> None:
    """Note how many steps fit the budget on the machine as it is now."""
    recipe = RECIPES[name]
    minutes = recipe.minutes if minutes is None else minutes
    each = seconds_per_step(command(recipe, seed)) if minutes else 0.0
    found = {
        "seconds_per_step": round(each, 5),
        "minutes": minutes,
        "steps": int(60 * minutes / each) if each else 0,
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
    }
    PLAN.write_text(json.dumps({**planned(), name: found}, indent=2, sort_keys=True) + "\n")
    print(f"{name}: {found['steps']} steps of {each:.4f} s in {minutes:g} minutes", flush=True)


def planned() -> dict[str, Any]:
    """The steps of every recipe that was planned."""
    known: dict[str, Any] = json.loads(PLAN.read_text()) if PLAN.exists() else {}
    return known


def calibrate(name: str) -> None:
    """Add to a result how long its steps take when the machine has nothing else to do."""
    path = HERE / "results" / f"{name}.json"
    report = json.loads(path.read_text())
    report["quiet_seconds_per_step"] = round(seconds_per_step(command(RECIPES[name], report["seed"])), 4)
    report["quiet_training_minutes"] = round(report["steps"] * report["quiet_seconds_per_step"] / 60, 2)
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{name}: {report['steps']} steps take {report['quiet_training_minutes']} minutes", flush=True)


def time_of(out: Path) -> tuple[int, float]:
    """The outer steps of a run that is there, and the seconds between its first file and its last."""
    steps = int(json.loads((out / "run.json").read_text())["fit"]["steps"])
    return steps, (out / "model.safetensors").stat().st_mtime - (out / "run.json").stat().st_mtime


def run(
    name: str,
    *,
    minutes: float | None,
    steps: int | None,
    tasks: int,
    seed: int,
    runs: Path,
    again: bool,
    only: list[str] | None,
) -> None:
    """Train (or take the run that is there, with ``again``), score and write one recipe.

    With ``again`` what the result has is kept, and only protocols that it lacks are scored.
    """
    recipe = RECIPES[name]
    if strange := set(only or ()) - {protocol.name for protocol in recipe.evaluations}:
        sys.exit(f"run.py: --only must name protocols of {name}, got {', '.join(sorted(strange))}")
    path, out = HERE / "results" / f"{name}.json", runs / name
    if again and path.exists():
        report = json.loads(path.read_text())
    else:
        report = trained(name, out, minutes=minutes, steps=steps, seed=seed, again=again)
    there = {row["protocol"]: row for row in report["results"]}
    for protocol in recipe.evaluations:
        if protocol.name in there or (only and protocol.name not in only):
            continue
        result = there[protocol.name] = score(str(out), protocol, tasks, seed)
        report["results"] = [there[known.name] for known in recipe.evaluations if known.name in there]
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n")
        measured = result.get("accuracy") or result.get("mse") or result["loss"]
        print(f"{name} {result['protocol']}: {measured['mean']:.4f} ± {measured['ci95']:.4f}", flush=True)


def trained(
    name: str, out: Path, *, minutes: float | None, steps: int | None, seed: int, again: bool
) -> dict[str, Any]:
    """Train a recipe, or take the run that is there, with ``again``: its report, without results."""
    recipe = RECIPES[name]
    minutes = recipe.minutes if minutes is None else minutes
    train = command(recipe, seed)
    if steps is None and not again and name in planned():
        steps = int(planned()[name]["steps"])
    if steps is None and not again:
        steps = int(0.95 * 60 * minutes / seconds_per_step(train)) if minutes else 0
    spent = {}
    if again:
        steps, seconds = time_of(out)
    else:
        started, before = time.perf_counter(), processor_seconds()
        tokay("train", *train, "--out", str(out), "--overwrite", "--steps", str(steps))
        seconds = time.perf_counter() - started
        spent = {"training_processor_seconds": round(processor_seconds() - before, 1)}
    settings = json.loads((out / "run.json").read_text())
    return {
        "recipe": name,
        "command": "tokay train " + " ".join([*recipe.train, "--seed", str(seed), "--steps", str(steps)]),
        "note": recipe.note,
        "steps": steps,
        "training_seconds": round(seconds, 1),
        **spent,
        "budget_minutes": minutes,
        "seed": seed,
        "commit": settings["commit"],
        "torch": settings["torch"],
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "results": [],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(RECIPES))
    parser.add_argument("--minutes", type=float, help="training budget (the recipe's)")
    parser.add_argument("--steps", type=int, help="outer steps, instead of a budget")
    parser.add_argument("--tasks", type=int, default=1000, help="unseen tasks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/accuracy"), help="where run folders go")
    parser.add_argument("--again", action="store_true", help="score the run that is there, what was not yet")
    parser.add_argument("--only", nargs="+", metavar="PROTOCOL", help="score these alone, the rest later, with --again")
    parser.add_argument("--calibrate", action="store_true", help="only time steps, alone, for results that are there")
    parser.add_argument("--plan", action="store_true", help="only find how many steps fit the budget, for plan.json")
    given = parser.parse_args()
    for name in given.names:
        if given.plan:
            plan(name, given.minutes, given.seed)
            continue
        if given.calibrate:
            calibrate(name)
            continue
        run(
            name,
            minutes=given.minutes,
            steps=given.steps,
            tasks=given.tasks,
            seed=given.seed,
            runs=given.runs,
            again=given.again,
            only=given.only,
        )


if __name__ == "__main__":
    main()
