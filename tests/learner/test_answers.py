"""Answers of a learner to files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import tokay
from tokay import ConfigError, Learner
from tokay.learner import answers
from tokay.learner.file_rows import LabelledRows, Place, QueryRows

from .corners import QUERY, SUPPORT, regressor


@dataclass(frozen=True)
class Points:
    """Reads no file: every path is the same points."""

    def read_support(self, path: Path) -> LabelledRows:
        return LabelledRows(SUPPORT[0], SUPPORT[1].numpy())

    def read_queries(self, paths: Sequence[str | Path]) -> QueryRows:
        return QueryRows(tuple(Place("q", row + 1) for row in range(27)), QUERY[0], ("x is bad",), 2)

    def as_json(self) -> dict[str, Any]:
        return {}

    def in_units(self, values: NDArray[Any]) -> NDArray[Any]:
        return 10 * values


@pytest.mark.parametrize("batch", [4, 256])
def test_classes(proto: Learner, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(answers, "_BATCH", batch)
    proto.fit(*SUPPORT).reader = Points()
    result = tokay.answer(proto, "q")
    np.testing.assert_allclose(result.probabilities, proto.predict_proba(QUERY[0]), rtol=1e-6)
    assert result.labels() == proto.predict(QUERY[0]).tolist()
    assert (result.failures, result.inverted, result.noun, result.transductive) == (("x is bad",), 2, "row", False)
    assert result.values is None


def test_real_targets() -> None:
    learner = regressor().fit(SUPPORT[0], SUPPORT[1].float())
    learner.reader = Points()
    result = tokay.answer(learner, ["a", "b"])
    assert result.values is not None
    np.testing.assert_allclose(result.values, 10 * learner.predict(QUERY[0]))
    with pytest.raises(ConfigError, match="no probabilities"):
        result.labels()


def test_whether_answers_depend_on_each_other(normed: nn.Module) -> None:
    learner = Learner(tokay.ProtoNet(), normed, inductive=False).fit(*SUPPORT)
    learner.reader = Points()
    assert tokay.answer(learner, "q").transductive
    learner.inductive = True
    assert not tokay.answer(learner, "q").transductive


def test_a_learner_without_reader(proto: Learner) -> None:
    with pytest.raises(ConfigError, match="does not know how its run read files"):
        tokay.answer(proto.fit(*SUPPORT), "q")
    assert torch.equal(Points().read_support(Path("q")).inputs, SUPPORT[0])
