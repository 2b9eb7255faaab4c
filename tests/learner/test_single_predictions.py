"""A service: one ``fit``, then a thousand single predictions."""

import gc
import tracemalloc
from typing import Any

import pytest
from torch import Tensor, nn

import tokay
from tokay import Learner

from .corners import FEATURES, QUERY, SUPPORT

METHODS = [tokay.ProtoNet(), tokay.MAML(inner_lr=0.1), tokay.MatchingNet()]
ASKS = 1000


@pytest.fixture(params=METHODS, ids=lambda method: method.name)
def learner(request: pytest.FixtureRequest, normed: nn.Module) -> Learner:
    method = request.param
    learner = Learner(method, method.build(normed, FEATURES)).fit(*SUPPORT)
    for row in range(10):
        learner.predict_proba(QUERY[0][row : row + 1])
    return learner


def test_it_adapts_once(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def count(name: str) -> None:
        original = getattr(type(learner.algorithm), name)

        def replacement(*args: Any) -> Any:
            calls.append(name)
            return original(*args)

        monkeypatch.setattr(type(learner.algorithm), name, replacement)

    count("adapt")
    count("predict")
    for _ in range(ASKS):
        learner.predict_proba(QUERY[0][:1])
    assert calls == ["predict"] * ASKS  # one forward pass each: time does not grow


def test_it_keeps_nothing(learner: Learner) -> None:
    def ask() -> int:
        for _ in range(ASKS // 10):
            learner.predict_proba(QUERY[0][:1])
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    gc.collect()
    tensors = count_tensors()
    tracemalloc.start()
    try:
        first, second = ask(), ask()
    finally:
        tracemalloc.stop()
    assert second - first < 40_000  # free lists of Python fill up; a copy of the network per answer takes a million
    assert count_tensors() <= tensors


def count_tensors() -> int:
    return sum(issubclass(type(thing), Tensor | nn.Module) for thing in gc.get_objects())
