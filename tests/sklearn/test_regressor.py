"""FewShotRegressor: targets of one and several columns, runs, and examples that come later."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokay
from tokay import TaskError
from tokay.sklearn import FewShotRegressor

from .blobs import VALUES, X


def test_it_learns_a_plane() -> None:
    regressor = FewShotRegressor(tokay.Scratch(inner_lr=0.02, test_steps=200)).fit(X, VALUES)
    assert regressor.score(X, VALUES) > 0.9
    assert regressor.predict(X).dtype == np.float64


@pytest.mark.parametrize("shape", [(18,), (18, 1), (18, 3)])
def test_predictions_are_shaped_like_targets(shape: tuple[int, ...]) -> None:
    targets = np.broadcast_to(VALUES.reshape(18, *[1] * (len(shape) - 1)), shape)
    assert FewShotRegressor().fit(X, targets).predict(X).shape == shape


def test_whole_numbers_are_targets() -> None:
    targets = np.arange(18)
    np.testing.assert_array_equal(
        FewShotRegressor().fit(X, targets).predict(X), FewShotRegressor().fit(X, targets.astype(float)).predict(X)
    )


def test_a_run_is_the_learner_of_its_folder(sine_run: Path) -> None:
    x = np.linspace(-2, 2, 5)[:, None]
    expected = tokay.load(sine_run).fit(x, np.sin(x[:, 0])).predict(x)
    np.testing.assert_array_equal(FewShotRegressor(sine_run).fit(x, np.sin(x[:, 0])).predict(x), expected)


def test_one_example_is_enough(sine_run: Path) -> None:
    assert np.isfinite(FewShotRegressor(sine_run).fit([[1.0]], [0.5]).predict([[1.0], [2.0]])).all()
    assert np.isfinite(FewShotRegressor().fit(X[:1], VALUES[:1]).predict(X)).all()


def test_later_examples_are_added() -> None:
    regressor = FewShotRegressor().partial_fit(X[:5], VALUES[:5]).partial_fit(X[5:], VALUES[5:])
    np.testing.assert_array_equal(regressor.predict(X), FewShotRegressor().fit(X, VALUES).predict(X))
    with pytest.raises(TaskError, match=r"targets must have shape \(\) in all calls of partial_fit, got \(2,\)"):
        regressor.partial_fit(X, np.stack([VALUES, VALUES], 1))
    np.testing.assert_array_equal(regressor.y_support_, VALUES)


@pytest.mark.parametrize("bad", [np.nan, np.inf, "text", None])
def test_bad_targets_are_refused(bad: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        FewShotRegressor().fit(X[:3], [0.0, 1.0, bad])
