"""FewShotClassifier: labels of every type, few of everything, pictures, and examples that come later."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.ensemble import AdaBoostClassifier
from sklearn.utils.validation import has_fit_parameter

import tokay
from tokay import TaskError
from tokay.sklearn import FewShotClassifier, FewShotRegressor

from .blobs import CODES, X

PICTURES = np.random.default_rng(0).random((6, 1, 28, 28), dtype=np.float32)


@pytest.mark.parametrize(
    "names",
    [
        np.array([7, -3, 100]),
        np.array([0.5, 2.0, 3.0]).round(),
        np.array(["cat", "dog", "ä"]),
        np.array(["cat", "dog", "ä"], dtype=object),
        np.array([2, 0, 1], dtype=np.uint8),
    ],
    ids=["integers", "floats", "strings", "objects", "bytes"],
)
@pytest.mark.parametrize(
    "model", ["protonet", tokay.Scratch(inner_lr=0.02, test_steps=100)], ids=["protonet", "scratch"]
)
def test_labels_come_back_as_they_were(names: Any, model: Any) -> None:
    labels = names[CODES]
    classifier = FewShotClassifier(model).fit(X, labels)
    np.testing.assert_array_equal(classifier.classes_, np.unique(names))
    assert classifier.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(classifier.predict(X), labels)
    assert classifier.score(X, labels) == 1.0
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(classifier.classes_[probabilities.argmax(1)], labels)
    np.testing.assert_array_equal(classifier.classes_[classifier.decision_function(X).argmax(1)], labels)


def test_booleans_are_two_classes_with_one_score() -> None:
    classifier = FewShotClassifier().fit(X[:12], CODES[:12] == 1)
    scores = classifier.decision_function(X[:12])
    assert scores.shape == (12,)
    np.testing.assert_array_equal(classifier.predict(X[:12]), CODES[:12] == 1)
    np.testing.assert_array_equal(scores > 0, CODES[:12] == 1)


def test_categories_of_a_table_and_names_of_its_columns() -> None:
    table = pandas.DataFrame(X, columns=["length", "width"])
    labels = pandas.Series(["a", "b", "c"]).take(CODES).astype("category")
    classifier = FewShotClassifier().fit(table, labels)
    assert classifier.feature_names_in_.tolist() == ["length", "width"]
    assert classifier.score(table, labels) == 1.0
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(table.rename(columns={"width": "height"}))


@pytest.mark.parametrize("model", ["protonet", "scratch"])
def test_one_example_and_one_class_are_answered(model: str) -> None:
    for rows in (1, 3):
        classifier = FewShotClassifier(model).fit(X[:rows], ["only"] * rows)
        assert classifier.predict(X[5:7]).tolist() == ["only", "only"]
        assert classifier.predict_proba(X[5:7]).tolist() == [[1.0], [1.0]]
        with pytest.raises(TaskError, match="are NaN"):
            classifier.predict([[np.nan, 0.0]])
    with pytest.raises(TaskError, match="are NaN"):
        FewShotClassifier(model).fit([[np.nan, 0.0]], ["only"])


def test_a_label_that_fit_did_not_see_is_a_wrong_answer_and_no_error() -> None:
    classifier = FewShotClassifier().fit(X[:12], CODES[:12])
    assert classifier.score(X, CODES) == pytest.approx(12 / 18)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_told_in_one_line(bad: float) -> None:
    rows = X.copy()
    rows[3, 1] = bad
    classifier = FewShotClassifier().fit(X, CODES)
    for call in (lambda: FewShotClassifier().fit(rows, CODES), lambda: classifier.predict(rows)):
        with pytest.raises(TaskError, match="1 of the inputs are NaN or infinite") as error:
            call()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "labels, message",
    [
        (["a", None, "b"], "labels are missing"),
        (["a", float("nan"), "b"], "missing|NaN"),
        (np.array(["a", 1, "b"], dtype=object), "of one type|Mix of|not supported"),
        ([0.1, 0.7, 0.3], "Unknown label type"),
        ([0, 1], "inconsistent numbers of samples"),
    ],
)
def test_bad_labels_are_refused(labels: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        FewShotClassifier().fit(X[:3], labels)


def test_sample_weights_are_not_accepted() -> None:
    """The parameter is missing, so that scikit-learn's own tools see it and say so."""
    weights = np.ones(18)
    for estimator in (FewShotClassifier(), FewShotRegressor()):
        assert not has_fit_parameter(estimator, "sample_weight")
        for call in (estimator.fit, estimator.partial_fit):
            with pytest.raises(TypeError, match=r"fit\(\) got an unexpected keyword argument 'sample_weight'$"):
                call(X, CODES, sample_weight=weights)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="FewShotClassifier doesn't support sample_weight"):
        AdaBoostClassifier(FewShotClassifier()).fit(X, CODES)


