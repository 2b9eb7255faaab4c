"""Writes benchmarks/README.md and budget.png from the JSON results: python benchmarks/report.py"""

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

`python benchmarks/report.py` writes this page from the JSON files in `accuracy/results/`, `reproduced/` and
`speed/results/`. They contain the commands, seeds, commits and hardware. Accuracy is in per cent, with a 95% interval over
unseen tasks. *Transductive* means that a prediction depends on the other queries of its task. Each method is trained once,
with one seed: the interval covers the tasks, not repeated trainings. Convolutional networks normalise by the statistics of the
current set (`--norm batch`), unless a row says otherwise.

Published figures use the full budgets of their papers, and other splits and protocols as noted. They show the distance to
the paper; small differences mean nothing. Sources: [P] the paper, [C] the authors' code, [T] a table of another paper, [N]
quoted in notes. The published figures of ProtoNet and matching networks are those of running statistics and of the split of
Vinyals et al. (`--norm running`, `--split vinyals`).

"""


def accuracy(report: dict[str, Any]) -> str:
    """One recipe as a section."""
    quiet = report.get("quiet_training_minutes")
    minutes = f"{report['training_seconds'] / 60:.1f} minutes" + (
        f" on a busy machine, {quiet:.1f} minutes on a free one" if quiet is not None else ""
    )
    lines = [
        f"### {report['recipe']}",
        "",
        f"`{report['command']}`  ",
        f"{report['steps']} outer steps in {minutes}; {report['hardware']}, {report['threads']} threads; "
        f"torch {report['torch']}, commit {(report['commit'] or 'none')[:10]}. {report['note']}",
        "",
        "| protocol | tasks | measured | transductive | target at this budget | published |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["results"]:
        if "accuracy" in row:
            measured = f"{100 * row['accuracy']['mean']:.2f} ± {100 * row['accuracy']['ci95']:.2f}"
        elif "loss" in row and "mse" not in row:
            measured = f"loss {row['loss']['mean']:.4f} ± {row['loss']['ci95']:.4f}"
        else:
            measured = f"MSE {row['mse']['mean']:.4f} ± {row['mse']['ci95']:.4f}"
        target = "" if "asked" not in row else f"{row['asked']} ({'met' if row['met'] else 'not met'})"
        transductive = "yes" if row["transductive"] else "no"
        lines.append(
            f"| {row['protocol']} | {row['tasks']} | {measured} | {transductive} | {target} | {row.get('published', '')} |"
        )
    return "\n".join([*lines, ""])


_MODES = {"vmap": "vmap", "loop": "loop", "cuda_graph": "CUDA graph"}


def speed(report: dict[str, Any]) -> str:
    """The speed table of one device."""
    first, procedure = report["results"][0], report.get("run") or f"median of {report['rounds']} rounds"
    modes = {mode: name for mode, name in _MODES.items() if mode in first}
    ratio = ["vmap / loop"] if "loop" in first else []
    heads = [
        "method",
        "network",
        "training episode",
        "meta-batch",
        *(f"{name}, tasks/s" for name in modes.values()),
        *ratio,
    ]
    lines = [
        f"### {report['device']}",
        "",
        f"{report['hardware']}, {report['threads']} threads, torch {report['torch']}, "
        f"commit {(report['commit'] or 'none')[:10]}, {procedure}, "
        f"{report['taken']}.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
    ]
    for row in report["results"]:
        cells = [row[name] for name in ("method", "network", "episode", "meta_batch")]
        cells += [row[mode]["tasks_per_second"] for mode in modes]
        cells += [row["vmap_over_loop"] for _ in ratio]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])


def reproduced(reports: list[dict[str, Any]]) -> str:
    """The results of ``tokay reproduce`` as one table: measured and published figures."""
    lines = [
        "| recipe | budget | check | measured | tasks | transductive | published | published protocol |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        budget = f"{report['fit']['steps']:,} steps ({100 * report['fraction']:g} %)"
        for row in report["results"]:
            transductive = "yes" if row["transductive"] else "no"
            published = row["published"] or "none verified"
            lines.append(
                f"| `{report['recipe']}` | {budget} | {row['check']} | {row['shown']} | {row['tasks']} | {transductive} "
                f"| {published} | {row['protocol']} |"
            )
    recipes = list_recipes()
    notes = []
    for report in reports:
        note = recipes[report["recipe"]][1].note
        sentences = [
            f"trained in {report['training_seconds'] / 60:.1f} minutes{_since(report)} on {report['hardware']}",
            report.get("run", ""),
        ]
        notes.append(f"- `{report['recipe']}`: {'; '.join(filter(None, [*sentences, note]))}.")
    return "\n".join([*lines, "", *notes, ""])


def measured(prefix: str = "") -> list[dict[str, Any]]:
    """The results of all recipes whose names start with ``prefix``."""
    return [json.loads(path.read_text()) for path in sorted((HERE / "accuracy/results").glob(f"{prefix}*.json"))]


def _since(report: dict[str, Any]) -> str:
    """Says if the minutes do not include the part before a restart."""
    return " since it was resumed" if report.get("resumed") else ""


def render() -> str:
    """The whole page."""
    parts = [HEAD, "## Accuracy\n\n"]
    for prefix, table in TABLES.items():
        reports = measured(prefix)
        parts += [table(reports) + "\n"] if reports else []
    others = [report for report in measured() if not report["recipe"].startswith(tuple(TABLES))]
    parts += [accuracy(report) + "\n" for report in others]
    reproductions = [json.loads(path.read_text()) for path in sorted((HERE / "reproduced").glob("*.json"))]
    if reproductions:
        parts.append(
            "## Settings of the papers, by `tokay reproduce`\n\nSeed 0. Details are in the JSON files in `reproduced/`.\n\n"
        )
        parts.append(reproduced(reproductions) + "\n")
    parts.append(
        "## Training speed\n\nRandom tasks of Omniglot's size. The loop runs the same code for one task at a time.\n\n"
    )
    parts += [speed(json.loads(path.read_text())) + "\n" for path in sorted((HERE / "speed/results").glob("*.json"))]
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    (HERE / "README.md").write_text(render(), encoding="utf-8")
    pictures.budget(budget_rows(measured("budget-")), SETTINGS, HERE / "budget.png")
