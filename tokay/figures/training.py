"""``training_figure``: how training went.

Every figure function of this package returns a ``matplotlib.figure.Figure`` made without ``pyplot``, so it changes
nothing global and opens no window.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..core.objectives import main_measure
from ..errors import ConfigError
from .style import BLUE, ORANGE, RED, NotebookFigure, label, measure_title, show_text_as_is


def training_figure(
    lines: Sequence[dict[str, Any]], title: str, *, training: str = "training", held_out: str = "held-out tasks"
) -> Figure:
    """Draws the query loss, and accuracy or error, of every logged step. ``lines`` are those of ``metrics.jsonl``.

    A faint point is one meta-batch. The line is their moving average. Validations on held-out tasks have 95% intervals,
    and a star marks the best one, whose weights the run keeps. ``training`` and ``held_out`` are names for the legend.
    For real targets the loss is the error, so there is one panel only.

    Raises ``ConfigError`` if there are no lines.
    """
    if not lines:
        raise ConfigError("plots: there must be at least one logged step to draw, got none. Train first.")
    measure = main_measure(lines[0])
    panels = [measure] if measure == "mse" else ["loss", measure]
    panels += [name for name in ("log_likelihood",) if name in lines[0]]
    figure = NotebookFigure(figsize=(5.2 * len(panels) + 0.8 * (len(panels) == 1), 4.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes: list[Axes] = figure.subplots(1, len(panels), squeeze=False).ravel().tolist()
    steps = np.array([line["step"] for line in lines])
    validations = [line for line in lines if "validation" in line]
    for axis, name in zip(axes, panels, strict=True):
        raw = _numbers(line[name] for line in lines)
        axis.plot(steps, raw, ".", color=BLUE, alpha=0.25, markersize=4, label=f"{training}: one meta-batch")
        axis.plot(steps, _smooth(raw), color=BLUE, linewidth=2, label=f"{training}: moving average")
        if validations:
            _draw_validations(axis, name, measure, validations, held_out)
        label(axis, name)
        axis.set_xlabel("outer step")
        axis.set_title(f"query {measure_title(name)}", fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return show_text_as_is(figure)


def _numbers(values: Iterable[float | None]) -> NDArray[Any]:
    """The values as an array. JSON has null for NaN, which becomes NaN again."""
    return np.array(list(values), dtype=float)


def _smooth(values: NDArray[Any]) -> NDArray[Any]:
    """The centred moving average over a tenth of the points. Near the ends it takes the points that exist."""
    reach = max(1, len(values) // 20)
    return np.array([values[max(0, i - reach) : i + reach + 1].mean() for i in range(len(values))])


def _draw_validations(axis: Axes, name: str, measure: str, lines: list[dict[str, Any]], held_out: str) -> None:
    """Draws ``name`` of the validations in ``lines``, and a star at the best one, judged by ``measure``."""
    steps = [line["step"] for line in lines]
    means = _numbers(line["validation"][name]["mean"] for line in lines)
    half = _numbers(line["validation"][name]["ci95"] for line in lines)
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
    scores = sign * _numbers(line["validation"][measure]["mean"] for line in lines)
    finite = [i for i, score in enumerate(scores) if isfinite(score)]
    if finite:
        best = max(finite, key=lambda i: (scores[i], i))  # at a tie the later step wins, as in training
        text = f"best: step {steps[best]}, kept"
        axis.plot(steps[best], means[best], "*", color=RED, markersize=14, zorder=5, label=text)
