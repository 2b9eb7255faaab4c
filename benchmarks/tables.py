"""The tables of the report that combine several results."""

import math
import sys
from pathlib import Path
from typing import Any

import tokay

sys.path.insert(0, str(Path(__file__).parent))
from published import figure, figures, protocols
from table_parts import (
    budget_remarks,
    by_method,
    mean_accuracy,
    outdated,
    per_cent,
    provenance,
    steps_in_brackets,
    unseen_tasks,
    with_interval,
)

sys.path.insert(0, str(Path(__file__).parent / "accuracy"))
from recipes import ONE_QUERY, RECIPES, TASKS, TASKS_BETWEEN

SETTINGS = {"5w1s": "5-way 1-shot", "5w5s": "5-way 5-shot", "20w1s": "20-way 1-shot"}


def budget_rows(reports: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """``rows[method][setting]``: every evaluation at the short budget, plus ``steps`` of its run. The best method is first."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for report in reports:
        name = report["recipe"].removeprefix("budget-")
        method = max((each for each in tokay.list_algorithms() if f"{name}-".startswith(f"{each}-")), key=len)
        columns = {row["protocol"]: {**row, "steps": report["steps"]} for row in report["results"]}
        rows.setdefault(method, {}).update(columns)

    def one_shot_accuracy(method: str) -> float:
        return float(rows[method]["5w1s"]["accuracy"]["mean"]) if "5w1s" in rows[method] else 0.0

    return {method: rows[method] for method in sorted(rows, key=one_shot_accuracy, reverse=True)}


def budget(reports: list[dict[str, Any]]) -> str:
    """All methods at one budget, best first."""
    exceptions = "".join(f" (`{name}` 1 on {' and '.join(settings)})" for name, settings in ONE_QUERY.items())
    lines = [
        "### Every method at the same budget: 15 minutes of one processor core",
        "",
        f"Omniglot, `random` split, 15 queries{exceptions}, no validation, seed 0. All settings are the defaults, except "
        f"those in `accuracy/short_budget.py`. {unseen_tasks(TASKS)}, the same for all. *t*: transductive. In brackets: outer "
        f"steps, planned in `accuracy/plan.json`. {provenance(reports)}",
        "",
        "![Errors of every method, with their intervals](budget.png)",
        "",
        f"| method | {' | '.join(SETTINGS.values())} | published, full budget: {' / '.join(SETTINGS)} |",
        f"|---|{'---|' * len(SETTINGS)}---|",
    ]
    rows = budget_rows(reports)
    for method, row in rows.items():
        cells = (
            per_cent(row[setting]) + steps_in_brackets(row[setting]) if setting in row else "" for setting in SETTINGS
        )
        lines.append(f"| `{method}` | {' | '.join(cells)} | {figures(method, SETTINGS)} |")
    shared = [
        f"`{report['recipe'].removeprefix('budget-')}`"
        for report in reports
        if len(report["results"]) > 1 and report["steps"]
    ]
    remarks = [f"- One network for several columns: {', '.join(shared)}."] if shared else []
    for report in reports:
        name, recipe = f"- `{report['recipe'].removeprefix('budget-')}`: ", RECIPES[report["recipe"]]
        remarks += [name + recipe.note] if recipe.note else []
        remarks += outdated([report])
    remarks += budget_remarks(reports)
    remarks += ["", "Protocols of the published figures:", "", *protocols(rows, SETTINGS)]
    return "\n".join([*lines, "", *remarks, ""])


def challenge(reports: list[dict[str, Any]]) -> str:
    """The official runs and tasks between alphabets: one network, two separate figures."""
    rows = by_method(reports, "runs-")
    lines = [
        "### The Omniglot one-shot challenge: within and between alphabets",
        "",
        "Error in per cent on 20-way 1-shot tasks, after training on the 30 background alphabets for 15 minutes on one core; "
        f"one query per class, seed 0. *Within*: the official 20 runs, 400 predictions. *Between*: {unseen_tasks(TASKS_BETWEEN)} "
        f"over the evaluation alphabets (`omniglot --split lake`), the same network. *t*: transductive. {provenance(reports)}",
        "",
        "| method | within alphabets: 20 runs | between alphabets | published, within, with its protocol |",
        "|---|---|---|---|",
    ]
    published = {"hausdorff": "38.8 [C]", "siamese": "8.0, affine distortions, 105 pixels, days of training [N]"}
    for method, report in sorted(rows.items(), key=lambda row: -mean_accuracy(row[1])):
        errors = [per_cent(row, error=True) for row in report["results"]]
        within, between = [*errors, ""][:2]  # the second may not be measured yet
        lines.append(f"| `{method}` | {within} | {between} | {published.get(method, '')} |")
    lines.append("| deep convolutional network of other authors | | | 13.5 [T] |")
    lines += [
        "",
        "The errors of people and of Bayesian program learning are missing: we could not read a source. The published "
        "errors of one Siamese network are 24.2 within and 10.7 between alphabets (small background set) [N].",
        "",
        *(
            f"- `{method}`: {RECIPES[report['recipe']].note}"
            for method, report in rows.items()
            if RECIPES[report["recipe"]].note
        ),
        *budget_remarks(reports),
        *outdated(reports),
    ]
    return "\n".join([*lines, ""])


def instances(reports: list[dict[str, Any]]) -> str:
    """Accuracy at the first, second, ... presentation of a class."""
    instances = (1, 2, 3, 5, 10)
    inputs = "Each prediction uses the examples before it"
    if any(row["by_instance"]["transductive"] for report in reports for row in report["results"]):
        inputs += ", except in batch norm, which uses the pictures of the whole sequence (*t*)"
    lines = [
        "### By instance: the first, second, ... presentation of a class",
        "",
        "Accuracy in per cent on sequences of fifty examples, ten of each of five characters, after 15 minutes of training on "
        f"one core; seed 0, `random` split, 1,000 unseen tasks. {inputs}. {provenance(reports)}",
        "",
        f"| method | steps | {' | '.join(map(str, instances))} |",
        f"|---|---|{'---|' * len(instances)}",
    ]
    for method, report in by_method(reports, "instances-").items():
        (row,) = report["results"]
        scores = {score["instance"]: score for score in row["by_instance"]["accuracy"]}
        cells = (per_cent(row["by_instance"] | {"accuracy": scores[k]}) for k in instances)
        lines.append(f"| `{method}` | {report['steps']:,} | {' | '.join(cells)} |")
    checks = [f"instance {k}" for k in instances]
    lines += [
        f"| `mann`, published, full budget | | {' | '.join(figure('mann', check) for check in checks)} |",
        "",
        *protocols(["mann"], checks),
        *(f"- {RECIPES[report['recipe']].note}" for report in reports),
        *budget_remarks(reports),
        *outdated(reports),
    ]
    return "\n".join([*lines, ""])


def likelihoods(reports: list[dict[str, Any]]) -> str:
    """Log-likelihood of neural processes and of the exact posterior."""
    rows = by_method(reports, "gp-")
    lines = [
        "### Neural processes and the exact posterior, their upper bound",
        "",
        "Log-likelihood in nats per value on curves of a Gaussian process with an RBF kernel: 3 to 50 context points, 100 "
        "targets, 15 minutes of training on one core, seed 0, the same tasks for all. As in the authors' code, σ is at least "
        f"0.1, so no value has more than {-math.log(0.1 * math.sqrt(2 * math.pi)):.3f} nats. {provenance(reports)}",
        "",
        "| method | steps | log-likelihood | exact posterior | mean squared error |",
        "|---|---|---|---|---|",
    ]
    for method, report in sorted(rows.items(), key=lambda row: -row[1]["results"][0]["log_likelihood"]["mean"]):
        (row,) = report["results"]
        cells = (with_interval(row[name]) for name in ("log_likelihood", "exact_log_likelihood", "mse"))
        lines.append(f"| `{method}` | {report['steps']:,} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *outdated(reports)])


def sequences(reports: list[dict[str, Any]]) -> str:
    """The errors of memory networks on sequences of the training length, and of twice that length."""
    rows = by_method(reports, "copy-")
    lines = [
        "### Copying sequences of bytes",
        "",
        "Trained on 1 to 20 rows of 8 bits for 15 minutes on one core, seed 0; 1,000 test sequences each. *Bits*: the loss of a "
        f"whole sequence (random guessing: 160 and 320). {provenance(reports)}",
        "",
        "| method | steps | length 20: bits | wrong bits | length 40: bits | wrong bits |",
        "|---|---|---|---|---|---|",
    ]
    for method, report in sorted(rows.items(), key=lambda row: row[1]["results"][0]["bits"]["mean"]):
        cells = [with_interval(row[name]) for row in report["results"] for name in ("bits", "wrong_bits")]
        lines.append(f"| `{method}` | {report['steps']:,} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *outdated(reports)])


def optimizers(reports: list[dict[str, Any]]) -> str:
    """The learned optimizer and tuned optimizers."""
    lines = [
        "### A learned optimizer and tuned ones",
        "",
        "Mean loss on unseen functions after 100 steps (in brackets: after 20), from the same initial weights. One learned "
        "optimizer is trained per family, on the first network. The rate of every other optimizer is tuned for each network. "
        "*Difference*: loss of the learned optimizer minus this loss, paired by function. " + provenance(reports),
        "",
    ]
    for report in reports:
        family = report["recipe"].removeprefix("optimizers-")
        lines += [
            f"`{report['command']}`: {report['steps']:,} outer steps. {report['note']}",
            "",
            f"| {family} | optimizer | rate | loss after 100 steps (20) | difference |",
            "|---|---|---|---|---|",
        ]
        for row in report["results"]:
            loss = f"{row['loss']['mean']:.4g} ± {row['loss']['ci95']:.2g} ({row['curve']['20']:.3g})"
            gap, rate = row.get("learned_minus_this"), f"{row['rate']:.2g}" if "rate" in row else "learned"
            difference = f"{gap['mean']:+.3g} ± {gap['ci95']:.2g}" if gap else ""
            lines.append(f"| {row['network']} | {row['optimizer']} | {rate} | {loss} | {difference} |")
        lines.append("")
    return "\n".join(lines)


# Tables of several recipes, by the prefix of their names.
TABLES = {
    "budget-": budget,
    "runs-": challenge,
    "instances-": instances,
    "gp-": likelihoods,
    "copy-": sequences,
    "optimizers-": optimizers,
}
