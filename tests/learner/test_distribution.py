"""The spread of a learner's predictions."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tokay
from tokay import Learner, TaskError, TaskSpec
from tokay.learner.distribution import DistributionAsOutputs

X = np.linspace(-1, 1, 6, dtype=np.float32)[:, None]
CURVE = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")
CLASSES = TaskSpec(x_shape=(1,), y_dim=2)


def learner(algorithm: tokay.Algorithm[Any], spec: TaskSpec) -> Learner:
    torch.manual_seed(0)
    return Learner(algorithm, algorithm.build(nn.Sequential(nn.Linear(1, 8), nn.Tanh()), spec))


@pytest.mark.parametrize(
    "algorithm", [tokay.CNP(width=8), tokay.NP(width=8), tokay.ANP(width=8), tokay.ABML()], ids=str
)
@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_real_targets(algorithm: tokay.Algorithm[Any], shape: tuple[int, ...]) -> None:
    fitted = learner(algorithm, CURVE).fit(X, np.sin(X).reshape(shape))
    mean, std = fitted.predict_distribution(X[:4])
    assert mean.shape == std.shape == (4, *shape[1:])
    np.testing.assert_allclose(mean, fitted.predict(X[:4]), rtol=1e-4, atol=1e-6)
    assert (std > 0).all()
    expected = algorithm.at_test().distribution(fitted.net, fitted.state_, torch.from_numpy(X[:4]))
    assert expected is not None
    np.testing.assert_allclose(std.reshape(4, 1), expected[1].detach(), rtol=1e-4)


@pytest.mark.parametrize("algorithm", [tokay.VERSA(), tokay.ABML(std=0.3)], ids=str)
def test_classes(algorithm: tokay.Algorithm[Any]) -> None:
    """The means are the probabilities, and the spread of two classes is the same, because they add up to 1."""
    fitted = learner(algorithm, CLASSES).fit(X, ["a", "b"] * 3)
    mean, std = fitted.predict_distribution(X[:4])
    np.testing.assert_allclose(mean, fitted.predict_proba(X[:4]), rtol=1e-4, atol=1e-6)
    assert std.shape == (4, 2)
    assert (std > 0).all()
    np.testing.assert_allclose(std[:, 0], std[:, 1], rtol=1e-3)


def test_the_spread_of_abml_is_that_of_its_draws() -> None:
    """By hand: the network with each of the ten drawn weights."""
    method = tokay.ABML(std=0.3)
    fitted = learner(method, CURVE).fit(X, np.sin(X))
    draws = method.at_test()._outputs(fitted.net, fitted.state_, torch.from_numpy(X)).detach().numpy()
    assert len(draws) == 10
    mean, std = fitted.predict_distribution(X)
    np.testing.assert_allclose(mean, draws.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(std, draws.std(0), rtol=1e-3)


def test_answers_do_not_depend_on_the_other_queries() -> None:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(1, 8), nn.BatchNorm1d(8, track_running_stats=False))
    method = tokay.VERSA()
    fitted = Learner(method, method.build(backbone, CLASSES)).fit(X, [0, 1] * 3)
    joint_answers = fitted.predict_distribution(X)
    for index in range(6):
        for part, single in zip(joint_answers, fitted.predict_distribution(X[index : index + 1]), strict=True):
            np.testing.assert_allclose(part[index], single[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("algorithm", [tokay.ProtoNet(), tokay.MAML(inner_lr=0.01)], ids=str)
def test_other_methods_say_that_they_have_none(algorithm: tokay.Algorithm[Any]) -> None:
    fitted = learner(algorithm, CLASSES).fit(X, [0, 1] * 3)
    with pytest.raises(TaskError, match=rf"{algorithm.name} gives no spread .* cnp, np, anp or abml"):
        fitted.predict_distribution(X)


def test_before_fit_there_is_nothing_to_predict() -> None:
    with pytest.raises(TaskError, match="nothing has been learned yet"):
        learner(tokay.CNP(width=8), CURVE).predict_distribution(X)


def test_mean_and_spread_stand_side_by_side() -> None:
    method = tokay.CNP(width=8)
    fitted = learner(method, CURVE).fit(X, np.sin(X))
    outputs = DistributionAsOutputs(method).predict(fitted.net, fitted.state_, torch.from_numpy(X))
    assert outputs.shape == (6, 2)
