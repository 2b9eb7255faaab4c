"""Task states of any nest, as tensors and JSON."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from tokay import ConfigError, DataError, ProtoNet, load, save
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
        with pytest.raises(
            ConfigError, match=r"a task state must consist of tensors, numbers.* Let adapt return plain"
        ):
            encode(state, {})


class Activated(torch.nn.Module):
    def __init__(self, activation: Callable[[Tensor], Tensor] = torch.relu, *, name: str = "relu") -> None:
        super().__init__()
        self.activation, self.name = activation, name
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(x)
        return self.activation(output)


def make_activated(*, name: str) -> torch.nn.Module:
    return Activated(getattr(torch, name), name=name)


def test_a_network_with_a_function_as_argument_needs_a_factory(tmp_path: Path) -> None:
    """The message names the way that works: a factory with plain arguments."""
    net = Activated(lambda x: torch.tanh(x), name="tanh")
    advice = (
        r"argument activation\) must consist of .*got function\. Give save a factory .*factory=functools\.partial\("
    )
    with pytest.raises(ConfigError, match=advice) as error:
        save(ProtoNet(), net, tmp_path / "mine.learner")
    assert "NamedTuple" not in str(error.value)
    with pytest.raises(ConfigError, match=advice.replace("argument activation", ".*Activated")):
        save(ProtoNet(), net, tmp_path / "mine.learner", factory=partial(Activated, lambda x: x))
    net = Activated(torch.tanh, name="tanh")
    save(ProtoNet(), net, tmp_path / "mine.learner", factory=partial(make_activated, name="tanh"))
    x = torch.ones(1, 2)
    assert torch.equal(load(tmp_path / "mine.learner").net(x), net(x))


@pytest.mark.parametrize("data", [{"tensor": "gone"}, {"named tuple": "x"}, 3, {"list": 5}])
def test_damaged_states(data: Any) -> None:
    with pytest.raises(DataError):
        decode(data, {}, "file")
