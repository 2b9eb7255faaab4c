"""Train recipes for their budget, score them on unseen tasks, write JSON: python benchmarks/accuracy/run.py NAME ...

Every step uses the ordinary command line. A short trial run finds the number of outer steps that fits the budget on this
machine, so learning-rate schedules end with the budget. The result stores this number. If other programs will use the
machine during training, find the number before, with --plan, which writes plan.json. Or give --steps, and measure their
time on the free machine later, with --calibrate. OMP_NUM_THREADS sets the number of threads.
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

from tokay.runs.machine import hardware

HERE = Path(__file__).parent
PLAN = HERE / "plan.json"


def tokay(*words: str) -> str:
    """Run a command with progress on the terminal; returns its standard output."""
    process = subprocess.run([sys.executable, "-m", "tokay", *words], stdout=subprocess.PIPE, text=True, check=True)
    return process.stdout


def seconds_per_step(train: list[str]) -> float:
    """Seconds per outer step, from two trials of different length, so that the start-up time cancels."""
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
        return (seconds(1000) - short) / 990  # short steps need a longer trial, or the start-up time hides them


def processor_seconds() -> float:
    """Processor seconds of all commands so far. Less than the clock time if other programs use the machine."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def score(out: str, protocol: Protocol, tasks: int, seed: int) -> dict[str, Any]:
    """One evaluation, with the figures to compare it with."""
    flags = f"--tasks {protocol.tasks or tasks} --seed {seed} --json --seen-tasks 0".split()
    words = ("evaluate", out, *flags, *protocol.flags)
    evaluation: dict[str, Any] = json.loads(tokay(*words))
    command_line = " ".join(
        ("tokay", "evaluate", f"runs/accuracy/{Path(out).name}", *words[2:])
    )  # independent of --runs
    extra: dict[str, Any] = {"protocol": protocol.name, "command": command_line}
    if protocol.published:
        extra["published"] = protocol.published
    if protocol.at_least is not None:
        extra |= {"asked": protocol.at_least, "met": 100 * evaluation["accuracy"]["mean"] >= protocol.at_least}
    return extra | evaluation


def command(recipe: Recipe, seed: int) -> list[str]:
    """The words of the training command, after ``tokay train``."""
    return [*(word.format(data=os.environ.get("TOKAY_DATA", "")) for word in recipe.train), "--seed", str(seed)]


def plan(name: str, minutes: float | None, seed: int) -> None:
    """Write to plan.json how many steps fit the budget on this machine now."""
    recipe = RECIPES[name]
    minutes = recipe.minutes if minutes is None else minutes
    step_seconds = seconds_per_step(command(recipe, seed)) if minutes else 0.0
    entry = {
        "seconds_per_step": round(step_seconds, 5),
        "minutes": minutes,
        "steps": int(60 * minutes / step_seconds) if step_seconds else 0,
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
    }
    PLAN.write_text(json.dumps({**planned(), name: entry}, indent=2, sort_keys=True) + "\n")
    print(f"{name}: {entry['steps']} steps of {step_seconds:.4f} s in {minutes:g} minutes", flush=True)


def planned() -> dict[str, Any]:
    """The entries of plan.json, by recipe."""
    entries: dict[str, Any] = json.loads(PLAN.read_text()) if PLAN.exists() else {}
    return entries


def calibrate(name: str) -> None:
    """Add to a result the time that its steps take on a free machine."""
    path = HERE / "results" / f"{name}.json"
    report = json.loads(path.read_text())
    report["quiet_seconds_per_step"] = round(seconds_per_step(command(RECIPES[name], report["seed"])), 4)
    report["quiet_training_minutes"] = round(report["steps"] * report["quiet_seconds_per_step"] / 60, 2)
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{name}: {report['steps']} steps take {report['quiet_training_minutes']} minutes", flush=True)


def time_of(out: Path) -> tuple[int, float]:
    """The outer steps of an existing run, and the seconds between its first file and its last."""
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
    """Train, score and write one recipe.

    With ``again`` nothing is trained: the existing run is used, existing scores are kept, and only missing protocols are
    scored.
    """
    recipe = RECIPES[name]
    if unknown := set(only or ()) - {protocol.name for protocol in recipe.evaluations}:
        sys.exit(f"run.py: --only must name protocols of {name}, got {', '.join(sorted(unknown))}")
    path, out = HERE / "results" / f"{name}.json", runs / name
    if again and path.exists():
        report = json.loads(path.read_text())
    else:
        report = train(name, out, minutes=minutes, steps=steps, seed=seed, again=again)
    rows = {row["protocol"]: row for row in report["results"]}
    for protocol in recipe.evaluations:
        if protocol.name in rows or (only and protocol.name not in only):
            continue
        result = rows[protocol.name] = score(str(out), protocol, tasks, seed)
        report["results"] = [rows[each.name] for each in recipe.evaluations if each.name in rows]
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n")
        measured = result.get("accuracy") or result.get("mse") or result["loss"]
        print(f"{name} {result['protocol']}: {measured['mean']:.4f} ± {measured['ci95']:.4f}", flush=True)


def train(name: str, out: Path, *, minutes: float | None, steps: int | None, seed: int, again: bool) -> dict[str, Any]:
    """Train a recipe, or use the existing run with ``again``. Returns its report, without results."""
    recipe = RECIPES[name]
    minutes = recipe.minutes if minutes is None else minutes
    words = command(recipe, seed)
    if steps is None and not again and name in planned():
        steps = int(planned()[name]["steps"])
    if steps is None and not again:
        steps = int(0.95 * 60 * minutes / seconds_per_step(words)) if minutes else 0
    processor = {}
    if again:
        steps, seconds = time_of(out)
    else:
        started, processor_started = time.perf_counter(), processor_seconds()
        tokay("train", *words, "--out", str(out), "--overwrite", "--steps", str(steps))
        seconds = time.perf_counter() - started
        processor = {"training_processor_seconds": round(processor_seconds() - processor_started, 1)}
    settings = json.loads((out / "run.json").read_text())
    return {
        "recipe": name,
        "command": "tokay train " + " ".join([*recipe.train, "--seed", str(seed), "--steps", str(steps)]),
        "note": recipe.note,
        "steps": steps,
        "training_seconds": round(seconds, 1),
        **processor,
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
    parser.add_argument("--minutes", type=float, help="training budget in minutes (default: that of the recipe)")
    parser.add_argument("--steps", type=int, help="number of outer steps, instead of a budget")
    parser.add_argument("--tasks", type=int, default=1000, help="number of unseen tasks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/accuracy"), help="folder for the run folders")
    parser.add_argument(
        "--again", action="store_true", help="score the existing run with the protocols that its result lacks"
    )
    parser.add_argument("--only", nargs="+", metavar="PROTOCOL", help="score only these; the rest later, with --again")
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="only time the steps on the free machine, for existing results",
    )
    parser.add_argument(
        "--plan", action="store_true", help="only find how many steps fit the budget, and write plan.json"
    )
    args = parser.parse_args()
    for name in args.names:
        if args.plan:
            plan(name, args.minutes, args.seed)
            continue
        if args.calibrate:
            calibrate(name)
            continue
        run(
            name,
            minutes=args.minutes,
            steps=args.steps,
            tasks=args.tasks,
            seed=args.seed,
            runs=args.runs,
            again=args.again,
            only=args.only,
        )


if __name__ == "__main__":
    main()
