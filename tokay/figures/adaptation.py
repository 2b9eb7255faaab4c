"""``adaptation_figure``: accuracy (or error) and loss after every adaptation step, for one run or several."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..errors import ConfigError
from ..evaluation.scores import Evaluation
from .style import GREY, NotebookFigure, label, measure_title, show_text_as_is

# The colours of Okabe and Ito, which look different with any kind of colour vision. The strongest come first.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#B8A000")
MARKERS = "osD^vPX*"
_LAST_EVEN_STEP = 5  # up to here the axis of steps is linear


def adaptation_figure(curves: Mapping[str, Evaluation], title: str, *, chance: float | None = None) -> Figure:
    """Draws accuracy and loss (or error) against the number of adaptation steps, with 95% intervals over the tasks.

    ``curves`` maps the names in the legend to evaluations. A solid line is the query set. A dashed line of the same
    colour is the support set, if the evaluation measured it. A method that adapts in one forward pass is a horizontal
    line. ``chance`` is the accuracy of guessing, a dotted line.

    Raises ``ConfigError`` if there is no curve, or if some curves have accuracies and others errors.
    """
    measures = {evaluation.measure for evaluation in curves.values()}
    if len(measures) != 1:
        raise ConfigError(f"plots: curves must be of one measure, got {' and '.join(sorted(measures)) or 'no curve'}.")
    (measure,) = measures
    panels = [measure] if measure == "mse" else [measure, "loss"]
    figure = NotebookFigure(figsize=(5.6 * len(panels) + 1.0, 4.8), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes: list[Axes] = figure.subplots(1, len(panels), squeeze=False).ravel().tolist()
    steps = sorted({step for evaluation in curves.values() for step in evaluation.curve})
    for axis, name in zip(axes, panels, strict=True):
        for index, (run, evaluation) in enumerate(curves.items()):
            _draw(axis, name, run, evaluation, COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])
        if name == "accuracy" and chance is not None:
            axis.axhline(chance, color=GREY, linestyle=":", label=f"chance ({100 * chance:.3g} %)")
        _scale(axis, name, steps)
    handles, labels = axes[0].get_legend_handles_labels()
    handles, labels = [*handles, Patch(color=GREY, alpha=0.4)], [*labels, _describe_intervals(curves.values())]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), fontsize=8, frameon=False)
    return show_text_as_is(figure)


def _describe_intervals(evaluations: Iterable[Evaluation]) -> str:
    """The meaning of bands and bars, for the legend."""
    counts = sorted({evaluation["loss"].tasks for evaluation in evaluations}, reverse=True)
    return f"95% interval over {' or '.join(map(str, counts))} tasks"


def _draw(axis: Axes, name: str, run: str, evaluation: Evaluation, colour: str, marker: str) -> None:
    """Draws the measure ``name`` of one evaluation. ``run`` is its name in the legend."""
    steps = list(evaluation.curve)
    means = np.array([evaluation.curve[step][name].mean for step in steps])
    half = np.array([evaluation.curve[step][name].ci95 for step in steps])
    if len(steps) == 1:
        axis.axhline(means[0], color=colour, linewidth=1)
        axis.errorbar(steps, means, half, fmt=marker, color=colour, capsize=5, label=f"{run} (one forward pass)")
        return
    axis.fill_between(steps, means - half, means + half, color=colour, alpha=0.2, linewidth=0)
    axis.plot(steps, means, marker + "-", color=colour, markersize=4, label=run)
    if f"support_{name}" in evaluation.scores:
        support = [evaluation.curve[step][f"support_{name}"].mean for step in steps]
        axis.plot(steps, support, "--", color=colour, linewidth=1, label=f"{run}: support set")


def _scale(axis: Axes, name: str, steps: list[int]) -> None:
    """Sets up both axes. Steps are linear up to 5 and logarithmic beyond, like the steps that ``evaluate`` measures."""
    axis.set_title(f"query {measure_title(name)}", fontsize=10)
    if len(steps) == 1:
        axis.set_xticks(steps, ["adapted in a single pass, without steps"])
        axis.set_xlim(-1, 1)
    else:
        axis.set_xscale("symlog", linthresh=_LAST_EVEN_STEP, linscale=1.5)
        axis.set_xticks(steps, ["0\n(before)", *map(str, steps[1:])], minor=False)
        axis.set_xticks([], minor=True)
        axis.set_xlim(-0.3, steps[-1] * 1.1)
        axis.set_xlabel("adaptation steps on the support set")
        if steps[-1] > _LAST_EVEN_STEP:
            axis.set_xlabel(f"adaptation steps on the support set (logarithmic beyond {_LAST_EVEN_STEP})")
            axis.axvline(_LAST_EVEN_STEP, color=GREY, linewidth=0.8, linestyle=(0, (2, 4)))
    if name == "accuracy":
        axis.set_ylim(0, 1.02)
    else:
        axis.set_ylim(bottom=0)
    label(axis, name)
