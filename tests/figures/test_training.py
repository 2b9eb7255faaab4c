"""The figure of a training run: tests read its content back, not its pixels."""

from typing import Any

import numpy as np
import pytest

from tokay.errors import ConfigError
from tokay.figures.training import training_figure

from .reading import check_drawable, legend, points


def lines(steps: int, measure: str = "accuracy", validated: dict[int, float] | None = None) -> list[dict[str, Any]]:
    rows = []
    for step in range(10, 10 * steps + 1, 10):
        line: dict[str, Any] = {"step": step, "loss": 1 / step, measure: step / 1000, "cost": 1.0, "lr": 0.1}
        if validated and step in validated:
            score = {"mean": validated[step], "ci95": 0.125}
            line["validation"] = {"loss": {"mean": 0.75, "ci95": 0.25}, measure: score}
        rows.append(line)
    return rows


def test_training_of_classification() -> None:
    figure = training_figure(lines(30, validated={100: 0.5, 200: 0.75, 300: 0.75}), "what", training="5-way")
    check_drawable(figure)
    assert figure.get_suptitle() == "what"
    assert [axis.get_title() for axis in figure.axes] == ["query loss", "query accuracy"]
    assert points(figure, "5-way: one meta-batch", 1) == [[step, step / 1000] for step in range(10, 301, 10)]
    smooth = np.array(points(figure, "5-way: moving average", 1))
    np.testing.assert_allclose(smooth[1:-1, 1], smooth[1:-1, 0] / 1000)  # of a straight line
    assert smooth[0, 1] == pytest.approx(0.015)  # near the ends only the points that exist
    assert points(figure, "best: step 300, kept", 1) == [[300, 0.75]]  # at a tie the later step wins
    assert points(figure, "best: step 300, kept", 0) == [[300, 0.75]]
    (bars,) = figure.axes[1].containers
    segments = bars.lines[2][0].get_segments()  # type: ignore[union-attr]
    np.testing.assert_allclose(segments[0], [[100, 0.375], [100, 0.625]])
    assert len(legend(figure)) == 4


def test_training_of_regression_shows_the_error_once_and_its_least() -> None:
    figure = training_figure(lines(30, "mse", validated={100: 0.5, 200: 0.25, 300: 0.75}), "what")
    check_drawable(figure)
    assert [axis.get_title() for axis in figure.axes] == ["query mean squared error"]
    assert points(figure, "best: step 200, kept") == [[200, 0.25]]


@pytest.mark.parametrize("count", [1, 2])
def test_training_of_hardly_any_steps_and_without_validation(count: int) -> None:
    figure = training_figure(lines(count), "what")
    check_drawable(figure)
    assert legend(figure) == ["training: one meta-batch", "training: moving average"]


def test_training_with_validations_that_failed() -> None:
    nan = float("nan")
    figure = training_figure(lines(30, validated={100: nan, 200: 0.25, 300: nan}), "what")
    check_drawable(figure)
    assert points(figure, "best: step 200, kept", 1) == [[200, 0.25]]
    figure = training_figure(lines(30, validated={100: nan}), "what")
    check_drawable(figure)
    assert not [text for text in legend(figure) if text.startswith("best")]


def test_training_without_lines() -> None:
    with pytest.raises(ConfigError, match="at least one logged step"):
        training_figure([], "what")


def test_training_shows_log_likelihoods() -> None:
    logged = [{**line, "mse": 1.0, "log_likelihood": -0.5 * line["step"]} for line in lines(3, measure="mse")]
    figure = training_figure(logged, "what")
    check_drawable(figure)
    assert [axis.get_title() for axis in figure.axes] == [
        "query mean squared error",
        "query log-likelihood (nats per value)",
    ]
    assert points(figure, "training: one meta-batch", 1) == [[line["step"], -0.5 * line["step"]] for line in logged]


def test_nothing_global_changes() -> None:
    import sys

    import matplotlib

    previous = dict(matplotlib.rcParams)
    check_drawable(training_figure(lines(3), "what"))
    assert dict(matplotlib.rcParams) == previous
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
