"""Estimators in the tools of scikit-learn: parameters, clones, pipelines, searches with two processes, and memory."""

import pickle
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tokay
from tokay import ConfigError
from tokay.sklearn import FewShotClassifier, FewShotRegressor

from .blobs import CODES, VALUES, X

NAMES = np.array(["cat", "dog", "eel"])[CODES]
PICTURES = np.random.default_rng(0).random((6, 784), dtype=np.float32)


def test_parameters_are_set_and_cloned() -> None:
    classifier = FewShotClassifier("protonet", network="mlp").fit(X, NAMES)
    assert classifier.get_params() == {"model": "protonet", "network": "mlp", "device": "cpu", "random_state": 0}
    copy = clone(classifier.set_params(model="scratch", random_state=3))
    assert copy.get_params() == {"model": "scratch", "network": "mlp", "device": "cpu", "random_state": 3}
    with pytest.raises(NotFittedError):
        copy.predict(X)
    with pytest.raises(ValueError, match="Invalid parameter 'lr'"):
        classifier.set_params(lr=1)


def test_parameters_are_checked_in_fit_and_not_before() -> None:
    classifier = FewShotClassifier("nowhere", network=5, device="abacus")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^FewShotClassifier: model must be"):
        classifier.fit(X, NAMES)
    with pytest.raises(ConfigError, match=r"^FewShotRegressor: .*abacus"):
        FewShotRegressor(device="abacus").fit(X, VALUES)


def test_kinds_are_those_of_scikit_learn() -> None:
    assert is_classifier(FewShotClassifier())
    assert is_regressor(FewShotRegressor())


@pytest.mark.parametrize("name", ["run", "file", "learner"])
def test_a_trained_model_is_cloned_and_its_network_stays(name: str, picture_run: Path, tmp_path: Path) -> None:
    learner = tokay.load(picture_run)
    tokay.save(learner, learner.net, tmp_path / "a.learner")
    model: Any = {"run": picture_run, "file": tmp_path / "a.learner", "learner": learner}[name]
    labels = list("aabbcc")
    classifier = FewShotClassifier(model).fit(PICTURES, labels)
    weights = [weight.clone() for weight in learner.net.parameters()]
    copy = clone(classifier).fit(PICTURES, labels)
    np.testing.assert_array_equal(copy.predict_proba(PICTURES), classifier.predict_proba(PICTURES))
    assert all((a == b).all() for a, b in zip(weights, learner.net.parameters(), strict=True))
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(restored.predict_proba(PICTURES), classifier.predict_proba(PICTURES))


@pytest.mark.parametrize("random_state", [0, np.int64(3), np.random.RandomState(0), None])
def test_random_states_of_every_kind_are_taken(random_state: Any) -> None:
    model = tokay.Scratch(test_steps=2)
    assert FewShotClassifier(model, random_state=random_state).fit(X, NAMES).predict(X).shape == (18,)


def test_the_random_state_decides_the_weights() -> None:
    model = tokay.Scratch(test_steps=2)
    first, again, other = (FewShotRegressor(model, random_state=seed).fit(X, VALUES).predict(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("labels", [NAMES, NAMES.astype(object), CODES, NAMES == "cat"], ids=str)
def test_pipelines_and_cross_validation(labels: Any) -> None:
    table = pandas.DataFrame(X * [1, 1000], columns=["length", "width"])
    pipeline = make_pipeline(StandardScaler(), FewShotClassifier("nearest"))
    assert cross_val_score(pipeline, table, labels, cv=3).tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_array_equal(pipeline.fit(table, labels).classes_, np.unique(labels))
    assert pipeline.predict(table).dtype == labels.dtype


def test_scaled_targets() -> None:
    regressor = TransformedTargetRegressor(
        FewShotRegressor(tokay.Scratch(inner_lr=0.02, test_steps=100)), transformer=StandardScaler()
    )
    assert make_pipeline(StandardScaler(), regressor).fit(X, 1000 * VALUES).score(X, 1000 * VALUES) > 0.9


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_search_with_two_processes_finds_what_one_finds(picture_run: Path) -> None:
    searches: list[tuple[Any, Any, dict[str, list[Any]]]] = [
        (X, NAMES, {"fewshotclassifier__model": ["protonet", "nearest", tokay.Scratch(test_steps=2)]}),
        (PICTURES, list("aabbcc"), {"fewshotclassifier__model": [picture_run, tokay.load(picture_run)]}),
    ]
    for rows, labels, grid in searches:
        pipeline = make_pipeline(StandardScaler(), FewShotClassifier())
        scores = [
            GridSearchCV(pipeline, grid, cv=2, n_jobs=jobs, error_score="raise")
            .fit(rows, labels)
            .cv_results_["mean_test_score"]
            for jobs in (1, 2)
        ]
        np.testing.assert_array_equal(*scores)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.slow
@pytest.mark.parametrize("model", ["protonet", tokay.MAML(test_steps=1)], ids=["protonet", "maml"])
def test_ten_thousand_predictions_keep_memory_flat(model: Any) -> None:
    classifier = FewShotClassifier(model).fit(X, NAMES)
    for _ in range(500):
        classifier.predict_proba(X)
    start = _megabytes()
    for _ in range(10_000):
        classifier.predict_proba(X)
    assert _megabytes() - start < 5
