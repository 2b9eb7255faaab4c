"""Causal layers over a sequence: each position sees itself and earlier positions, never later ones.

Every layer maps ``[n, c]`` to ``[n, c + new]``: its inputs are its first output columns (dense connections). So the output
of the last layer holds the inputs of all layers. One pass over a sequence then serves many queries: ``step`` computes
``[m, c]`` further inputs, each as position n + 1 after the same past, at the cost of one position.

Rows with ``real`` false (padding) must come first and must be zero. They then equal the padding before a sequence.
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

    def _gate(self, x: Tensor, previous: Tensor) -> Tensor:
        a, b = self.convolution(torch.cat([x, previous], -1)).chunk(2, -1)
        return torch.cat([x, a.tanh() * b.sigmoid()], -1)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Computes all positions of ``x`` ``[n, inputs]``. ``real`` ``[n]`` is false for padding."""
        blank = x.new_zeros(min(self.dilation, len(x)), self.inputs)
        output = self._gate(x, torch.cat([blank, x[: len(x) - len(blank)]]))
        return torch.where(real[:, None], output, 0)

    def step(self, past: Tensor, real: Tensor, x: Tensor) -> Tensor:
        """Computes each row of ``x`` ``[m, inputs]`` as the position after ``past`` ``[n, inputs]``."""
        is_inside = len(past) >= self.dilation
        previous = past[len(past) - self.dilation] if is_inside else past.new_zeros(self.inputs)
        return self._gate(x, previous.expand_as(x))


class CausalAttention(nn.Module):
    """One head of causal attention: concat(x, softmax(q·k / sqrt(K)) v) over all positions up to this one.

    >>> CausalAttention(3, keys=8, values=4)(torch.randn(6, 3), torch.ones(6, dtype=torch.bool)).shape
    torch.Size([6, 7])
    """

    def __init__(self, inputs: int, *, keys: int, values: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, inputs + values
        self.query = nn.Linear(inputs, keys)
        self.key = nn.Linear(inputs, keys, bias=False)  # a bias would add a constant to all logits, without effect
        self.value = nn.Linear(inputs, values)
        self.scale = 1 / math.sqrt(keys)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Computes all positions of ``x`` ``[n, inputs]``. ``real`` ``[n]`` is false for padding."""
        positions = torch.arange(len(x), device=x.device)
        is_self = positions[:, None] == positions  # padding sees itself, because a softmax over nothing is NaN
        is_visible = ((positions[:, None] >= positions) & real) | is_self
        logits = self.query(x) @ self.key(x).mT * self.scale
        attended = logits.masked_fill(~is_visible, -torch.inf).softmax(-1) @ self.value(x)
        return torch.where(real[:, None], torch.cat([x, attended], -1), 0)

    def step(self, past: Tensor, real: Tensor, x: Tensor) -> Tensor:
        """Computes each row of ``x`` ``[m, inputs]`` as the position after ``past`` ``[n, inputs]``."""
        query = self.query(x)
        self_logit = (query * self.key(x)).sum(-1, keepdim=True)
        logits = torch.cat([(query @ self.key(past).mT).masked_fill(~real, -torch.inf), self_logit], -1)
        weights = (logits * self.scale).softmax(-1)  # [m, n + 1]
        attended = weights[:, :-1] @ self.value(past) + weights[:, -1:] * self.value(x)
        return torch.cat([x, attended], -1)


def temporal_convolutions(inputs: int, filters: int, *, length: int) -> list[CausalDense]:
    """Dense layers with dilation 1, 2, 4, ...: enough layers to look back over ``length`` positions.

    >>> [layer.dilation for layer in temporal_convolutions(3, 8, length=26)]
    [1, 2, 4, 8, 16]
    """
    layers = math.ceil(math.log2(length)) if length > 1 else 1
    return [CausalDense(inputs + i * filters, filters, dilation=2**i) for i in range(layers)]
