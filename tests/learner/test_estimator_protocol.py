"""A learner in the tools of scikit-learn: parameters, clones, tags."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

import tokay
from tokay import ConfigError, Learner

from .corners import QUERY, SUPPORT, regressor


def test_parameters_are_those_of_the_constructor(proto: Learner) -> None:
    params = proto.get_params()
    assert list(params) == ["algorithm", "net", "inductive", "seed", "x_shape", "x_type", "recipe"]
    assert params["net"] is proto.net
    assert proto.set_params(seed=3, inductive=False) is proto
    assert (proto.seed, proto.inductive) == (3, False)
    with pytest.raises(ConfigError, match=r"^Learner: set_params takes algorithm, .*, got 'lr'\. Use one of them\.$"):
        proto.set_params(lr=1)


def test_a_clone_has_the_settings_and_no_task(proto: Learner) -> None:
    copy = clone(proto.set_params(seed=3).fit(*SUPPORT))
    assert type(copy) is Learner
    assert (copy.seed, copy.net is proto.net, copy.is_fitted) == (3, True, False)
    assert proto.is_fitted


def test_tags_follow_the_method_and_then_the_task(proto: Learner) -> None:
    assert is_classifier(proto)
    assert not is_regressor(proto)
    learner = regressor()
    assert not is_classifier(learner)
    assert not is_regressor(learner)
    learner.fit([[0.0, 1.0], [1.0, 1.0]], [0.0, 1.0])
    assert is_regressor(learner)
    assert is_regressor(Learner(tokay.CNP(), learner.net))


def test_scikit_learn_sees_whether_it_is_fitted(proto: Learner) -> None:
    with pytest.raises(ValueError, match="not fitted yet"):
        check_is_fitted(proto)
    check_is_fitted(proto.fit(*SUPPORT))


def test_cross_validation_and_pipelines_take_it(proto: Learner) -> None:
    x, y = QUERY[0].numpy(), QUERY[1].numpy()
    assert cross_val_score(proto, x, y, cv=3).tolist() == [1.0, 1.0, 1.0]
    pipeline = make_pipeline(StandardScaler(), proto).fit(x, y)
    assert pipeline.score(x, y) == 1.0
    np.testing.assert_array_equal(pipeline.classes_, [0, 1, 2])


def test_logits_are_the_scores_before_the_softmax(proto: Learner) -> None:
    logits = proto.fit(*SUPPORT).predict_logits(QUERY[0])
    exponents = np.exp(logits)
    np.testing.assert_allclose(exponents / exponents.sum(1, keepdims=True), proto.predict_proba(QUERY[0]), rtol=1e-5)
