"""The cells compute what torch's cells compute, and can be mapped over tasks with weights of their own."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, Examples, Task, TaskSpec, one_hot, over_tasks
from tokay.core.engine.exact_gradients import exact_gradients
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

KINDS = {
    "lstm": nn.LSTMCell,
    "gru": nn.GRUCell,
    "tanh": nn.RNNCell,
    "relu": lambda n, m, **how: nn.RNNCell(n, m, nonlinearity="relu", **how),
}


class Reader(nn.Module):
    """The last hidden state of a cell that reads the rows of a picture."""

    def __init__(self, kind: str, *, own_zeros: bool, bias: bool = True) -> None:
        super().__init__()
        self.cell, self.own_zeros = KINDS[kind](4, 5, bias=bias), own_zeros

    def forward(self, x: Tensor) -> Tensor:
        zeros = x.new_zeros(len(x), 5)
        state: Any = (zeros, zeros) if isinstance(self.cell, nn.LSTMCell) else zeros
        state = state if self.own_zeros else None
        for row in x.unbind(1):
            state = self.cell(row, state)
        output: Tensor = state[0] if isinstance(state, tuple) else state
        return output


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_those_of_torch(kind: str, bias: bool) -> None:
    torch.manual_seed(0)
    net, x = Reader(kind, own_zeros=True, bias=bias).double(), torch.randn(6, 3, 4, dtype=torch.float64)
    expected = net(x)
    gradients = torch.autograd.grad(expected.square().sum(), list(net.parameters()))
    with exact_gradients():
        values = net(x)
        others = torch.autograd.grad(values.square().sum(), list(net.parameters()))
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(others, gradients)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("own_zeros", [True, False])
def test_maml_maps_over_them(kind: str, own_zeros: bool) -> None:
    gradients = []
    for mode in ("vmap", "loop"):
        torch.manual_seed(0)
        method = MAML(inner_lr=0.1, inner_steps=2)
        net = method.build(Reader(kind, own_zeros=own_zeros), TaskSpec(x_shape=(3, 4), y_dim=3)).double()
        x = torch.randn(2, 6, 3, 4, dtype=torch.float64)
        examples = Examples(x, one_hot(torch.arange(6) % 3, 3).expand(2, -1, -1))
        accumulate_meta_gradient(method, net, Task(examples, examples), mode=mode)  # type: ignore[arg-type]
        gradients.append([p.grad for p in net.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_can_be_mapped(kind: str) -> None:
    net, x = Reader(kind, own_zeros=False), torch.randn(3, 6, 3, 4)
    tasks = Task(Examples(x, x), Examples(x, x))
    torch.testing.assert_close(
        over_tasks(lambda task: net(task.query.x), tasks), net(x.flatten(0, 1)).reshape(3, 6, 5), rtol=1e-5, atol=1e-6
    )
