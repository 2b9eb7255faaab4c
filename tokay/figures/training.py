"""Pictures of a run: how training went (``curves`` draws what adapting brings, ``episodes`` a task it had never seen).

Every function returns a ``matplotlib.figure.Figure`` made without ``pyplot``, so nothing global changes and nothing
opens a window. Blue and orange can be told apart with any kind of colour vision; red never stands without another sign.
"""

import io
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from ..core.objectives import measure_among
from ..errors import ConfigError
from ..files import write_atomically

BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#C8102E", "#7F7F7F"


def write_figure(path: Path, figure: Figure, *, dpi: int = 120) -> None:
    """Write a PNG, atomically. Raises ``DataError`` when it cannot be written."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    write_atomically(path, content.getvalue())


def training_figure(
    lines: Sequence[dict[str, Any]], title: str, *, training: str = "training", held_out: str = "held-out tasks"
) -> Figure:
    """Query loss, and accuracy or error, per logged step, from the lines of ``metrics.jsonl``.

    Faint points are single meta-batches and the line their moving average; validations on held-out tasks have
    their 95% intervals, and the best one, whose weights the run keeps, is marked. ``training`` and ``held_out``
    name the two in the legend. Where the loss is the error itself it is drawn once.

    Raises ``ConfigError`` when there are no lines.
    """
    if not lines:
        raise ConfigError("plots: there must be at least one logged step to draw, got none. Train first.")
    measure = measure_among(lines[0])
    shown = [measure] if measure == "mse" else ["loss", measure]
    shown += [name for name in ("log_likelihood",) if name in lines[0]]
    figure = Figure(figsize=(5.2 * len(shown) + 0.8 * (len(shown) == 1), 4.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes: list[Axes] = figure.subplots(1, len(shown), squeeze=False).ravel().tolist()
    steps = np.array([line["step"] for line in lines])
    checked = [line for line in lines if "validation" in line]
    for axis, name in zip(axes, shown, strict=True):
        raw = _numbers(line[name] for line in lines)
        axis.plot(steps, raw, ".", color=BLUE, alpha=0.25, markersize=4, label=f"{training}: one meta-batch")
        axis.plot(steps, _smooth(raw), color=BLUE, linewidth=2, label=f"{training}: moving average")
        if checked:
            _draw_validations(axis, name, measure, checked, held_out)
        label(axis, name)
        axis.set_xlabel("outer step")
        axis.set_title(f"query {named(name)}", fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _numbers(values: Iterable[float | None]) -> NDArray[Any]:
    """As an array, with NaN for the null that stands for it in JSON."""
    return np.array(list(values), dtype=float)


def _smooth(values: NDArray[Any]) -> NDArray[Any]:
    """A centred moving average over a tenth of the points; at the ends over as many as there are."""
    reach = max(1, len(values) // 20)
    return np.array([values[max(0, i - reach) : i + reach + 1].mean() for i in range(len(values))])


def _draw_validations(axis: Axes, name: str, measure: str, checked: list[dict[str, Any]], held_out: str) -> None:
    steps = [line["step"] for line in checked]
    means = _numbers(line["validation"][name]["mean"] for line in checked)
    half = _numbers(line["validation"][name]["ci95"] for line in checked)
    axis.errorbar(
        steps,
        means,
        half,
        fmt="s-",
        color=ORANGE,
        markersize=4,
        linewidth=1,
        capsize=3,
        label=f"{held_out}, 95% interval",
    )
    sign = 1 if measure == "accuracy" else -1
    scores = sign * _numbers(line["validation"][measure]["mean"] for line in checked)
    finite = [i for i, score in enumerate(scores) if isfinite(score)]
    if finite:
        best = max(finite, key=lambda i: (scores[i], i))  # a tie goes to the later one, as in training
        told = f"best: step {steps[best]}, kept"
        axis.plot(steps[best], means[best], "*", color=RED, markersize=14, zorder=5, label=told)


def label(axis: Axes, name: str) -> None:
    """Name the vertical axis after a measure, accuracy in per cent, and clear the frame."""
    axis.set_ylabel(named(name))
    if name == "accuracy":
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def named(name: str) -> str:
    """A measure in words."""
    names = {
        "mse": "mean squared error",
        "log_likelihood": "log-likelihood (nats per value)",
        "bits": "cost of a sequence in bits",
        "wrong_bits": "wrong bits in a sequence",
    }
    return names.get(name, name)
