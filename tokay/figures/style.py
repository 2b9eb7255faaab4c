"""What all figures share: colours, the vertical axis, the titles of measures, and writing a file.

Blue and orange look different with any kind of colour vision. Red never carries a meaning alone: a shape or a word
says the same.
"""

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..files import write_atomically

BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#C8102E", "#7F7F7F"


def write_figure(path: Path, figure: Figure, *, dpi: int = 120) -> None:
    """Writes a PNG, whole or not at all. Raises ``DataError`` if it cannot be written."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    write_atomically(path, content.getvalue())


def label(axis: Axes, name: str) -> None:
    """Names the vertical axis after a measure, writes accuracy in per cent, and removes the frame at the top and right."""
    axis.set_ylabel(measure_title(name))
    if name == "accuracy":
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def measure_title(name: str) -> str:
    """The title of a measure in a figure or a table.

    >>> measure_title("mse"), measure_title("accuracy")
    ('mean squared error', 'accuracy')
    """
    titles = {
        "mse": "mean squared error",
        "log_likelihood": "log-likelihood (nats per value)",
        "bits": "cost of a sequence in bits",
        "wrong_bits": "wrong bits in a sequence",
    }
    return titles.get(name, name)
