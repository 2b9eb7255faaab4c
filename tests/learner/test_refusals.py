"""What a learner refuses, and that a refusal leaves no old answers."""

import pytest
import torch
from torch import nn

import tokay
from tokay import Learner, TaskError, TaskSpec
from tokay.errors import NetworkError

from .corners import QUERY, SUPPORT, regressor


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_inputs_that_are_no_numbers(proto: Learner, value: float) -> None:
    bad = SUPPORT[0].clone()
    bad[2, 1] = bad[3, 0] = value
    with pytest.raises(TaskError, match="2 of the inputs are NaN or infinite"):
        proto.fit(bad, SUPPORT[1])
    with pytest.raises(TaskError, match="2 of the inputs are NaN or infinite"):
        proto.fit(*SUPPORT).predict(bad)
    with pytest.raises(TaskError, match="1 of the targets are NaN or infinite"):
        regressor().fit(SUPPORT[0], [value] + [1.0] * 11)


def test_what_fit_refuses(proto: Learner, reptile: Learner) -> None:
    x, y = SUPPORT
    for bad_x, bad_y, message in (
        (x, y[:-1], "x and y must have one row per example, got 12 and 11"),
        (x[:0], y[:0], "must not be empty"),
        (x, torch.zeros(12, dtype=torch.int64), "at least two classes, got only 0"),
        (x, ["a"] * 12, "at least two classes, got only 'a'"),
        (x, torch.eye(3).repeat(4, 1).bool(), r"must be \[n\], got shape \(12, 3\)"),
        (x, y.float(), "protonet learns classification"),
    ):
        with pytest.raises(TaskError, match=message):
            proto.fit(bad_x, bad_y)
    message = r"reptile was trained to tell 3 classes apart, the labels have 2 \(0 1\)\. Give examples of 3 classes"
    with pytest.raises(TaskError, match=message):  # a label set that misses a class
        reptile.fit(x[y < 2], y[y < 2])
    with pytest.raises(NetworkError, match=r"inputs of shape|fails on them"):
        reptile.fit(torch.rand(12, 5), y)


def test_what_predict_refuses(proto: Learner) -> None:
    for ask in (proto.predict, proto.predict_proba):
        with pytest.raises(TaskError, match="nothing has been learned yet"):
            ask(QUERY[0])
    proto.fit(*SUPPORT)
    with pytest.raises(TaskError, match=r"inputs must have shape \(2,\) as in fit, got \(3,\)"):
        proto.predict(torch.rand(4, 3))
    with pytest.raises(TaskError, match=r"y must have shape \(27,\), got \(26,\)"):
        proto.score(QUERY[0], QUERY[1][1:])


def test_a_refused_fit_does_not_pass_for_a_learned_task(proto: Learner) -> None:
    """Old answers under new labels would be wrong without a word."""
    for x, y in ((SUPPORT[0] * float("nan"), SUPPORT[1]), (SUPPORT[0], SUPPORT[1].float()), (SUPPORT[0], [1])):
        assert proto.fit(*SUPPORT).score(*QUERY) == 1.0
        with pytest.raises(TaskError):
            proto.fit(x, y)
        assert not hasattr(proto, "classes_")
        with pytest.raises(TaskError, match="nothing has been learned yet"):
            proto.predict(QUERY[0])


def test_class_labels_for_a_network_with_one_output() -> None:
    algorithm = tokay.MAML()
    net = algorithm.build(nn.Flatten(), TaskSpec(x_shape=(2,), y_dim=1, kind="regression"))
    with pytest.raises(TaskError, match="has one output, for real targets, got class labels"):
        Learner(algorithm, net).fit(torch.randn(3, 2), [1, 2, 3])


def test_inputs_have_the_shape_of_training() -> None:
    learner = Learner(tokay.ProtoNet(), nn.Flatten(), x_shape=(1, 4, 4))
    with pytest.raises(TaskError, match=r"inputs must have shape \(1, 4, 4\), as in training, got \(1, 8, 8\)"):
        learner.fit(torch.randn(2, 1, 8, 8), [0, 1])
    assert learner.fit(torch.randn(2, 1, 4, 4), [0, 1]).is_fitted
