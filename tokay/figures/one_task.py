"""``episode_figure``: one new task and the answers of a run."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from ..core.task import Task, kind_of
from ..errors import ConfigError
from .class_names import short_name
from .style import BLUE, GREY, ORANGE, RED, NotebookFigure, label, show_text_as_is

_MOST_CLASSES, _MOST_SUPPORT, _MOST_QUERIES = 10, 5, 8  # more are too small to see


def episode_figure(
    task: Task,
    final: Tensor,
    title: str,
    *,
    initial: Tensor | None = None,
    std: Tensor | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Draws one task (no leading axis) and its predictions: ``final`` after adapting, ``initial`` before (if known).

    ``final``, ``initial`` and ``std`` are ``[m, d]``. ``std`` is the standard deviation of ``final``, if known. The task
    decides what the figure shows:

    - Classes of pictures ``[n, 1 or 3, h, w]``: one row per class, with its support and its query pictures. The
      predicted class is below each query. A wrong one has a red frame and the number of the true class. ``names`` are
      the names of the classes, written beside the rows.
    - One real number ``[n, 1]`` over one number: the true curve, the support points and both predictions. ``std`` adds
      a band of two standard deviations.
    - One real number over two coordinates in [0, 1], the pixels of a picture: the support pixels, the predictions,
      ``std`` and the truth.
    - Bits ``[n, d]`` of a sequence: the input, the target, and the predicted probability of a 1.

    Raises ``ConfigError`` for any other task.
    """
    shape = tuple(task.query.x.shape[1:])
    if kind_of(task.query.y) == "sequence":
        return _tape_figure(task, final, title)
    if task.query.y.dtype.is_floating_point:
        one = task.query.y.shape[1] == 1
        if one and shape == (2,) and _is_whole_picture(task.query.x):
            return _pixel_figure(task, final, std, title)
        if not one or shape != (1,):
            raise ConfigError(f"plots: only curves of one number over one number can be drawn, got inputs {shape}.")
        return _curve_figure(task, final, initial, std, title)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ConfigError(f"plots: only pictures (1 or 3, height, width) can be drawn, got inputs {shape}.")
    return _grid_figure(task, final.argmax(1), title, names or [""] * task.support.y.shape[1])


