"""Task states of any nest, as tensors and JSON."""

import json
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from tokay import ConfigError, DataError
from tokay.learner.state_codec import decode, encode


class Memory(NamedTuple):
    slots: Tensor
    parts: Any


def test_there_and_back() -> None:
    state = Memory(torch.arange(3.0), {"a": [1, 2.5, None], "b": (True, "x", (torch.ones(2, dtype=torch.int64),))})
    tensors: dict[str, Tensor] = {}
    data = json.loads(json.dumps(encode(state, tensors)))
    again = decode(data, tensors, "file")
    assert type(again) is Memory
    assert torch.equal(again.slots, state.slots)
    assert again.parts["a"] == [1, 2.5, None]
    flag, text, (ones,) = again.parts["b"]
    assert (flag, text) == (True, "x")
    assert torch.equal(ones, torch.ones(2, dtype=torch.int64))


def test_what_is_no_plain_state() -> None:
    for state in ({1: torch.ones(1)}, [object()], torch.nn.Linear(1, 1)):
        with pytest.raises(ConfigError, match="a task state must consist of tensors, numbers"):
            encode(state, {})


@pytest.mark.parametrize("data", [{"tensor": "gone"}, {"named tuple": "x"}, 3, {"list": 5}])
def test_damaged_states(data: Any) -> None:
    with pytest.raises(DataError):
        decode(data, {}, "file")
