"""A threshold survives in a file."""

import json

import pytest
import torch
from torch import Tensor

from tokay import DataError
from tokay.evaluation.open_set_scores import OpenSetScores
from tokay.evaluation.rejection import Rejection
from tokay.learner.rejection_codec import decode_rejection, encode_rejection

SCORES = OpenSetScores(
    known_scores=torch.arange(6.0).reshape(2, 3),
    unknown_scores=torch.arange(8.0).reshape(2, 4) - 3,
    known_ways=3,
    unknown_ways=4,
    shots=1,
)


def test_there_and_back() -> None:
    rejection, tensors = Rejection(rate=0.25, scores=SCORES), dict[str, Tensor]()
    data = json.loads(json.dumps(encode_rejection(rejection, tensors)))
    again = decode_rejection(data, tensors, "file")
    assert again is not None
    assert again.describe() == rejection.describe()
    assert again.threshold == rejection.threshold
    assert again.with_rate(0.5).threshold == rejection.with_rate(0.5).threshold
    with pytest.raises(DataError, match=r"file: rejection\.shots must be a whole number"):
        decode_rejection({**data, "shots": "one"}, tensors, "file")


def test_none_stays_none() -> None:
    tensors: dict[str, Tensor] = {}
    assert encode_rejection(None, tensors) is None
    assert decode_rejection(None, tensors, "file") is None
    assert tensors == {}
