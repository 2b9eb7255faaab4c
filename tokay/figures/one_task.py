"""One task that a run had never seen, and its answers, as a picture."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from ..core.task import Task, kind_of
from ..errors import ConfigError
from .training import BLUE, GREY, ORANGE, RED, label

_MOST_CLASSES, _MOST_SUPPORT, _MOST_QUERIES = 10, 5, 8  # what still can be seen in one grid


def episode_figure(
    task: Task, after: Tensor, title: str, *, before: Tensor | None = None, std: Tensor | None = None
) -> Figure:
    """One task (no leading axis) and its answers: ``after`` adapting, and ``before`` where there is such a thing.

    Classes of pictures ``[n, 1 or 3, h, w]``: one row per class with its support set and its query pictures, each
    with the class it was taken for; a wrong one has a red frame and the true class's name. Real targets of one
    number ``[n, 1]``: the true curve, the support points and both answers, with a band of two standard deviations
    where ``std`` of the answers after adapting is known; over two coordinates in [0, 1], pictures: the pixels that
    were seen, the answers, their spread and the truth. ``after``, ``before`` and ``std`` are ``[m, d]``.

    Bits ``[n, d]`` of a sequence: what was read, what was to be put out, and how likely a 1 was held to be.

    Raises ``ConfigError`` for tasks that are none of these.
    """
    shape = tuple(task.query.x.shape[1:])
    if kind_of(task.query.y) == "sequence":
        return _tape_figure(task, after, title)
    if task.query.y.dtype.is_floating_point:
        one = task.query.y.shape[1] == 1
        if one and shape == (2,) and _whole_picture(task.query.x):
            return _pixel_figure(task, after, std, title)
        if not one or shape != (1,):
            raise ConfigError(f"plots: only curves of one number over one number can be drawn, got inputs {shape}.")
        return _curve_figure(task, after, before, std, title)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ConfigError(f"plots: only pictures (1 or 3, height, width) can be drawn, got inputs {shape}.")
    return _grid_figure(task, after.argmax(1), title)


def _curve_figure(task: Task, after: Tensor, before: Tensor | None, std: Tensor | None, title: str) -> Figure:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axis = figure.subplots()
    x = task.query.x[:, 0]
    order = x.argsort()
    axis.plot(x[order], task.query.y[order, 0], color="black", linewidth=2, label="truth")
    if before is not None:
        axis.plot(x[order], before[order, 0], "--", color=ORANGE, linewidth=2, label="before adapting")
    axis.plot(x[order], after[order, 0], color=BLUE, linewidth=2, label="after adapting")
    if std is not None:
        low, high = ((after + sign * 2 * std)[order, 0] for sign in (-1, 1))
        axis.fill_between(x[order], low, high, color=BLUE, alpha=0.2, linewidth=0, label="± 2 standard deviations")
    axis.plot(task.support.x[:, 0], task.support.y[:, 0], "^", color=RED, markersize=8, label="support points")
    axis.set_xlabel("x")
    label(axis, "y")
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    return figure


def _whole_picture(places: Tensor) -> bool:
    """Whether ``places`` [n, 2] are all the pixels of a square picture, from (0, 0) to (1, 1)."""
    side = round(len(places) ** 0.5)
    if side < 2 or side**2 != len(places) or bool(((places < 0) | (places > 1)).any()):
        return False
    return not np.isnan(_placed(places, places[:, :1], side)).any()


def _pixel_figure(task: Task, after: Tensor, std: Tensor | None, title: str) -> Figure:
    """The queries are the pixels of one picture, in any order, at their (row, column)."""
    side = round(len(task.query.x) ** 0.5)
    seen = _placed(task.support.x, task.support.y, side)
    panels = {f"{len(task.support.x)} pixels seen": seen, "answers": _placed(task.query.x, after, side)}
    if std is not None:
        panels["their spread"] = _placed(task.query.x, std, side)
    panels["truth"] = _placed(task.query.x, task.query.y, side)
    figure = Figure(figsize=(2.3 * len(panels), 3.1), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes: list[Axes] = figure.subplots(1, len(panels), squeeze=False).ravel().tolist()
    for axis, (name, pixels) in zip(axes, panels.items(), strict=True):
        most = float(np.nanmax(pixels)) if name == "their spread" else 1.0
        axis.set_facecolor("#B5D3E7")  # what no pixel is known of
        axis.imshow(pixels, cmap="gray", vmin=0, vmax=most)
        axis.set_title(name + (f" (white: {most:.2f})" if name == "their spread" else ""), fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


def _placed(places: Tensor, values: Tensor, side: int) -> NDArray[Any]:
    """Values [n, 1] at places [n, 2] in [0, 1]² as a picture, NaN where there is none."""
    picture = np.full((side, side), np.nan)
    row, column = (places * (side - 1)).round().long().unbind(1)
    picture[row, column] = values[:, 0]
    return picture


def _tape_figure(task: Task, after: Tensor, title: str) -> Figure:
    """Time from left to right, a row of bits standing upright."""
    panels = {
        "read": task.support.x,
        "to be put out": task.query.y,
        "put out": after.sigmoid(),
    }
    wrong = int(((after > 0) != task.query.y.bool()).sum())
    longest = max(map(len, panels.values()))
    width = min(14.0, max(7.0, 2.5 + 0.2 * longest))
    figure = Figure(figsize=(width, 1.1 + sum(0.5 + 0.13 * rows.shape[1] for rows in panels.values())))
    figure.set_layout_engine("constrained")
    figure.suptitle(f"{title}\n{wrong} of {task.query.y.numel()} bits wrong", fontsize=10)
    axes: list[Axes] = figure.subplots(len(panels), 1, height_ratios=[r.shape[1] + 2 for r in panels.values()]).tolist()
    for axis, (name, rows) in zip(axes, panels.items(), strict=True):
        axis.imshow(
            rows.T.float().cpu().numpy(), cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        axis.set_xlim(-0.5, longest - 0.5)  # one scale of time for all
        axis.set_ylabel(name, fontsize=9)
        axis.set_yticks([])
        axis.tick_params(labelsize=8)
    axes[-1].set_xlabel("row", fontsize=9)
    return figure


def _grid_figure(task: Task, guesses: Tensor, title: str) -> Figure:
    """One row per class: its name, its support pictures, a gap, its query pictures."""
    ways = task.support.y.shape[1]
    rows = min(ways, _MOST_CLASSES)
    support = [task.support.x[task.support.y[:, c]][:_MOST_SUPPORT] for c in range(rows)]
    asked = [task.query.y[:, c].nonzero()[:_MOST_QUERIES, 0].tolist() for c in range(rows)]
    left, right = max(map(len, support)), max(map(len, asked))
    ratios = [1.0] * left + [0.3] + [1.0] * right
    figure = Figure(figsize=(0.9 * sum(ratios) + 0.8, 1.08 * rows + 1.0), layout="constrained")
    right_ones = int((guesses == task.query.y.int().argmax(1)).sum())
    hidden = ", some not shown" if sum(map(len, asked)) < len(guesses) else ""
    figure.suptitle(f"{title}\n{right_ones} of {len(guesses)} right{hidden}", fontsize=10)
    axes: NDArray[Any] = figure.subplots(rows, len(ratios), squeeze=False, width_ratios=ratios)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    for c in range(rows):
        axes[c, 0].set_ylabel(f"class {c + 1}", fontsize=9)
        for column, picture in enumerate(support[c]):
            _show(axes[c, column], picture, GREY)
        for column, index in enumerate(asked[c], start=left + 1):
            guess = int(guesses[index])
            _show(axes[c, column], task.query.x[index], GREY if guess == c else RED)
            told = f"{guess + 1}" if guess == c else f"{guess + 1} (is {c + 1})"
            axes[c, column].set_xlabel(told, fontsize=8, color="black" if guess == c else RED, labelpad=4)
    axes[0, 0].set_title("learned from", fontsize=9, loc="left")
    axes[0, left + 1].set_title("taken for class ...", fontsize=9, loc="left")
    return figure


def _show(axis: Axes, picture: Tensor, frame: str) -> None:
    pixels = picture.permute(1, 2, 0).cpu().numpy()  # [h, w, C]
    axis.imshow(pixels[..., 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=1)
    axis.spines[:].set_visible(True)
    axis.spines[:].set_color(frame)
    axis.spines[:].set_linewidth(3 if frame == RED else 0.8)
