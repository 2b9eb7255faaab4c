"""Figures say what was measured: their content is read back, not their pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from tokay import Examples, Task, one_hot
from tokay.errors import ConfigError, DataError
from tokay.plots import GREY, RED, episode_figure, training_figure, write_figure


def lines(steps: int, measure: str = "accuracy", validated: dict[int, float] | None = None) -> list[dict[str, Any]]:
    made = []
    for step in range(10, 10 * steps + 1, 10):
        line: dict[str, Any] = {"step": step, "loss": 1 / step, measure: step / 1000, "cost": 1.0, "lr": 0.1}
        if validated and step in validated:
            score = {"mean": validated[step], "ci95": 0.125}
            line["validation"] = {"loss": {"mean": 0.75, "ci95": 0.25}, measure: score}
        made.append(line)
    return made


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def points(figure: Figure, label: str, axis: int = 0) -> list[list[float]]:
    (found,) = [line for line in figure.axes[axis].lines if line.get_label() == label]
    return np.asarray(found.get_xydata()).tolist()


def drawn(figure: Figure) -> None:
    figure.savefig(Path("/dev/null"), format="png")


def test_training_of_classification() -> None:
    figure = training_figure(lines(30, validated={100: 0.5, 200: 0.75, 300: 0.75}), "what", training="5-way")
    drawn(figure)
    assert figure.get_suptitle() == "what"
    assert [axis.get_title() for axis in figure.axes] == ["query loss", "query accuracy"]
    assert points(figure, "5-way: one meta-batch", 1) == [[step, step / 1000] for step in range(10, 301, 10)]
    smooth = np.array(points(figure, "5-way: moving average", 1))
    np.testing.assert_allclose(smooth[1:-1, 1], smooth[1:-1, 0] / 1000)  # of a straight line
    assert smooth[0, 1] == pytest.approx(0.015)  # at the end only what is there
    assert points(figure, "best: step 300, kept", 1) == [[300, 0.75]]  # a tie goes to the later one
    assert points(figure, "best: step 300, kept", 0) == [[300, 0.75]]
    (bars,) = figure.axes[1].containers
    segments = bars.lines[2][0].get_segments()  # type: ignore[union-attr]
    np.testing.assert_allclose(segments[0], [[100, 0.375], [100, 0.625]])
    assert len(legend(figure)) == 4


def test_training_of_regression_shows_the_error_once_and_its_least() -> None:
    figure = training_figure(lines(30, "mse", validated={100: 0.5, 200: 0.25, 300: 0.75}), "what")
    drawn(figure)
    assert [axis.get_title() for axis in figure.axes] == ["query mean squared error"]
    assert points(figure, "best: step 200, kept") == [[200, 0.25]]


@pytest.mark.parametrize("count", [1, 2])
def test_training_of_hardly_any_steps_and_without_validation(count: int) -> None:
    figure = training_figure(lines(count), "what")
    drawn(figure)
    assert legend(figure) == ["training: one meta-batch", "training: moving average"]


def test_training_with_validations_that_failed() -> None:
    nan = float("nan")
    figure = training_figure(lines(30, validated={100: nan, 200: 0.25, 300: nan}), "what")
    drawn(figure)
    assert points(figure, "best: step 200, kept", 1) == [[200, 0.25]]
    figure = training_figure(lines(30, validated={100: nan}), "what")
    drawn(figure)
    assert not [text for text in legend(figure) if text.startswith("best")]


def test_training_without_lines() -> None:
    with pytest.raises(ConfigError, match="at least one logged step"):
        training_figure([], "what")


def pictures(ways: int, shots: int, queries: int, channels: int = 1) -> Task:
    def examples(each: int) -> Examples:
        labels = torch.arange(ways).repeat(each)  # the classes are mixed, as a source mixes them
        return Examples(torch.rand(ways * each, channels, 8, 8), one_hot(labels, ways))

    return Task(examples(shots), examples(queries))


def frames(figure: Figure) -> list[tuple[str, str]]:
    """What is written under every picture, and the colour of its frame."""
    shown = [axis for axis in figure.axes if axis.images]
    return [(axis.get_xlabel(), to_hex(axis.spines["top"].get_edgecolor())) for axis in shown]


def test_episode_of_pictures() -> None:
    task = pictures(ways=3, shots=1, queries=2)
    answers = task.query.y.float()
    answers[3] = torch.tensor([0.0, 0.0, 1.0])  # the second query of class 1 is taken for class 3
    figure = episode_figure(task, answers, "what")
    drawn(figure)
    assert figure.get_suptitle() == "what\n5 of 6 right"
    plain = to_hex(GREY)
    assert frames(figure) == [
        *(("", plain), ("1", plain), ("3 (is 1)", to_hex(RED))),
        *(("", plain), ("2", plain), ("2", plain)),
        *(("", plain), ("3", plain), ("3", plain)),
    ]
    shown = [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]
    expected = [task.support.x[0], task.query.x[0], task.query.x[3], task.support.x[1]]
    for picture, wanted in zip(shown, expected, strict=False):
        np.testing.assert_array_equal(picture, wanted[0].numpy())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_episode_is_cut_down_and_says_so(channels: int) -> None:
    task = pictures(ways=20, shots=7, queries=15, channels=channels)
    figure = episode_figure(task, task.query.y.float(), "what")
    assert len(frames(figure)) == 10 * (5 + 8)
    assert figure.get_suptitle() == "what\n300 of 300 right, some not shown"


def test_uneven_classes_leave_gaps() -> None:
    task = pictures(ways=2, shots=2, queries=3)
    task = Task(Examples(task.support.x[:3], task.support.y[:3]), Examples(task.query.x[:5], task.query.y[:5]))
    figure = episode_figure(task, task.query.y.float(), "what")
    drawn(figure)
    assert [label for label, _ in frames(figure)] == ["", "", "1", "1", "1", "", "2", "2"]


def curve() -> Task:
    x = torch.tensor([[3.0], [1.0], [2.0]])
    return Task(Examples(torch.tensor([[0.5]]), torch.tensor([[5.0]])), Examples(x, 10 * x))


def test_episode_of_a_curve() -> None:
    after, before = torch.tensor([[33.0], [11.0], [22.0]]), torch.zeros(3, 1)
    figure = episode_figure(curve(), after, "what", before=before)
    drawn(figure)
    assert points(figure, "truth") == [[1, 10], [2, 20], [3, 30]]
    assert points(figure, "after adapting") == [[1, 11], [2, 22], [3, 33]]
    assert points(figure, "before adapting") == [[1, 0], [2, 0], [3, 0]]
    assert points(figure, "support points") == [[0.5, 5]]
    assert "before adapting" not in legend(episode_figure(curve(), after, "what"))


def test_a_band_of_two_standard_deviations() -> None:
    after, std = torch.tensor([[33.0], [11.0], [22.0]]), torch.tensor([[3.0], [1.0], [2.0]])
    figure = episode_figure(curve(), after, "what", std=std)
    drawn(figure)
    (band,) = figure.axes[0].collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.round(4).tolist()}
    assert corners == {(1, 9), (1, 13), (2, 18), (2, 26), (3, 27), (3, 39)}
    assert "± 2 standard deviations" in legend(figure)
    assert not episode_figure(curve(), after, "what").axes[0].collections


def completed() -> Task:
    """A picture of 3 x 3, its pixels in some order; two were seen."""
    rows, columns = torch.meshgrid(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.5, 1.0]), indexing="ij")
    x, y = torch.stack([rows.flatten(), columns.flatten()], 1), torch.arange(9.0)[:, None] / 10
    order = torch.randperm(9)
    return Task(Examples(x[[1, 8]], y[[1, 8]]), Examples(x[order], y[order]))


def test_episode_of_a_picture_to_complete() -> None:
    task = completed()
    figure = episode_figure(task, 1 - task.query.y, "what", std=task.query.y / 2)
    drawn(figure)
    shown = {axis.get_title(): np.ma.filled(axis.images[0].get_array(), np.nan) for axis in figure.axes}
    truth = np.arange(9).reshape(3, 3) / 10
    seen = np.full((3, 3), np.nan)
    seen[0, 1], seen[2, 2] = 0.1, 0.8
    expected = {"2 pixels seen": seen, "answers": 1 - truth, "their spread (white: 0.40)": truth / 2, "truth": truth}
    assert list(shown) == list(expected)
    for name, picture in expected.items():
        np.testing.assert_allclose(shown[name], picture, atol=1e-6)
    assert [axis.images[0].get_clim() for axis in figure.axes] == [(0, 1), (0, 1), (0, pytest.approx(0.4)), (0, 1)]
    assert len(episode_figure(task, task.query.y, "what").axes) == 3


def test_places_that_are_no_picture() -> None:
    task = completed()
    twice = torch.cat([task.query.x[:8], task.query.x[:1]])
    for x in (task.query.x + 1, task.query.x[:8], twice):
        part = Examples(x, task.query.y[: len(x)])
        with pytest.raises(ConfigError, match=r"only curves .* got inputs \(2,\)"):
            episode_figure(Task(task.support, part), part.y, "what")


def test_training_shows_log_likelihoods() -> None:
    logged = [{**line, "mse": 1.0, "log_likelihood": -0.5 * line["step"]} for line in lines(3, measure="mse")]
    figure = training_figure(logged, "what")
    drawn(figure)
    assert [axis.get_title() for axis in figure.axes] == [
        "query mean squared error",
        "query log-likelihood (nats per value)",
    ]
    assert points(figure, "training: one meta-batch", 1) == [[line["step"], -0.5 * line["step"]] for line in logged]


def test_what_cannot_be_drawn() -> None:
    table = Task(Examples(torch.rand(2, 7), torch.rand(2, 1)), Examples(torch.rand(2, 7), torch.rand(2, 1)))
    with pytest.raises(ConfigError, match=r"only curves .* got inputs \(7,\)"):
        episode_figure(table, torch.rand(2, 1), "what")
    words = Task(*(Examples(part.x, part.y.bool()) for part in table))
    with pytest.raises(ConfigError, match=r"only pictures .* got inputs \(7,\)"):
        episode_figure(words, torch.rand(2, 1), "what")


def test_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = training_figure(lines(3), "what")
    write_figure(tmp_path / "a.png", figure, dpi=100)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.format == "PNG"
        assert image.size == (1040, 460)
    before = (tmp_path / "a.png").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_figure(tmp_path / "a.png", training_figure(lines(9), "other"))
    assert (tmp_path / "a.png").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_nothing_global_changes() -> None:
    import sys

    import matplotlib

    before = dict(matplotlib.rcParams)
    drawn(training_figure(lines(3), "what"))
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
