"""The figure of adaptation curves: tests read its content back, not its pixels."""

from dataclasses import replace

import numpy as np
import pytest

from tokay import ConfigError
from tokay.evaluation.scores import Evaluation, Score
from tokay.figures.adaptation import COLOURS, MARKERS, adaptation_figure

from .reading import check_drawable, legend, points


def evaluation(curve: dict[int, tuple[float, float]], measure: str = "accuracy", *, support: bool = True) -> Evaluation:
    scores = {
        step: {measure: Score(*value, 9, value[0]), "loss": Score(1.0, 0.1, 9, 1.0)} for step, value in curve.items()
    }
    if support:
        scores = {
            step: row | {f"support_{measure}": Score(0.9, 0.1, 9, 0.9), "support_loss": Score(0.3, 0.1, 9, 0.3)}
            for step, row in scores.items()
        }
    last = scores[max(curve)]
    return Evaluation(
        scores=last, curve=scores, per_task={}, per_step={}, calibration_error=None, transductive=False, seconds=1.0
    )


CURVE = {0: (0.2, 0.05), 1: (0.5, 0.1), 50: (0.75, 0.02)}


def test_one_run() -> None:
    figure = adaptation_figure({"unseen tasks": evaluation(CURVE)}, "what", chance=0.2)
    check_drawable(figure)
    assert figure.get_suptitle() == "what"
    accuracy, loss = figure.axes
    assert (accuracy.get_title(), loss.get_title()) == ("query accuracy", "query loss")
    assert points(figure, "unseen tasks") == [[0, 0.2], [1, 0.5], [50, 0.75]]
    assert points(figure, "unseen tasks", 1) == [[0, 1.0], [1, 1.0], [50, 1.0]]
    assert points(figure, "unseen tasks: support set") == [[0, 0.9], [1, 0.9], [50, 0.9]]
    assert points(figure, "unseen tasks: support set", 1) == [[0, 0.3], [1, 0.3], [50, 0.3]]
    (band,) = accuracy.collections
    edges = {(round(x, 6), round(y, 6)) for x, y in np.asarray(band.get_paths()[0].vertices).tolist()}
    assert {(0, 0.15), (0, 0.25), (1, 0.4), (1, 0.6), (50, 0.73), (50, 0.77)} <= edges
    assert [tick.get_text() for tick in accuracy.get_xticklabels()] == ["0\n(before)", "1", "50"]
    assert points(figure, "chance (20 %)")[0][1] == 0.2
    assert not [line for line in loss.lines if line.get_label() == "chance (20 %)"]
    (chance,) = [line for line in accuracy.lines if line.get_label() == "chance (20 %)"]
    assert chance.get_linestyle() == ":"


def test_several_runs_can_be_told_apart() -> None:
    runs = {f"run {i}": evaluation({0: (0.1 * i, 0.01), 5: (0.2 * i, 0.01)}, support=False) for i in range(4)}
    runs["proto"] = evaluation({0: (0.95, 0.01)})
    figure = adaptation_figure(runs, "what")
    check_drawable(figure)
    names = ["run 0", "run 1", "run 2", "run 3", "proto (one forward pass)"]
    assert legend(figure) == [*names, "95% interval over 9 tasks"]
    lines = [line for line in figure.axes[0].lines if str(line.get_label()).startswith("run")]
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 4
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0\n(before)", "5"]


def test_one_pass_is_a_level_line_with_a_bar() -> None:
    figure = adaptation_figure({"proto": evaluation({0: (0.9, 0.05)})}, "what", chance=0.2)
    check_drawable(figure)
    axis = figure.axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["adapted in a single pass, without steps"]
    (bars,) = axis.containers
    np.testing.assert_allclose(bars.lines[2][0].get_segments()[0], [[0, 0.85], [0, 0.95]])  # type: ignore[union-attr]


def test_regression_starts_at_zero_error_and_shows_it_once() -> None:
    figure = adaptation_figure({"waves": evaluation({0: (4.0, 0.5), 1: (1.0, 0.2)}, "mse")}, "what")
    check_drawable(figure)
    (axis,) = figure.axes
    assert axis.get_ylim()[0] == 0
    assert axis.get_ylabel() == "mean squared error"
    assert not [text for text in legend(figure) if "chance" in text]


def test_what_cannot_be_drawn_together() -> None:
    both = {"a": evaluation(CURVE), "b": evaluation(CURVE, "mse")}
    with pytest.raises(ConfigError, match="one measure, got accuracy and mse"):
        adaptation_figure(both, "what")
    with pytest.raises(ConfigError, match="no curve"):
        adaptation_figure({}, "what")


def test_there_are_as_many_markers_as_colours() -> None:
    assert len(MARKERS) == len(COLOURS) == len(set(COLOURS)) == len(set(MARKERS))


def test_the_intervals_are_named_with_their_numbers_of_tasks() -> None:
    few = evaluation(CURVE)
    many = replace(few, scores={**few.scores, "loss": Score(1.0, 0.1, 600, 1.0)})
    assert legend(adaptation_figure({"few": few}, "what"))[-1] == "95% interval over 9 tasks"
    assert legend(adaptation_figure({"few": few, "many": many}, "what"))[-1] == "95% interval over 600 or 9 tasks"


@pytest.mark.parametrize("last, is_uneven", [(5, False), (6, True), (50, True)])
def test_an_uneven_axis_is_marked(last: int, is_uneven: bool) -> None:
    """The axis is logarithmic beyond 5 steps: the label says so, and a line shows where it begins."""
    figure = adaptation_figure({"a": evaluation({0: (0.2, 0.05), last: (0.5, 0.1)}, support=False)}, "what")
    for axis in figure.axes:
        assert ("logarithmic beyond 5" in axis.get_xlabel()) == is_uneven
        assert (len(axis.lines) == 2) == is_uneven


def test_names_are_no_formulas() -> None:
    """Run folders may have any name."""
    names = [r"$\foo$", "$", r"a\$b$", "plain"]
    figure = adaptation_figure({name: evaluation(CURVE) for name in names}, r"$\bar{$")
    check_drawable(figure)
    assert [name for name in legend(figure) if "support" not in name][:4] == names
