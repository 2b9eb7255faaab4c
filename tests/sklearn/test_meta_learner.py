"""MetaLearner: arrays in, an estimator out; progress, validation, files, and one line for what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tokay
from tokay import ConfigError, FitConfig, TaskError
from tokay.networks import MLP
from tokay.sklearn import FewShotClassifier, FewShotRegressor, MetaLearner

from .task_lists import groups, line

LINES = [line(slope, rows=rows) for slope, rows in ((0.5, 8), (1.0, 12), (-1.0, 20), (-0.5, 8))]
GROUPS = [groups(["a", "b"], rows=rows, seed=rows) for rows in (4, 6, 9)]


def _few_steps(method: Any = "protonet", **settings: Any) -> MetaLearner:
    return MetaLearner(method, **{"steps": 2, "quiet": True, **settings})


def test_training_helps_on_a_new_task() -> None:
    """Slopes from 1 to 3 and one more point: an untrained network knows nothing of the rest of the line."""
    random = np.random.default_rng(0)
    tasks = [line(slope, rows=20) for slope in random.uniform(1, 3, 30)]
    X, y = line(2.2, rows=20)
    errors = []
    for steps in (1, 150):
        config = FitConfig(steps=steps, lr=0.01, meta_batch=4)
        meta = MetaLearner("maml", network=MLP(hidden=(20,)), config=config, shots=3, queries=10, quiet=True).fit(tasks)
        errors.append(float(((meta.adapt(X[::7], y[::7]).predict(X) - y) ** 2).mean()))
    assert errors[1] < 0.1 * errors[0]


@pytest.mark.parametrize("labels", [["a", "b"], [True, False], [3, 1]], ids=str)
def test_classes_give_a_classifier_for_any_labels(labels: list[Any]) -> None:
    meta = _few_steps().fit([groups(labels, seed=seed) for seed in range(3)])
    assert (meta.kind_, type(meta.estimator_)) == ("classification", FewShotClassifier)
    X, y = groups(["red", "blue", "green"], seed=9)
    classifier = meta.adapt(X, y)
    assert classifier.score(X, y) > 0.8
    assert classifier.partial_fit([[50.0, 50.0]], ["far"]).classes_.tolist() == ["blue", "far", "green", "red"]


def test_real_targets_give_a_regressor() -> None:
    meta = _few_steps("maml").fit([(pandas.DataFrame(x, columns=["x"]), pandas.Series(y)) for x, y in LINES])
    assert (meta.kind_, type(meta.estimator_)) == ("regression", FewShotRegressor)
    assert meta.adapt(*LINES[0]).predict(LINES[0][0]).shape == (8,)


def test_pictures_are_pictures() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 1, 28, 28), dtype=np.uint8)
    meta = _few_steps(network="conv4-pool", steps=1).fit([(x, list("aabbccdd")) for x in pictures])
    assert meta.learner_.x_shape == (1, 28, 28)
    assert meta.adapt(pictures[0], list("aabbccdd")).predict(pictures[1]).shape == (8,)


@pytest.mark.parametrize(
    "method", ["protonet", "maml", "lstm", "simpleshot", "finetune", "baseline++", "cnp", "relation"]
)
def test_every_way_of_training_takes_arrays(method: str) -> None:
    tasks = LINES if method == "cnp" else GROUPS
    meta = _few_steps(method).fit(tasks, validation=tasks[:1])
    X, y = tasks[0]
    assert np.isfinite(meta.adapt(X, y).score(X, y))
    assert meta.adapt(X, y).predict(X).shape == y.shape


def test_the_same_tasks_and_seed_give_the_same_weights() -> None:
    first, again = (_few_steps().fit(GROUPS).learner_.net.parameters() for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


def test_it_works_in_pipelines_and_cross_validation() -> None:
    meta = _few_steps().fit(GROUPS)
    X, y = groups(["u", "v"], rows=9, seed=5)
    pipeline = make_pipeline(StandardScaler(), meta.estimator_)
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.8


def test_parameters_are_set_and_cloned() -> None:
    meta = _few_steps(tokay.ProtoNet(metric="cosine"), ways=2).fit(GROUPS)
    copy = clone(meta.set_params(shots=2))
    assert (copy.method.metric, copy.ways, copy.shots, copy.steps) == ("cosine", 2, 2, 2)
    for call in (lambda: copy.estimator_, lambda: copy.adapt(*GROUPS[0]), lambda: copy.save("x")):
        with pytest.raises(NotFittedError):
            call()


def test_progress_is_shown_unless_it_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    _few_steps().fit(GROUPS)
    assert capsys.readouterr() == ("", "")
    _few_steps(quiet=False).fit(GROUPS)
    assert "protonet" in capsys.readouterr().err


def test_a_file_answers_like_the_learner(tmp_path: Path) -> None:
    meta = _few_steps().fit(GROUPS)
    meta.save(tmp_path / "mine.learner")
    X, y = GROUPS[0]
    expected = meta.adapt(X, y).predict_proba(X)
    loaded = FewShotClassifier(tmp_path / "mine.learner").fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    np.testing.assert_allclose(tokay.load(tmp_path / "mine.learner").fit(X, y).predict_proba(X), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"method": "prot"}, ConfigError, "^MetaLearner: method must be one of .*, got 'prot'"),
        ({"method": tokay.ProtoNet}, ConfigError, "^MetaLearner: method must be one of .*, got the class ProtoNet"),
        ({"method": None}, ConfigError, "^MetaLearner: method must be one of .*, got NoneType"),
        ({"ways": 1}, ConfigError, "^MetaLearner: ways must be at least 2"),
        ({"ways": 3}, TaskError, "^MetaLearner: task 0: needs 3 classes"),
        ({"shots": 0}, ConfigError, "shots must be at least 1"),
        ({"steps": "2"}, ConfigError, "steps must be a whole number"),
        ({"network": "mpl"}, ConfigError, "network must be one of"),
        ({"device": "abacus"}, ConfigError, "abacus"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(settings: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as refusal:
        _few_steps(**settings).fit(GROUPS)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "validation, message",
    [
        ([], "^MetaLearner: validation: there must be at least one task, got none"),
        ([groups(["a"])], "^MetaLearner: validation: task 0: must have the classes of the training tasks"),
        ([groups(["a", "b"]), groups(["a", "z"])], "^MetaLearner: validation: task 1: must have the classes"),
        (
            [(np.eye(3), list("abb"))],
            r"^MetaLearner: validation: task 0: must be like the training tasks: inputs \(2,\)",
        ),
    ],
)
def test_validation_tasks_must_be_like_those_of_training(validation: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        _few_steps().fit(GROUPS, validation)


def test_a_fit_that_fails_keeps_the_learner() -> None:
    meta = _few_steps().fit(GROUPS)
    learner = meta.learner_
    with pytest.raises(TaskError, match="task 1"):
        meta.fit([GROUPS[0], (np.eye(2), ["a", None])])
    assert meta.learner_ is learner
