"""The tables of several results each, that report.py puts on the page."""

import math
import sys
from pathlib import Path
from typing import Any

import tokay

sys.path.insert(0, str(Path(__file__).parent))
from published import figure, figures, protocols

sys.path.insert(0, str(Path(__file__).parent / "accuracy"))
from recipes import ONE_QUERY, RECIPES, TASKS, TASKS_BETWEEN

SETTINGS = {"5w1s": "5-way 1-shot", "5w5s": "5-way 5-shot", "20w1s": "20-way 1-shot"}


def budget_rows(reports: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """``rows[method][setting]``: every evaluation at the short budget with its run's ``steps``; the best method first."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for report in reports:
        name = report["recipe"].removeprefix("budget-")
        method = max((known for known in tokay.list_algorithms() if f"{name}-".startswith(f"{known}-")), key=len)
        scored = {row["protocol"]: {**row, "steps": report["steps"]} for row in report["results"]}
        rows.setdefault(method, {}).update(scored)

    def of_one_shot(method: str) -> float:
        return float(rows[method]["5w1s"]["accuracy"]["mean"]) if "5w1s" in rows[method] else 0.0

    return {method: rows[method] for method in sorted(rows, key=of_one_shot, reverse=True)}


def budget(reports: list[dict[str, Any]]) -> str:
    """Every method at one budget as one table, best first."""
    alone = "".join(f" (`{name}` 1 on {' and '.join(settings)})" for name, settings in ONE_QUERY.items())
    lines = [
        "### Every method at the same budget: 15 minutes of one processor core",
        "",
        f"Omniglot, `random` split, 15 queries{alone}, no validation, seed 0, defaults but for what "
        f"`accuracy/short_budget.py` says; {_unseen(TASKS)}, the same for all; *t*: transductive. In brackets the outer "
        f"steps, which `accuracy/plan.json` found to fit. {_made(reports)}",
        "",
        "![Errors of every method, with their intervals](budget.png)",
        "",
        f"| method | {' | '.join(SETTINGS.values())} | published, full budget: {' / '.join(SETTINGS)} |",
        f"|---|{'---|' * len(SETTINGS)}---|",
    ]
    rows = budget_rows(reports)
    for method, its in rows.items():
        cells = (_per_cent(its[setting]) + _trained(its[setting]) if setting in its else "" for setting in SETTINGS)
        lines.append(f"| `{method}` | {' | '.join(cells)} | {figures(method, SETTINGS)} |")
    once = [
        f"`{report['recipe'].removeprefix('budget-')}`"
        for report in reports
        if len(report["results"]) > 1 and report["steps"]
    ]
    told = [f"- Trained once, one network for several columns: {', '.join(once)}."] if once else []
    for report in reports:
        name, recipe = f"- `{report['recipe'].removeprefix('budget-')}`: ", RECIPES[report["recipe"]]
        told += [name + recipe.note] if recipe.note else []
        told += _given_up([report])
    told += _spent(reports)
    told += ["", "Protocols of the published figures:", "", *protocols(rows, SETTINGS)]
    return "\n".join([*lines, "", *told, ""])


def challenge(reports: list[dict[str, Any]]) -> str:
    """The official runs beside tasks between alphabets: one network, two figures that are never mixed."""
    rows = _by_method(reports, "runs-")
    lines = [
        "### The Omniglot one-shot challenge: within and between alphabets",
        "",
        "Error in per cent of 20-way 1-shot, learned from the 30 background alphabets in 15 minutes of one core, one query per "
        f"class, seed 0. *Within*: the official 20 runs, 400 answers. *Between*: {_unseen(TASKS_BETWEEN)} over "
        f"the evaluation alphabets (`omniglot --split lake`), the same network. *t*: transductive. {_made(reports)}",
        "",
        "| method | within alphabets: 20 runs | between alphabets | published, within, and its protocol |",
        "|---|---|---|---|",
    ]
    known = {"hausdorff": "38.8 [C]", "siamese": "8.0, affine distortions, 105 pixels, trained for days [N]"}
    for method, its in sorted(rows.items(), key=lambda row: -_mean(row[1])):
        errors = [_per_cent(row, error=True) for row in its["results"]]
        within, between = [*errors, ""][:2]  # the second is still being measured
        lines.append(f"| `{method}` | {within} | {between} | {known.get(method, '')} |")
    lines.append("| deep convolutional network, of others | | | 13.5 [T] |")
    lines += [
        "",
        "Errors of people and of Bayesian program learning are not here: no source of theirs could be read. One Siamese "
        "network's published errors within and between are 24.2 and 10.7 (small background set) [N].",
        "",
        *(
            f"- `{method}`: {RECIPES[its['recipe']].note}"
            for method, its in rows.items()
            if RECIPES[its["recipe"]].note
        ),
        *_spent(reports),
        *_given_up(reports),
    ]
    return "\n".join([*lines, ""])


def instances(reports: list[dict[str, Any]]) -> str:
    """How often a class is known when it comes for the first, second, ... time."""
    shown = (1, 2, 3, 5, 10)
    seen = "Each answer is from the examples before it"
    if any(row["by_instance"]["transductive"] for report in reports for row in report["results"]):
        seen += ", but for batch norm, which saw the pictures of the whole sequence together (*t*)"
    lines = [
        "### By instance: a class that comes for the first, second, ... time",
        "",
        "Accuracy on sequences of fifty, ten of each of five characters, learned in 15 minutes of one core, seed 0; `random` "
        f"split, 1,000 unseen tasks. {seen}. {_made(reports)}",
        "",
        f"| method | steps | {' | '.join(map(str, shown))} |",
        f"|---|---|{'---|' * len(shown)}",
    ]
    for method, its in _by_method(reports, "instances-").items():
        (row,) = its["results"]
        met = {one["instance"]: one for one in row["by_instance"]["accuracy"]}
        cells = (_per_cent(row["by_instance"] | {"accuracy": met[k]}) for k in shown)
        lines.append(f"| `{method}` | {its['steps']:,} | {' | '.join(cells)} |")
    checks = [f"instance {k}" for k in shown]
    lines += [
        f"| `mann`, published, full budget | | {' | '.join(figure('mann', check) for check in checks)} |",
        "",
        *protocols(["mann"], checks),
        *(f"- {RECIPES[report['recipe']].note}" for report in reports),
        *_spent(reports),
        *_given_up(reports),
    ]
    return "\n".join([*lines, ""])


def likelihoods(reports: list[dict[str, Any]]) -> str:
    """Neural processes below the exact posterior."""
    rows = _by_method(reports, "gp-")
    lines = [
        "### Neural processes and the exact posterior that bounds them",
        "",
        "Log-likelihood in nats per value, curves of a Gaussian process with an RBF kernel, 3 to 50 points seen, 100 asked, 15 "
        "minutes of one core, seed 0; the same tasks for all. Their σ is 0.1 at least, as in the authors' code, which "
        f"bounds them by {-math.log(0.1 * math.sqrt(2 * math.pi)):.3f} where the curve is known better. {_made(reports)}",
        "",
        "| method | steps | log-likelihood | exact posterior | mean squared error |",
        "|---|---|---|---|---|",
    ]
    for method, its in sorted(rows.items(), key=lambda row: -row[1]["results"][0]["log_likelihood"]["mean"]):
        (row,) = its["results"]
        cells = (_plain(row[name]) for name in ("log_likelihood", "exact_log_likelihood", "mse"))
        lines.append(f"| `{method}` | {its['steps']:,} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_given_up(reports)])


def sequences(reports: list[dict[str, Any]]) -> str:
    """What machines with a memory cost on sequences as long as those they learned from, and twice as long."""
    rows = _by_method(reports, "copy-")
    lines = [
        "### Copying sequences of bytes",
        "",
        "Learned from 1 to 20 rows of 8 bits in 15 minutes of one core, seed 0, 1,000 sequences each; bits are the cost of a "
        f"whole sequence (160 and 320 for one who only guesses). {_made(reports)}",
        "",
        "| method | steps | length 20: bits | wrong bits | length 40: bits | wrong bits |",
        "|---|---|---|---|---|---|",
    ]
    for method, its in sorted(rows.items(), key=lambda row: row[1]["results"][0]["bits"]["mean"]):
        cells = [_plain(row[name]) for row in its["results"] for name in ("bits", "wrong_bits")]
        lines.append(f"| `{method}` | {its['steps']:,} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_given_up(reports)])


def optimizers(reports: list[dict[str, Any]]) -> str:
    """The learned optimizer beside tuned ones."""
    lines = [
        "### A learned optimizer and tuned ones",
        "",
        "Mean loss on unseen functions after 100 steps (in brackets after 20), from the same starting points. A learned "
        "optimizer is trained on each family, for the network that comes first; every other rate is tuned for the very "
        "network. *More or less*: how far the learned one's loss after 100 steps lies from this one's, function by function. "
        + _made(reports),
        "",
    ]
    for report in reports:
        family = report["recipe"].removeprefix("optimizers-")
        lines += [
            f"`{report['command']}`: {report['steps']:,} outer steps. {report['note']}",
            "",
            f"| {family} | optimizer | rate | loss after 100 steps (20) | more or less |",
            "|---|---|---|---|---|",
        ]
        for row in report["results"]:
            loss = f"{row['loss']['mean']:.4g} ± {row['loss']['ci95']:.2g} ({row['curve']['20']:.3g})"
            against, rate = row.get("learned_minus_this"), f"{row['rate']:.2g}" if "rate" in row else "learned"
            beside = f"{against['mean']:+.3g} ± {against['ci95']:.2g}" if against else ""
            lines.append(f"| {row['network']} | {row['optimizer']} | {rate} | {loss} | {beside} |")
        lines.append("")
    return "\n".join(lines)


# Tables of several recipes, by how their names begin.
TABLES = {
    "budget-": budget,
    "runs-": challenge,
    "instances-": instances,
    "gp-": likelihoods,
    "copy-": sequences,
    "optimizers-": optimizers,
}


def _unseen(fewer: dict[str, int]) -> str:
    """How many tasks, and which methods answer fewer of them."""
    exceptions = ", ".join(f"`{name}` {tasks}" for name, tasks in fewer.items())
    return f"1,000 unseen tasks ({exceptions})"


def _given_up(reports: list[dict[str, Any]]) -> list[str]:
    """A line for each result of settings that its recipe has no more."""
    return [
        f"- `{report['recipe'].partition('-')[2]}`: of settings that were given up since, to be measured anew: "
        f"`{report['command']}`"
        for report in reports
        if not report["command"].startswith(" ".join(("tokay train", *RECIPES[report["recipe"]].train, "")))
    ]


def _spent(reports: list[dict[str, Any]]) -> list[str]:
    """What the budget of steps, planned beforehand, came to: on which processor, and the time where it is another by a tenth."""
    trained = [report for report in reports if report["steps"]]
    by_processor: dict[str, list[str]] = {}
    other, unknown = [], []
    for report in trained:
        name = f"`{report['recipe'].partition('-')[2]}`"
        by_processor.setdefault(report["hardware"], []).append(name)
        seconds = report.get("training_processor_seconds")
        if seconds is None:
            unknown.append(name)
        elif abs(seconds / 60 / report["budget_minutes"] - 1) > 0.1:
            other.append(f"{name} {seconds / 60:.1f}")
    lines = []
    if len(by_processor) > 1:
        _, *fewer = sorted(by_processor.items(), key=lambda item: -len(item[1]))
        where = "; ".join(f"on {processor}: {', '.join(names)}" for processor, names in fewer)
        lines.append(f"- Not trained on the processor of most, so not for quite the same budget: {where}.")
    if other:
        lines.append(
            f"- Processor minutes that training took, where they are not 15 to within a tenth: {', '.join(other)}."
        )
    if unknown:
        lines.append(f"- Processor time was not recorded of {', '.join(unknown)}.")
    return lines


def _by_method(reports: list[dict[str, Any]], begins: str) -> dict[str, dict[str, Any]]:
    return {report["recipe"].removeprefix(begins): report for report in reports}


def _made(reports: list[dict[str, Any]]) -> str:
    """On what, with which versions."""
    told = [", ".join(sorted({str(report[name]) for report in reports})) for name in ("hardware", "torch", "threads")]
    commits = ", ".join(sorted({report["commit"][:10] for report in reports}))
    return f"{told[0]}; torch {told[1]}; threads: {told[2]}; commits {commits}."


def _mean(report: dict[str, Any]) -> float:
    mean: float = report["results"][0]["accuracy"]["mean"]
    return mean


def _trained(row: dict[str, Any]) -> str:
    return f" ({row['steps']:,})" if row["steps"] else ""


def _per_cent(row: dict[str, Any], *, error: bool = False) -> str:
    """Accuracy or error of one protocol with its interval."""
    mean, interval = 100 * row["accuracy"]["mean"], 100 * row["accuracy"]["ci95"]
    return f"{100 - mean if error else mean:.2f} ± {interval:.2f}{' *t*' if row['transductive'] else ''}"


def _plain(score: dict[str, float]) -> str:
    return f"{score['mean']:.3f} ± {score['ci95']:.3f}"