def test_a_repeated_row_counts_twice() -> None:
    rows = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 5.0]])
    repeats = np.array([1, 2, 1])
    weighted = FewShotClassifier().fit([[2.0, 0.0], [0.0, 5.0]], ["a", "b"])
    classifier = FewShotClassifier().fit(rows.repeat(repeats, 0), np.array(["a", "a", "b"]).repeat(repeats))
    np.testing.assert_allclose(classifier.predict_proba(X), weighted.predict_proba(X), rtol=1e-6)


def test_later_examples_and_new_classes() -> None:
    classifier = FewShotClassifier()
    for number in (2, 0, 1):
        classifier.partial_fit(X[number == CODES], CODES[number == CODES])
    at_once = FewShotClassifier().fit(X, CODES)
    np.testing.assert_array_equal(classifier.classes_, at_once.classes_)
    np.testing.assert_allclose(classifier.predict_proba(X), at_once.predict_proba(X), rtol=1e-4, atol=1e-7)
    assert len(classifier.X_support_) == 18
    np.testing.assert_array_equal(classifier.fit(X[:12], CODES[:12]).classes_, [0, 1])


def test_classes_that_come_later_have_a_column() -> None:
    classifier = FewShotClassifier().partial_fit(X[:12], CODES[:12], classes=[0, 1, 2])
    assert classifier.classes_.tolist() == [0, 1, 2]
    probabilities = classifier.predict_proba(X)
    assert (probabilities[:, 2] == 0).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert classifier.partial_fit(X[12:], CODES[12:]).score(X, CODES) == 1.0


@pytest.mark.parametrize(
    "rows, labels", [([[np.nan, 1.0]], [1]), ([[1.0, 1.0]], ["text"]), ([[1.0]], [1]), ([[1.0, 2.0]], [None])]
)
def test_a_call_that_fails_changes_nothing(rows: Any, labels: Any) -> None:
    classifier = FewShotClassifier().partial_fit(X, CODES)
    expected = classifier.predict_proba(X)
    with pytest.raises(ValueError, match=r".+"):
        classifier.partial_fit(rows, labels)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    assert len(classifier.X_support_) == 18


def test_pictures_and_rows_of_pixels_are_the_same(picture_run: Path) -> None:
    labels = list("aabbcc")
    expected = FewShotClassifier(picture_run).fit(PICTURES, labels).predict_proba(PICTURES)
    rows = PICTURES.reshape(6, -1)
    for form in (rows, PICTURES[:, 0]):
        classifier = FewShotClassifier(str(picture_run)).fit(form, labels)
        assert classifier.n_features_in_ == 784
        np.testing.assert_array_equal(classifier.predict_proba(rows), expected)
    with pytest.raises(TaskError, match=r"must have shape \(1, 28, 28\) or 784 numbers in a row"):
        FewShotClassifier(picture_run).fit(rows[:, :100], labels)


def test_bytes_of_pictures_are_scaled_also_beside_floats(picture_run: Path) -> None:
    pixels = (PICTURES * 255).round().astype(np.uint8)
    classifier = FewShotClassifier(picture_run).fit(pixels[:3], list("abc"))
    expected = (
        FewShotClassifier(picture_run).fit(pixels.astype(np.float32) / 255, list("abcabc")).predict_proba(PICTURES)
    )
    classifier.partial_fit(pixels[3:].astype(np.float32) / 255, list("abc"))
    np.testing.assert_allclose(classifier.predict_proba(PICTURES), expected, rtol=1e-4, atol=1e-6)


def test_bytes_in_a_row_of_numbers_are_numbers() -> None:
    counts = np.array([[10, 20], [30, 10]], dtype=np.uint8)
    classifier = FewShotClassifier().fit(counts, ["a", "b"])
    assert classifier.predict(counts.astype(float)).tolist() == ["a", "b"]
    np.testing.assert_array_equal(classifier.X_support_, counts)


def test_a_run_of_three_ways_has_three_classes(three_way_run: Path) -> None:
    classifier = FewShotClassifier(three_way_run).fit(PICTURES, list("aabbcc"))
    assert classifier.predict_proba(PICTURES).shape == (6, 3)
    for labels, count in ((list("aabbbb"), "2"), (list("aabbcd"), "4")):
        with pytest.raises(TaskError, match=rf"was trained to tell 3 classes apart, the labels have {count} \(a b"):
            FewShotClassifier(three_way_run).fit(PICTURES, labels)
    with pytest.raises(TaskError, match="at least two classes, got only 'a'"):
        FewShotClassifier(three_way_run).fit(PICTURES, list("aaaaaa"))


def test_an_answer_does_not_depend_on_other_queries(picture_run: Path) -> None:
    classifier = FewShotClassifier(picture_run).fit(PICTURES, list("aabbcc"))
    batch = classifier.predict_proba(PICTURES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        singles = np.concatenate([classifier.predict_proba(picture[None]) for picture in PICTURES])
    np.testing.assert_allclose(singles, batch, rtol=1e-4, atol=1e-6)
