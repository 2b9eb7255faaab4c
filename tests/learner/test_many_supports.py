"""``fit_many`` answers as ``fit`` does, one by one."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import tokay
from tokay import Learner, NetworkError, TaskError
from tokay.conformance.helpers import cases
from tokay.core.task import Examples
from tokay.learner import many_supports
from tokay.learner.many_supports import adapt_many

from .corners import QUERY, SUPPORT, near_corners

each_case = pytest.mark.parametrize("case", cases(defaults_only=True, accepts=lambda case: case.kind != "sequence"))


def answers(learner: Learner, x: Tensor) -> NDArray[Any]:
    return learner.predict_proba(x) if learner.kind_ == "classification" else learner.predict(x)


@each_case
@pytest.mark.parametrize("norm", ["none", "batch2d"])
def test_values_are_those_of_single_fits(case: Any, norm: str) -> None:
    """Two sizes, in turns."""
    tasks = case.tasks(norm, tasks=5)
    contexts, queries = [], []
    for i in range(5):
        x, y = (torch.cat([tasks.support[k][i], tasks.query[k][i][: i % 2]]) for k in (0, 1))
        contexts.append((x, np.asarray(y.int().argmax(-1) if case.kind == "classification" else y)))
        queries.append(tasks.query.x[i])
    learner = Learner(case.algorithm, case.build(norm))
    for single, (x, y), query in zip(learner.fit_many(contexts), contexts, queries, strict=True):
        expected = answers(Learner(case.algorithm, learner.net).fit(x, y), query)
        np.testing.assert_allclose(answers(single, query), expected, rtol=1e-6, atol=1e-8)
    assert not learner.is_fitted


def test_equal_sizes_are_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    adapt = tokay.ProtoNet.adapt
    monkeypatch.setattr(tokay.ProtoNet, "adapt", lambda *args: (calls.append(1), adapt(*args))[1])
    Learner(tokay.ProtoNet(), nn.Flatten()).fit_many([near_corners(each, 0.1) for each in (1, 2) for _ in range(20)])
    assert len(calls) < 10  # two sizes of twenty: the first alone, the others in chunks


def test_what_cannot_be_mapped_goes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **settings: Any) -> None:
        raise NetworkError("no rule for vmap")

    monkeypatch.setattr(many_supports, "over_tasks", refuse)
    supports = [Examples(SUPPORT[0] + i, tokay.one_hot(SUPPORT[1], 3)) for i in range(3)]
    states = adapt_many(tokay.ProtoNet(), nn.Flatten(), supports, 0)
    torch.testing.assert_close(states[2], states[0] + 2)


def test_each_learner_stands_for_itself(proto: Learner) -> None:
    first, second = proto.fit_many([SUPPORT, (SUPPORT[0], ["a", "b", "c"] * 4)])
    assert first.score(*QUERY) == 1.0
    assert set(second.predict(QUERY[0]).tolist()) == {"a", "b", "c"}
    assert first.state_.untyped_storage().nbytes() == first.state_.nbytes  # not a view of all states
    assert proto.fit_many([]) == []


def test_a_context_that_cannot_be_learned_is_named(proto: Learner) -> None:
    with pytest.raises(
        TaskError, match=r"fit_many: context 1: fit: x and y must have one row per example, got 12 and 1"
    ):
        proto.fit_many([SUPPORT, (SUPPORT[0], [1])])
