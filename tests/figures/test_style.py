"""What all figures share."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from tokay.errors import DataError
from tokay.figures.style import label, measure_title, write_figure


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


def _figure(value: float) -> Figure:
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot([0, value])
    return figure
