"""Render the measured figures: python benchmarks/report.py writes benchmarks/README.md from the JSON in results/."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import pictures
from tables import SETTINGS, TABLES, budget_rows

from tokay.core.algorithm import list_recipes

HERE = Path(__file__).parent

HEAD = """# Measured figures

Written by `python benchmarks/report.py` from the JSON files in `accuracy/results/` and `speed/results/`, which hold
the commands, seeds, commits and hardware. Accuracy is in per cent, with a 95% interval over unseen tasks; *transductive*
says whether an answer saw the other queries of its task. One seed each: the interval is over tasks, not over trainings.

Published figures are of the full budgets of their papers, with other splits and protocols as noted; [P] read in the
paper, [C] in the authors' code, [T] in a table of another paper, [N] quoted in notes.
They stand beside ours to show the distance, not to be compared to a decimal.

"""


def accuracy(report: dict[str, Any]) -> str:
    """One recipe as a section."""
    alone = report.get("quiet_training_minutes")
    minutes = f"{report['training_seconds'] / 60:.1f} minutes" + (
        f" beside other work, {alone:.1f} minutes alone" if alone is not None else ""
    )
    lines = [
        f"### {report['recipe']}",
        "",
        f"`{report['command']}`  ",
        f"{report['steps']} outer steps in {minutes}; {report['hardware']}, {report['threads']} threads; "
        f"torch {report['torch']}, commit {(report['commit'] or 'none')[:10]}. {report['note']}",
        "",
        "| protocol | tasks | measured | transductive | asked of this budget | published |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["results"]:
        if "accuracy" in row:
            measured = f"{100 * row['accuracy']['mean']:.2f} ± {100 * row['accuracy']['ci95']:.2f}"
        elif "loss" in row and "mse" not in row:
            measured = f"loss {row['loss']['mean']:.4f} ± {row['loss']['ci95']:.4f}"
        else:
            measured = f"MSE {row['mse']['mean']:.4f} ± {row['mse']['ci95']:.4f}"
        asked = "" if "asked" not in row else f"{row['asked']} ({'met' if row['met'] else 'not met'})"
        seen = "yes" if row["transductive"] else "no"
        lines.append(
            f"| {row['protocol']} | {row['tasks']} | {measured} | {seen} | {asked} | {row.get('published', '')} |"
        )
    return "\n".join([*lines, ""])


_WAYS = {"vmap": "vmap", "loop": "loop", "cuda_graph": "recorded"}


def speed(report: dict[str, Any]) -> str:
    """The speed table of one device."""
    first, how = report["results"][0], report.get("run") or f"median of {report['rounds']} rounds"
    shown = {way: name for way, name in _WAYS.items() if way in first}
    compared = ["vmap over loop"] if "loop" in first else []
    heads = [
        "method",
        "network",
        "training episode",
        "meta-batch",
        *(f"{name}, tasks/s" for name in shown.values()),
        *compared,
    ]
    lines = [
        f"### {report['device']}",
        "",
        f"{report['hardware']}, {report['threads']} threads, torch {report['torch']}, "
        f"commit {(report['commit'] or 'none')[:10]}, {how}, "
        f"{report['taken']}.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
    ]
    for row in report["results"]:
        cells = [row[name] for name in ("method", "network", "episode", "meta_batch")]
        cells += [row[way]["tasks_per_second"] for way in shown]
        cells += [row["vmap_over_loop"] for _ in compared]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])


def reproduced(reports: list[dict[str, Any]]) -> str:
    """What ``tokay reproduce`` wrote: published beside measured."""
    lines = [
        "| recipe | part of the budget | check | measured | tasks | transductive | published | its protocol |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        part = f"{report['fit']['steps']:,} steps ({100 * report['fraction']:g} %)"
        for row in report["results"]:
            seen = "yes" if row["transductive"] else "no"
            published = row["published"] or "none verified"
            lines.append(
                f"| `{report['recipe']}` | {part} | {row['check']} | {row['shown']} | {row['tasks']} | {seen} "
                f"| {published} | {row['protocol']} |"
            )
    known = list_recipes()
    notes = []
    for report in reports:
        note = known[report["recipe"]][1].note
        told = [
            f"trained in {report['training_seconds'] / 60:.1f} minutes{_since(report)} on {report['hardware']}",
            report.get("run", ""),
        ]
        notes.append(f"- `{report['recipe']}`: {'; '.join(filter(None, [*told, note]))}.")
    return "\n".join([*lines, "", *notes, ""])


def measured(begins: str = "") -> list[dict[str, Any]]:
    """The results of all recipes whose names begin so."""
    return [json.loads(path.read_text()) for path in sorted((HERE / "accuracy/results").glob(f"{begins}*.json"))]


def _since(report: dict[str, Any]) -> str:
    """What the minutes leave out."""
    return " since it was resumed" if report.get("resumed") else ""


def render() -> str:
    """The whole page."""
    parts = [HEAD, "## Accuracy\n\n"]
    for begins, table in TABLES.items():
        its = measured(begins)
        parts += [table(its) + "\n"] if its else []
    alone = [report for report in measured() if not report["recipe"].startswith(tuple(TABLES))]
    parts += [accuracy(report) + "\n" for report in alone]
    found = [json.loads(path.read_text()) for path in sorted((HERE / "reproduced").glob("*.json"))]
    if found:
        parts.append(
            "## Papers' settings, by `tokay reproduce`\n\nSeed 0; the JSON files in `reproduced/` hold the rest.\n\n"
        )
        parts.append(reproduced(found) + "\n")
    parts.append(
        "## Training speed\n\nOmniglot-sized random tasks; the loop runs the same code one task at a time.\n\n"
    )
    parts += [speed(json.loads(path.read_text())) + "\n" for path in sorted((HERE / "speed/results").glob("*.json"))]
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    (HERE / "README.md").write_text(render(), encoding="utf-8")
    pictures.budget(budget_rows(measured("budget-")), SETTINGS, HERE / "budget.png")
