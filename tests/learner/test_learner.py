"""Fit, predict, score: what goes in, what comes out, and what is left alone."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tokay
from tokay import Learner, TaskError, TaskSpec
from tokay.errors import NetworkError
from tokay.learner.learner import SmallBatchWarning

from .corners import FEATURES, QUERY, SUPPORT, regressor


@pytest.mark.parametrize("kind", ["proto", "reptile"])
@pytest.mark.parametrize(
    "form",
    [lambda t: t, lambda t: t.numpy(), lambda t: t.tolist(), lambda t: t.numpy().astype(t.numpy().dtype.str[1:])],
    ids=["tensor", "array", "list", "dtype"],
)
def test_arrays_lists_and_tensors_are_the_same(kind: str, form: Any, request: pytest.FixtureRequest) -> None:
    learner: Learner = request.getfixturevalue(kind)
    expected = learner.fit(*SUPPORT).predict_proba(QUERY[0])
    predictions = learner.fit(form(SUPPORT[0]), form(SUPPORT[1])).predict_proba(form(QUERY[0]))
    np.testing.assert_array_equal(predictions, expected)
    assert learner.score(form(QUERY[0]), form(QUERY[1])) == 1.0


@pytest.mark.parametrize(
    "names",
    [
        [7, -3, 100],
        ["cat", "dog", "axolotl"],
        ["ä", "b", "c"],
        np.array([2, 0, 1], dtype=np.uint8),
        np.array([3, 1, 2], dtype=np.int16),
    ],
    ids=["integers", "strings", "umlaut", "uint8", "int16"],
)
def test_labels_come_back_as_they_were(proto: Learner, names: Any) -> None:
    names = np.asarray(names)
    proto.fit(SUPPORT[0], names[SUPPORT[1].numpy()])
    assert proto.kind_ == "classification"
    np.testing.assert_array_equal(proto.classes_, np.sort(names))
    predictions = proto.predict(QUERY[0])
    assert predictions.dtype == names.dtype
    np.testing.assert_array_equal(predictions, names[QUERY[1].numpy()])
    assert proto.score(QUERY[0], names[QUERY[1].numpy()]) == 1.0


@pytest.mark.parametrize("form", [np.asarray, torch.tensor, list])
def test_booleans_are_two_classes(proto: Learner, form: Any) -> None:
    proto.fit([[0.0, 0.0], [1.0, 1.0]], form([False, True]))
    assert proto.predict([[0.9, 0.9], [0.1, 0.0]]).tolist() == [True, False]


@pytest.mark.parametrize("inductive", [False, True])
@pytest.mark.parametrize("kind", ["proto", "reptile"])
def test_probabilities(kind: str, inductive: bool, request: pytest.FixtureRequest) -> None:
    learner: Learner = request.getfixturevalue(kind)
    learner.inductive = inductive
    learner.fit(SUPPORT[0], np.array(["z", "m", "a"])[SUPPORT[1].numpy()])
    predictions = learner.predict_proba(QUERY[0])
    assert predictions.shape == (27, 3)
    assert (predictions >= 0).all()
    np.testing.assert_allclose(predictions.sum(1), 1, atol=1e-6)
    assert learner.classes_.tolist() == ["a", "m", "z"]
    np.testing.assert_array_equal(learner.classes_[predictions.argmax(1)], learner.predict(QUERY[0]))
    assert learner.predict(QUERY[0]).tolist() == [["z", "m", "a"][label] for label in QUERY[1]]


def test_accuracy(proto: Learner) -> None:
    proto.fit(*SUPPORT)
    wrong = QUERY[1].clone()
    wrong[:9] = (wrong[:9] + 1) % 3
    assert proto.score(QUERY[0], wrong) == pytest.approx(18 / 27)


def test_bytes_are_scaled_and_nothing_else_is(proto: Learner) -> None:
    pixels = torch.randint(0, 256, (6, 1, 4, 4), dtype=torch.uint8)
    labels = [0, 1, 2, 0, 1, 2]
    expected = proto.fit(pixels.float() / 255, labels).predict_proba(pixels.float() / 255)
    np.testing.assert_array_equal(proto.fit(pixels, labels).predict_proba(pixels), expected)
    np.testing.assert_array_equal(proto.fit(pixels.numpy(), labels).predict_proba(pixels.numpy()), expected)
    unscaled = proto.fit(pixels.int(), labels).predict_proba(pixels.int())
    np.testing.assert_array_equal(proto.fit(pixels.float(), labels).predict_proba(pixels.float()), unscaled)
    assert np.abs(unscaled - expected).max() > 0.1


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 2)])
@pytest.mark.parametrize("form", [np.asarray, torch.as_tensor, lambda y: y.tolist()], ids=["array", "tensor", "list"])
def test_real_targets_are_regression(shape: tuple[int, ...], form: Any) -> None:
    x = torch.rand(12, 2)
    y = (x @ torch.tensor([[1.0, -1.0], [2.0, 0.5]]))[:, : shape[1] if len(shape) > 1 else 1].reshape(shape).numpy()
    learner = regressor(shape[1] if len(shape) > 1 else 1).fit(x, form(y))
    assert learner.kind_ == "regression"
    assert not hasattr(learner, "classes_")
    predictions = learner.predict(x)
    assert predictions.shape == shape
    np.testing.assert_allclose(predictions, y, atol=0.3)
    explained = 1 - ((predictions - y) ** 2).sum() / ((y - y.mean(0)) ** 2).sum()
    assert learner.score(x, form(y)) == pytest.approx(explained, abs=1e-5)
    assert explained > 0.9
    with pytest.raises(TaskError, match="no class probabilities"):
        learner.predict_proba(x)


def test_fitting_again_forgets_the_task_before(reptile: Learner) -> None:
    fresh = reptile.fit(*SUPPORT).predict_proba(QUERY[0])
    renumbered = (SUPPORT[1] + 1) % 3
    other = reptile.fit(SUPPORT[0], renumbered).predict_proba(QUERY[0])
    assert np.abs(other - fresh).max() > 0.5
    np.testing.assert_array_equal(reptile.fit(*SUPPORT).predict_proba(QUERY[0]), fresh)


def test_the_net_and_the_random_state_stay_as_they_were(normed: nn.Module) -> None:
    algorithm = tokay.MAML(inner_lr=0.1)
    backbone = nn.Sequential(normed, nn.Dropout(0.5))
    net = algorithm.build(backbone, FEATURES)
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1]  # type: ignore[index]
    learner = Learner(algorithm, net).fit(*SUPPORT)
    first, second = learner.predict_proba(QUERY[0]), learner.predict_proba(QUERY[0])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpy_state).all()  # type: ignore[index]
    np.testing.assert_array_equal(first, second)  # dropout is off
    assert all(torch.equal(initial[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training
    without = Learner(algorithm, nn.Sequential(net[0][0], net[1])).fit(*SUPPORT).predict_proba(QUERY[0])
    np.testing.assert_allclose(first, without, rtol=1e-5)


@pytest.mark.parametrize("algorithm", [tokay.ProtoNet(), tokay.MAML(inner_lr=0.1)], ids=["protonet", "maml"])
def test_inductive_answers_do_not_depend_on_the_other_queries(
    algorithm: tokay.Algorithm[Any], normed: nn.Module
) -> None:
    def gap(inductive: bool) -> float:
        learner = Learner(algorithm, net, inductive=inductive).fit(*SUPPORT)
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            transductive, few = learner.predict_proba(QUERY[0]), learner.predict_proba(QUERY[0][3:5])
        assert len(messages) == (0 if inductive else 1)
        return float(np.abs(transductive[3:5] - few).max())

    net = algorithm.build(normed, FEATURES)
    assert gap(inductive=True) < 1e-6
    assert gap(inductive=False) > 1e-3


def test_a_small_batch_of_answers_that_depend_on_each_other_warns(normed: nn.Module, reptile: Learner) -> None:
    """The support set has 12 examples. One query alone is answered inductively, and a net without norms mixes nothing."""
    learner = Learner(tokay.ProtoNet(), normed, inductive=False).fit(*SUPPORT)
    with pytest.warns(SmallBatchWarning, match=r"all 11 inputs .* beside the 12 support examples") as records:
        learner.predict(QUERY[0][:11])
    assert records[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner.predict(QUERY[0][:12])
        learner.predict(QUERY[0][:1])
        Learner(tokay.ProtoNet(), normed).fit(*SUPPORT).predict(QUERY[0][:2])
        reptile.inductive = False
        reptile.fit(*SUPPORT).predict(QUERY[0][:2])


def test_without_batch_statistics_both_ways_are_one(reptile: Learner) -> None:
    transductive = reptile.fit(*SUPPORT).predict_proba(QUERY[0])
    reptile.inductive = True
    np.testing.assert_allclose(reptile.predict_proba(QUERY[0]), transductive, atol=1e-6)


def test_one_query(proto: Learner) -> None:
    assert proto.fit(*SUPPORT).predict(QUERY[0][:1]).shape == (1,)


def test_a_net_in_double_precision() -> None:
    algorithm = tokay.MAML(inner_lr=0.1)
    net = algorithm.build(nn.Flatten(), FEATURES).double()
    learner = Learner(algorithm, net).fit(*SUPPORT)
    assert learner.predict_proba(QUERY[0]).dtype == np.float64


def test_a_single_query_is_always_answered_inductively(normed: nn.Module) -> None:
    net = tokay.MAML().build(normed, FEATURES)
    usual, inductive = (Learner(tokay.MAML(inner_lr=0.1), net, inductive=how).fit(*SUPPORT) for how in (False, True))
    one = QUERY[0][:1]
    np.testing.assert_array_equal(usual.predict_proba(one), inductive.predict_proba(one))
    assert np.abs(usual.predict_proba(QUERY[0])[:1] - inductive.predict_proba(one)).max() > 1e-4


def test_a_net_that_keeps_running_statistics(proto: Learner) -> None:
    learner = Learner(tokay.ProtoNet(), nn.BatchNorm1d(2))
    with pytest.raises(NetworkError, match="running statistics"):
        learner.fit(*SUPPORT)
    learner.net.eval()
    assert learner.fit(*SUPPORT).score(*QUERY) == 1.0


def test_integer_targets_of_a_method_for_real_targets() -> None:
    algorithm = tokay.CNP()
    net = algorithm.build(nn.Flatten(), TaskSpec(x_shape=(2,), y_dim=1, kind="regression"))
    x = torch.randn(6, 2)
    ratings = np.array([1, 5, 3, 4, 2, 5])
    predictions = [Learner(algorithm, net).fit(x, y).predict(x) for y in (ratings, ratings.astype(float))]
    np.testing.assert_array_equal(*predictions)
