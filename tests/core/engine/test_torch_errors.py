"""Errors of torch about mapping and differentiating become one line; all other errors stay as they are."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tokay import MAML, Examples, NetworkError, ProtoNet, Task, TaskSpec, one_hot
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.core.engine.torch_errors import explained_errors

SPEC = TaskSpec(x_shape=(4,), y_dim=3)


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 5)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.linear(x)


class Saver(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = checkpoint(self.linear, x, use_reentrant=False)
        return output


def meta_gradient(method: Any, backbone: nn.Module, mode: Any) -> None:
    net, x = method.build(backbone, SPEC), torch.randn(2, 6, 4)
    examples = Examples(x, one_hot(torch.arange(6) % 3, 3).expand(2, -1, -1))
    accumulate_meta_gradient(method, net, Task(examples, examples), mode=mode)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize(
    "backbone, cause", [(Counter, "changes a tensor in place"), (Saver, "uses torch.utils.checkpoint")]
)
def test_gradients_inside_a_task(backbone: Any, cause: str, mode: str) -> None:
    with pytest.raises(
        NetworkError, match=f"the network {cause} .*, and this method takes gradients inside a task"
    ) as raised:
        meta_gradient(MAML(inner_lr=0.1), backbone(), mode)
    assert "\n" not in str(raised.value)
    assert "loop" not in str(raised.value)  # it would not help


@pytest.mark.parametrize("backbone", [Counter, Saver])
def test_without_gradients_inside_a_task_they_work(backbone: Any) -> None:
    meta_gradient(ProtoNet(), backbone(), "loop")


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_other_errors_pass(mode: Any) -> None:
    for error in (RuntimeError("mine"), ValueError("a vmap of mine"), NetworkError("ours"), KeyError("k")):
        with pytest.raises(type(error)) as raised, explained_errors((1, 2, 3), mode):
            raise error
        assert raised.value is error
