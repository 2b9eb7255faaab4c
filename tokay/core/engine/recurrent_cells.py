"""The cells of recurrent networks by their equations: torch's own have no rule for ``vmap``, or work in place.

``exact_gradients`` puts them in the place of torch's. So `torch.nn.LSTMCell`, `GRUCell` and `RNNCell` can be mapped over
tasks, with weights of their own in each task.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def _lstm_cell(
    x: Tensor, state: tuple[Tensor, Tensor], w_x: Tensor, w_h: Tensor, b_x: Any = None, b_h: Any = None
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM. The gates are input, forget, cell, output, in torch's order."""
    output, memory = state
    entry, forget, candidate, exit_ = (F.linear(x, w_x, b_x) + F.linear(output, w_h, b_h)).chunk(4, -1)
    memory = forget.sigmoid() * memory + entry.sigmoid() * candidate.tanh()
    return exit_.sigmoid() * memory.tanh(), memory


def _gru_cell(x: Tensor, output: Tensor, w_x: Tensor, w_h: Tensor, b_x: Any = None, b_h: Any = None) -> Tensor:
    """One step of torch's GRU. The gates are reset, update, new."""
    reset_x, update_x, new_x = F.linear(x, w_x, b_x).chunk(3, -1)
    reset_h, update_h, new_h = F.linear(output, w_h, b_h).chunk(3, -1)
    candidate = (new_x + (reset_x + reset_h).sigmoid() * new_h).tanh()
    update = (update_x + update_h).sigmoid()
    return update * output + (1 - update) * candidate


def _rnn_cell(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def step(x: Tensor, output: Tensor, w_x: Tensor, w_h: Tensor, b_x: Any = None, b_h: Any = None) -> Tensor:
        return function(F.linear(x, w_x, b_x) + F.linear(output, w_h, b_h))

    return step


CELLS: dict[Any, Callable[..., Any]] = {
    torch.lstm_cell: _lstm_cell,
    torch.gru_cell: _gru_cell,
    torch.rnn_tanh_cell: _rnn_cell(torch.tanh),
    torch.rnn_relu_cell: _rnn_cell(torch.relu),
}
"""torch's cell: the same cell by its equations"""