def _curve_figure(task: Task, final: Tensor, initial: Tensor | None, std: Tensor | None, title: str) -> Figure:
    """Draws the true curve, the support points and the predictions."""
    figure = NotebookFigure(figsize=(7, 4.5), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axis = figure.subplots()
    x = task.query.x[:, 0]
    order = x.argsort()
    axis.plot(x[order], task.query.y[order, 0], color="black", linewidth=2, label="truth")
    if initial is not None:
        axis.plot(x[order], initial[order, 0], "--", color=ORANGE, linewidth=2, label="before adapting")
    axis.plot(x[order], final[order, 0], color=BLUE, linewidth=2, label="after adapting")
    if std is not None:
        low, high = ((final + sign * 2 * std)[order, 0] for sign in (-1, 1))
        axis.fill_between(x[order], low, high, color=BLUE, alpha=0.2, linewidth=0, label="± 2 standard deviations")
    axis.plot(task.support.x[:, 0], task.support.y[:, 0], "^", color=RED, markersize=8, label="support points")
    axis.set_xlabel("x")
    label(axis, "y")
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    return show_text_as_is(figure)


def _is_whole_picture(places: Tensor) -> bool:
    """Whether ``places`` ``[n, 2]`` are all pixels of a square picture, from (0, 0) to (1, 1)."""
    side = round(len(places) ** 0.5)
    if side < 2 or side**2 != len(places) or bool(((places < 0) | (places > 1)).any()):
        return False
    return not np.isnan(_picture_of(places, places[:, :1], side)).any()


def _pixel_figure(task: Task, final: Tensor, std: Tensor | None, title: str) -> Figure:
    """Draws a picture to complete. The query inputs are the (row, column) of all its pixels, in any order."""
    side = round(len(task.query.x) ** 0.5)
    support = _picture_of(task.support.x, task.support.y, side)
    panels = {f"{len(task.support.x)} pixels seen": support, "answers": _picture_of(task.query.x, final, side)}
    if std is not None:
        panels["their spread"] = _picture_of(task.query.x, std, side)
    panels["truth"] = _picture_of(task.query.x, task.query.y, side)
    figure = NotebookFigure(figsize=(2.3 * len(panels), 3.1), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes: list[Axes] = figure.subplots(1, len(panels), squeeze=False).ravel().tolist()
    for axis, (name, pixels) in zip(axes, panels.items(), strict=True):
        most = float(np.nanmax(pixels)) if name == "their spread" else 1.0
        axis.set_facecolor("#B5D3E7")  # the colour of unknown pixels
        axis.imshow(pixels, cmap="gray", vmin=0, vmax=most)
        axis.set_title(name + (f" (white: {most:.2f})" if name == "their spread" else ""), fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    return show_text_as_is(figure)


def _picture_of(places: Tensor, values: Tensor, side: int) -> NDArray[Any]:
    """A picture ``[side, side]`` with ``values`` ``[n, 1]`` at ``places`` ``[n, 2]`` in [0, 1]². NaN elsewhere."""
    picture = np.full((side, side), np.nan)
    row, column = (places * (side - 1)).round().long().unbind(1)
    picture[row, column] = values[:, 0]
    return picture


def _tape_figure(task: Task, final: Tensor, title: str) -> Figure:
    """Draws the bits of a sequence. Time runs from left to right, and each column is one row of bits."""
    panels = {
        "input": task.support.x,
        "target": task.query.y,
        "output": final.sigmoid(),
    }
    wrong = int(((final > 0) != task.query.y.bool()).sum())
    longest = max(map(len, panels.values()))
    width = min(14.0, max(7.0, 2.5 + 0.2 * longest))
    figure = NotebookFigure(figsize=(width, 1.1 + sum(0.5 + 0.13 * rows.shape[1] for rows in panels.values())))
    figure.set_layout_engine("constrained")
    figure.suptitle(f"{title}\n{wrong} of {task.query.y.numel()} bits wrong", fontsize=10)
    axes: list[Axes] = figure.subplots(len(panels), 1, height_ratios=[r.shape[1] + 2 for r in panels.values()]).tolist()
    for axis, (name, rows) in zip(axes, panels.items(), strict=True):
        axis.imshow(
            rows.T.float().cpu().numpy(), cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        axis.set_xlim(-0.5, longest - 0.5)  # the same time axis in all panels
        axis.set_ylabel(name, fontsize=9)
        axis.set_yticks([])
        axis.tick_params(labelsize=8)
    axes[-1].set_xlabel("row", fontsize=9)
    return show_text_as_is(figure)


def _grid_figure(task: Task, guesses: Tensor, title: str, names: Sequence[str]) -> Figure:
    """Draws one row per class: its name, its support pictures, a gap, its query pictures."""
    ways = task.support.y.shape[1]
    rows = min(ways, _MOST_CLASSES)
    support = [task.support.x[task.support.y[:, c]][:_MOST_SUPPORT] for c in range(rows)]
    queries = [task.query.y[:, c].nonzero()[:_MOST_QUERIES, 0].tolist() for c in range(rows)]
    support_columns, query_columns = max(map(len, support)), max(map(len, queries))
    ratios = [1.0] * support_columns + [0.3] + [1.0] * query_columns
    figure = NotebookFigure(figsize=(max(5.6, 0.9 * sum(ratios) + 0.8), 1.08 * rows + 1.0), layout="constrained")
    hits = int((guesses == task.query.y.int().argmax(1)).sum())
    remark = ", some not shown" if sum(map(len, queries)) < len(guesses) else ""
    figure.suptitle(f"{title}\n{hits} of {len(guesses)} right{remark}", fontsize=10)
    axes: NDArray[Any] = figure.subplots(rows, len(ratios), squeeze=False, width_ratios=ratios)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    for c in range(rows):
        name = short_name(names[c])
        axes[c, 0].set_ylabel(f"{c + 1}: {name}" if name else f"class {c + 1}", fontsize=7 if len(name) > 10 else 9)
        for column, picture in enumerate(support[c]):
            _show(axes[c, column], picture, GREY)
        for column, index in enumerate(queries[c], start=support_columns + 1):
            guess = int(guesses[index])
            _show(axes[c, column], task.query.x[index], GREY if guess == c else RED)
            text = f"{guess + 1}" if guess == c else f"{guess + 1} (is {c + 1})"
            axes[c, column].set_xlabel(text, fontsize=8, color="black" if guess == c else RED, labelpad=4)
    axes[0, 0].set_title("support set", fontsize=9, loc="left")
    axes[0, support_columns + 1].set_title("predicted class", fontsize=9, loc="left")
    return show_text_as_is(figure)


def _show(axis: Axes, picture: Tensor, frame: str) -> None:
    """Draws one picture ``[C, h, w]`` with a frame of the colour ``frame``; a red frame is thick."""
    pixels = picture.permute(1, 2, 0).cpu().numpy()  # [h, w, C]
    axis.imshow(pixels[..., 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=1)
    axis.spines[:].set_visible(True)
    axis.spines[:].set_color(frame)
    axis.spines[:].set_linewidth(3 if frame == RED else 0.8)
