"""Reading a figure back: what it says, and that it can be drawn at all."""

import io

import numpy as np
from matplotlib.figure import Figure


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def points(figure: Figure, label: str, axis: int = 0) -> list[list[float]]:
    """The points of the one line with this label."""
    (found,) = [line for line in figure.axes[axis].lines if line.get_label() == label]
    return np.asarray(found.get_xydata()).tolist()


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png")
