"""The figure of one task: its content, and the tasks that cannot be drawn."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tokay import Examples, Sizes, Task, one_hot
from tokay.errors import ConfigError
from tokay.figures.one_task import episode_figure
from tokay.figures.style import GREY, RED
from tokay.tasks import NTMCopy

from .reading import check_drawable, legend, points


def pictures(ways: int, shots: int, queries: int, channels: int = 1) -> Task:
    def examples(each: int) -> Examples:
        labels = torch.arange(ways).repeat(each)  # the classes are mixed, as in a source
        return Examples(torch.rand(ways * each, channels, 8, 8), one_hot(labels, ways))

    return Task(examples(shots), examples(queries))


def frames(figure: Figure) -> list[tuple[str, str]]:
    """The text under every picture, and the colour of its frame."""
    panels = [axis for axis in figure.axes if axis.images]
    return [(axis.get_xlabel(), to_hex(axis.spines["top"].get_edgecolor())) for axis in panels]


def test_episode_of_pictures() -> None:
    task = pictures(ways=3, shots=1, queries=2)
    answers = task.query.y.float()
    answers[3] = torch.tensor([0.0, 0.0, 1.0])  # the second query of class 1 gets class 3
    figure = episode_figure(task, answers, "what")
    check_drawable(figure)
    assert figure.get_suptitle() == "what\n5 of 6 right"
    plain = to_hex(GREY)
    assert frames(figure) == [
        *(("", plain), ("1", plain), ("3 (is 1)", to_hex(RED))),
        *(("", plain), ("2", plain), ("2", plain)),
        *(("", plain), ("3", plain), ("3", plain)),
    ]
    panels = [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]
    expected = [task.support.x[0], task.query.x[0], task.query.x[3], task.support.x[1]]
    for picture, target in zip(panels, expected, strict=False):
        np.testing.assert_array_equal(picture, target[0].numpy())


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
    check_drawable(figure)
    assert [label for label, _ in frames(figure)] == ["", "", "1", "1", "1", "", "2", "2"]


def curve() -> Task:
    x = torch.tensor([[3.0], [1.0], [2.0]])
    return Task(Examples(torch.tensor([[0.5]]), torch.tensor([[5.0]])), Examples(x, 10 * x))


def test_episode_of_a_curve() -> None:
    final, initial = torch.tensor([[33.0], [11.0], [22.0]]), torch.zeros(3, 1)
    figure = episode_figure(curve(), final, "what", initial=initial)
    check_drawable(figure)
    assert points(figure, "truth") == [[1, 10], [2, 20], [3, 30]]
    assert points(figure, "after adapting") == [[1, 11], [2, 22], [3, 33]]
    assert points(figure, "before adapting") == [[1, 0], [2, 0], [3, 0]]
    assert points(figure, "support points") == [[0.5, 5]]
    assert "before adapting" not in legend(episode_figure(curve(), final, "what"))


def test_a_band_of_two_standard_deviations() -> None:
    final, std = torch.tensor([[33.0], [11.0], [22.0]]), torch.tensor([[3.0], [1.0], [2.0]])
    figure = episode_figure(curve(), final, "what", std=std)
    check_drawable(figure)
    (band,) = figure.axes[0].collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.round(4).tolist()}
    assert corners == {(1, 9), (1, 13), (2, 18), (2, 26), (3, 27), (3, 39)}
    assert "± 2 standard deviations" in legend(figure)
    assert not episode_figure(curve(), final, "what").axes[0].collections


def completed() -> Task:
    """A picture of 3 x 3 with its pixels in a random order. Two of them are the support set."""
    rows, columns = torch.meshgrid(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.5, 1.0]), indexing="ij")
    x, y = torch.stack([rows.flatten(), columns.flatten()], 1), torch.arange(9.0)[:, None] / 10
    order = torch.randperm(9)
    return Task(Examples(x[[1, 8]], y[[1, 8]]), Examples(x[order], y[order]))


def test_episode_of_a_picture_to_complete() -> None:
    task = completed()
    figure = episode_figure(task, 1 - task.query.y, "what", std=task.query.y / 2)
    check_drawable(figure)
    panels = {axis.get_title(): np.ma.filled(axis.images[0].get_array(), np.nan) for axis in figure.axes}
    truth = np.arange(9).reshape(3, 3) / 10
    support = np.full((3, 3), np.nan)
    support[0, 1], support[2, 2] = 0.1, 0.8
    expected = {"2 pixels seen": support, "answers": 1 - truth, "their spread (white: 0.40)": truth / 2, "truth": truth}
    assert list(panels) == list(expected)
    for name, picture in expected.items():
        np.testing.assert_allclose(panels[name], picture, atol=1e-6)
    assert [axis.images[0].get_clim() for axis in figure.axes] == [(0, 1), (0, 1), (0, pytest.approx(0.4)), (0, 1)]
    assert len(episode_figure(task, task.query.y, "what").axes) == 3


def test_places_that_are_no_picture() -> None:
    task = completed()
    twice = torch.cat([task.query.x[:8], task.query.x[:1]])
    for x in (task.query.x + 1, task.query.x[:8], twice):
        part = Examples(x, task.query.y[: len(x)])
        with pytest.raises(ConfigError, match=r"only curves .* got inputs \(2,\)"):
            episode_figure(Task(task.support, part), part.y, "what")


def test_what_cannot_be_drawn() -> None:
    table = Task(Examples(torch.rand(2, 7), torch.rand(2, 1)), Examples(torch.rand(2, 7), torch.rand(2, 1)))
    with pytest.raises(ConfigError, match=r"only curves .* got inputs \(7,\)"):
        episode_figure(table, torch.rand(2, 1), "what")
    words = Task(*(Examples(part.x, part.y.bool()) for part in table))
    with pytest.raises(ConfigError, match=r"only pictures .* got inputs \(7,\)"):
        episode_figure(words, torch.rand(2, 1), "what")


def test_episode_of_a_sequence() -> None:
    """The input, the target and the probability of a 1, on one time axis."""
    batch = NTMCopy(bits=3).tasks("test", Sizes(shots=5)).sample(1, torch.Generator().manual_seed(0))
    task = Task(*(Examples(part.x[0], part.y[0]) for part in batch))
    answers = 4 * (2 * task.query.y.float() - 1)
    answers[2, 1] *= -1
    figure = episode_figure(task, answers, "ntm")
    check_drawable(figure)
    assert figure.get_suptitle() == "ntm\n1 of 15 bits wrong"
    inputs, targets, outputs = (np.asarray(axis.images[0].get_array()) for axis in figure.axes)
    np.testing.assert_array_equal(inputs, task.support.x.T.numpy())
    np.testing.assert_array_equal(targets, task.query.y.T.numpy())
    np.testing.assert_allclose(outputs, answers.sigmoid().T.numpy(), rtol=1e-6)
    assert len({axis.get_xlim() for axis in figure.axes}) == 1
    assert [axis.get_ylabel() for axis in figure.axes] == ["input", "target", "output"]
