"""What a learner needs for its predictions is found once."""

import pytest
import torch

from tokay import Learner, TaskError
from tokay.evaluation.open_set_scores import OpenSetScores
from tokay.evaluation.rejection import Rejection
from tokay.learner import predictor

from .corners import QUERY, SUPPORT


def test_the_protocol_is_found_once(proto: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = predictor.query_protocol
    monkeypatch.setattr(predictor, "query_protocol", lambda *args: (calls.append(1), original(*args))[1])
    learner, other = proto.fit_many([SUPPORT, SUPPORT])
    assert calls == []
    for row in range(5):
        learner.predict(QUERY[0][row : row + 1])
    assert calls == [1]
    other.remember_support()
    other.predict(QUERY[0])
    assert calls == [1, 1]


def test_probabilities_are_the_softmax_of_the_logits(proto: Learner) -> None:
    proto.fit(*SUPPORT)
    logits = torch.from_numpy(proto.predict_logits(QUERY[0]))
    torch.testing.assert_close(logits.softmax(-1), torch.from_numpy(proto.predict_proba(QUERY[0])))


def test_whether_an_input_is_of_the_classes(proto: Learner) -> None:
    proto.fit(*SUPPORT)
    with pytest.raises(TaskError, match="no threshold has been chosen"):
        proto.predict_is_known(QUERY[0])
    scores = OpenSetScores(
        known_scores=torch.zeros(1, 1), unknown_scores=torch.tensor([[-1.0]]), known_ways=3, unknown_ways=1, shots=1
    )
    proto.rejection = Rejection(rate=0.5, scores=scores)
    inputs = torch.tensor([[0.0, 0.0], [9.0, 9.0]])
    assert proto.predict_is_known(inputs).tolist() == [True, False]
    assert proto.fit_many([SUPPORT])[0].predict_is_known(inputs).tolist() == [True, False]
