"""Draws the pictures of the report."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from tokay.figures.style import BLUE, ORANGE
from tokay.files import write_atomically

_TICKS = (0.3, 0.5, 1, 2, 3, 5, 10, 20, 40, 80)


def fingerprint(rows: dict[str, dict[str, dict[str, Any]]]) -> str:
    """A hash of the figures in a picture. The picture stores it, so a test can check that the picture is up to date."""
    accuracies = {name: {key: row["accuracy"] for key, row in columns.items()} for name, columns in rows.items()}
    return hashlib.sha256(json.dumps(accuracies).encode()).hexdigest()


def budget(rows: dict[str, dict[str, dict[str, Any]]], settings: dict[str, str], path: Path) -> None:
    """Draws the errors of all methods at one budget, one column per setting. ``settings`` maps settings to titles.

    ``rows[method][setting]`` is an evaluation. The best method comes first.
    """
    figure = Figure(figsize=(9.5, 0.7 + 0.24 * len(rows)), layout="constrained")
    names = list(rows)[::-1]  # from the bottom up
    baseline = rows.get("finetune", {})
    for axis, (setting, title) in zip(figure.subplots(1, len(settings), sharey=True), settings.items(), strict=True):
        axis.set_xscale("log")
        points = [(rows[name][setting], y) for y, name in enumerate(names) if setting in rows[name]]
        if points:
            errors, heights = [_error(row) for row, _ in points], [y for _, y in points]
            intervals = [100 * row["accuracy"]["ci95"] for row, _ in points]
            axis.errorbar(errors, heights, xerr=intervals, fmt="o", markersize=4, elinewidth=1.5, color=BLUE)
        if setting in baseline:
            axis.axvline(_error(baseline[setting]), color=ORANGE, linewidth=1, label="finetune", zorder=0)
            axis.legend(loc="upper right", frameon=False, fontsize=8)
        low, high = axis.get_xlim()
        axis.set_xticks(ticks := [tick for tick in _TICKS if low <= tick <= high], [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("error in %, with a 95% interval", fontsize=9)
        axis.set_yticks(range(len(names)), names, fontsize=9)
        axis.grid(alpha=0.3)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, metadata={"Description": fingerprint(rows)})
    write_atomically(path, content.getvalue())


def _error(row: dict[str, Any]) -> float:
    return float(100 * (1 - row["accuracy"]["mean"]))
