"""Reads a figure back: its legend and its points, and checks that it can be drawn."""

import io

import numpy as np
from matplotlib.figure import Figure


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def points(figure: Figure, label: str, axis: int = 0) -> list[list[float]]:
    """The points of the one line with this label."""
    (line,) = [each for each in figure.axes[axis].lines if each.get_label() == label]
    return np.asarray(line.get_xydata()).tolist()


def check_drawable(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png")
