"""What all figures share."""

import io
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from tokay.errors import ConfigError, DataError
from tokay.figures.style import NotebookFigure, label, measure_title, show_text_as_is, write_figure


def test_label() -> None:
    accuracy, error = Figure().subplots(1, 2)
    for axis, name in ((accuracy, "accuracy"), (error, "mse")):
        axis.set_ylim(0, 1)
        label(axis, name)
        assert axis.get_ylabel() == measure_title(name)
        assert [side for side, spine in axis.spines.items() if spine.get_visible()] == ["left", "bottom"]
    for axis, text in ((accuracy, "50 %"), (error, "0.5")):
        axis.set_yticks([0.0, 0.5, 1.0])
        axis.figure.canvas.draw()
        assert text in [tick.get_text() for tick in axis.get_yticklabels()]


def test_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = _figure(1.0)
    write_figure(tmp_path / "a.png", figure, dpi=100)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.format == "PNG"
        assert image.size == (400, 300)
    previous = (tmp_path / "a.png").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_figure(tmp_path / "a.png", _figure(2.0))
    assert (tmp_path / "a.png").read_bytes() == previous
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name, start", [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.svg", b"<?xml")])
def test_the_suffix_decides_the_format(tmp_path: Path, name: str, start: bytes) -> None:
    write_figure(tmp_path / name, _figure(1.0))
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start)
    write_figure(tmp_path / name, _figure(1.0))
    assert (tmp_path / name).read_bytes() == content  # no date, no random names


@pytest.mark.parametrize("name", ["a.jpg", "a", ".png", "a.png.txt"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"one of the suffixes \.png, \.pdf, \.svg\. Add \.png"):
        write_figure(tmp_path / name, _figure(1.0))
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_a_figure() -> None:
    """A notebook asks for ``_repr_png_`` if matplotlib was not set up for it."""
    figure = NotebookFigure(figsize=(2, 1))
    with Image.open(io.BytesIO(figure._repr_png_())) as image:
        assert image.size == (180, 90)


def test_a_dollar_is_a_dollar(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1))
    figure.suptitle(r"$\foo$")
    figure.subplots().set_xlabel(r"runs/$x")
    write_figure(tmp_path / "a.svg", show_text_as_is(figure))


def _figure(value: float) -> Figure:
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot([0, value])
    return figure
