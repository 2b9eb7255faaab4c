"""What all figures share: colours, the vertical axis, the titles of measures, and writing a file.

Blue and orange look different with any kind of colour vision. Red never carries a meaning alone: a shape or a word
says the same.
"""

import io
import warnings
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter

from ..files import write_atomically
from .file_format import figure_format

BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#C8102E", "#7F7F7F"


class NotebookFigure(Figure):
    """A figure that a notebook shows as the last line of a cell, without ``%matplotlib inline``."""

    def _repr_png_(self) -> bytes:
        return _content(self, "png", dpi=90)


def write_figure(path: Path, figure: Figure, *, dpi: int = 120) -> None:
    """Writes a PNG, PDF or SVG file, as the suffix of ``path`` says, whole or not at all.

    Raises ``ConfigError`` for another suffix, and ``DataError`` if the file cannot be written.
    """
    write_atomically(path, _content(figure, figure_format(path), dpi=dpi))


def _content(figure: Figure, name: str, *, dpi: int) -> bytes:
    """The bytes of a file of the format ``name``. They hold no date, so equal figures are equal files."""
    content = io.BytesIO()
    date = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(name)
    with matplotlib.rc_context({"svg.hashsalt": "tokay"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing", UserWarning)  # names may have any letters
        figure.savefig(content, format=name, dpi=dpi, metadata=date)
    return content.getvalue()


def show_text_as_is(figure: Figure) -> Figure:
    """Shows a ``$`` in titles and names, which are often paths, instead of reading them as formulas."""
    for text in figure.findobj(Text):
        if isinstance(text, Text) and "$" in text.get_text():
            text.set_parse_math(False)
    return figure


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
