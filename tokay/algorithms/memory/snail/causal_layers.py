"""Layers over a sequence in which a position sees itself and what came before, never what follows.

Every layer takes ``[n, c]`` to ``[n, c + more]``: its own inputs stay in front (dense connections). So the inputs of all
layers are the first columns of the last layer's output, and a sequence that was read once can be asked about many times:
``after`` answers ``[m, c]`` further inputs, each as position n + 1 behind the same past, at the cost of one step.

Rows that are not ``real`` must come first and must be zero: they then are what lies before the beginning.
(Mishra et al. 2018, arXiv:1707.03141.)
"""

import math

import torch
from torch import Tensor, nn


class CausalDense(nn.Module):
    """One causal convolution of kernel 2, gated: concat(x, tanh(a) σ(b)), (a, b) = W [x_t; x_(t - dilation)].

    >>> CausalDense(3, 4, dilation=2)(torch.randn(6, 3), torch.ones(6, dtype=torch.bool)).shape
    torch.Size([6, 7])
    """

    def __init__(self, inputs: int, filters: int, *, dilation: int) -> None:
        super().__init__()
        self.inputs, self.outputs, self.dilation = inputs, inputs + filters, dilation
        self.convolution = nn.Linear(2 * inputs, 2 * filters)

    def _mixed(self, now: Tensor, before: Tensor) -> Tensor:
        a, b = self.convolution(torch.cat([now, before], -1)).chunk(2, -1)
        return torch.cat([now, a.tanh() * b.sigmoid()], -1)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """All positions ``[n, inputs]``, of which ``real`` ``[n]`` are none of padding."""
        blank = x.new_zeros(min(self.dilation, len(x)), self.inputs)
        mixed = self._mixed(x, torch.cat([blank, x[: len(x) - len(blank)]]))
        return torch.where(real[:, None], mixed, 0)

    def after(self, past: Tensor, real: Tensor, now: Tensor) -> Tensor:
        """Each of ``now`` ``[m, inputs]`` as the position that follows ``past`` ``[n, inputs]``."""
        known = len(past) >= self.dilation
        before = past[len(past) - self.dilation] if known else past.new_zeros(self.inputs)
        return self._mixed(now, before.expand_as(now))


class CausalAttention(nn.Module):
    """One head of causal attention: concat(x, softmax(q·k / sqrt(K)) v) over the positions up to one's own.

    >>> CausalAttention(3, keys=8, values=4)(torch.randn(6, 3), torch.ones(6, dtype=torch.bool)).shape
    torch.Size([6, 7])
    """

    def __init__(self, inputs: int, *, keys: int, values: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, inputs + values
        self.query = nn.Linear(inputs, keys)
        self.key = nn.Linear(inputs, keys, bias=False)  # one would add the same to all logits, which changes nothing
        self.value = nn.Linear(inputs, values)
        self.scale = 1 / math.sqrt(keys)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """All positions ``[n, inputs]``, of which ``real`` ``[n]`` are none of padding."""
        places = torch.arange(len(x), device=x.device)
        own = places[:, None] == places  # padding sees itself, for a softmax over nothing is no number
        seen = ((places[:, None] >= places) & real) | own
        logits = self.query(x) @ self.key(x).mT * self.scale
        read = logits.masked_fill(~seen, -torch.inf).softmax(-1) @ self.value(x)
        return torch.where(real[:, None], torch.cat([x, read], -1), 0)

    def after(self, past: Tensor, real: Tensor, now: Tensor) -> Tensor:
        """Each of ``now`` ``[m, inputs]`` as the position that follows ``past`` ``[n, inputs]``."""
        query = self.query(now)
        own = (query * self.key(now)).sum(-1, keepdim=True)
        logits = torch.cat([(query @ self.key(past).mT).masked_fill(~real, -torch.inf), own], -1)
        weights = (logits * self.scale).softmax(-1)  # [m, n + 1]
        read = weights[:, :-1] @ self.value(past) + weights[:, -1:] * self.value(now)
        return torch.cat([now, read], -1)


def temporal_convolutions(inputs: int, filters: int, *, length: int) -> list[CausalDense]:
    """Dense layers of dilation 1, 2, 4, ...: as many as it takes to look back over ``length`` positions.

    >>> [layer.dilation for layer in temporal_convolutions(3, 8, length=26)]
    [1, 2, 4, 8, 16]
    """
    layers = math.ceil(math.log2(length)) if length > 1 else 1
    return [CausalDense(inputs + i * filters, filters, dilation=2**i) for i in range(layers)]
