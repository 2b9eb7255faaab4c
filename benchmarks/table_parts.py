"""Parts of the tables: cells, captions and remarks."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "accuracy"))
from recipes import RECIPES


def unseen_tasks(smaller: dict[str, int]) -> str:
    """The number of tasks, and the methods with a smaller number."""
    exceptions = ", ".join(f"`{name}` {tasks}" for name, tasks in smaller.items())
    return f"1,000 unseen tasks ({exceptions})"


def outdated(reports: list[dict[str, Any]]) -> list[str]:
    """One line for each result whose settings differ from its recipe."""
    return [
        f"- `{report['recipe'].partition('-')[2]}`: outdated settings, measure again: `{report['command']}`"
        for report in reports
        if not report["command"].startswith(" ".join(("tokay train", *RECIPES[report["recipe"]].train, "")))
    ]


def budget_remarks(reports: list[dict[str, Any]]) -> list[str]:
    """Where the real budget differs from the plan: another processor, or a training time that is off by more than a tenth."""
    trainings = [report for report in reports if report["steps"]]
    by_processor: dict[str, list[str]] = {}
    off_plan, unknown = [], []
    for report in trainings:
        name = f"`{report['recipe'].partition('-')[2]}`"
        by_processor.setdefault(report["hardware"], []).append(name)
        seconds = report.get("training_processor_seconds")
        if seconds is None:
            unknown.append(name)
        elif abs(seconds / 60 / report["budget_minutes"] - 1) > 0.1:
            off_plan.append(f"{name} {seconds / 60:.1f}")
    lines = []
    if len(by_processor) > 1:
        _, *minority = sorted(by_processor.items(), key=lambda item: -len(item[1]))
        names_by_processor = "; ".join(f"on {processor}: {', '.join(names)}" for processor, names in minority)
        lines.append(f"- Trained on another processor, so the budget differs a little: {names_by_processor}.")
    if off_plan:
        lines.append(
            f"- Processor minutes of training that differ from 15 by more than a tenth: {', '.join(off_plan)}."
        )
    if unknown:
        lines.append(f"- Processor time not recorded: {', '.join(unknown)}.")
    return lines


def by_method(reports: list[dict[str, Any]], prefix: str) -> dict[str, dict[str, Any]]:
    return {report["recipe"].removeprefix(prefix): report for report in reports}


def provenance(reports: list[dict[str, Any]]) -> str:
    """Hardware, versions and threads. The commits are in the JSON files."""
    fields = [", ".join(sorted({str(report[name]) for report in reports})) for name in ("hardware", "torch", "threads")]
    return f"{fields[0]}; torch {fields[1]}; threads: {fields[2]}."


def mean_accuracy(report: dict[str, Any]) -> float:
    mean: float = report["results"][0]["accuracy"]["mean"]
    return mean


def steps_in_brackets(row: dict[str, Any]) -> str:
    return f" ({row['steps']:,})" if row["steps"] else ""


def per_cent(row: dict[str, Any], *, error: bool = False) -> str:
    """Accuracy or error of one protocol in per cent, with its interval."""
    mean, interval = 100 * row["accuracy"]["mean"], 100 * row["accuracy"]["ci95"]
    return f"{100 - mean if error else mean:.2f} ± {interval:.2f}{' *t*' if row['transductive'] else ''}"


def with_interval(score: dict[str, float]) -> str:
    return f"{score['mean']:.3f} ± {score['ci95']:.3f}"
