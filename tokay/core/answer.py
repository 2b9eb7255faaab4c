"""Asking an adapted method: all queries at once, or each alone."""

from typing import Any

import torch
from torch import Tensor, nn

from .algorithm import Algorithm


def answer(
    algorithm: Algorithm[Any], net: nn.Module, state: Any, support_x: Tensor, x: Tensor, *, inductive: bool
) -> Tensor:
    """Predictions ``[m, d]`` for ``x`` ``[m, *x_shape]``.

    With ``inductive`` each query goes through the network alone behind the support examples ``[n, *x_shape]``, so that
    batch statistics hold no other query: the protocol of the Reptile paper. It costs ``m`` passes instead of one.
    """
    if not inductive:
        return algorithm.predict(net, state, x)
    return torch.stack([algorithm.predict(net, state, torch.cat([support_x, query[None]]))[-1] for query in x.unbind()])
