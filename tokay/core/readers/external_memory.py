"""External memory ``[..., slots, width]`` of a network: how its heads address, read and write slots.

Weights ``[..., heads, slots]`` say how much each head uses each slot. Leading axes are separate memories.
(Graves et al. 2014, arXiv:1410.5401; Santoro et al. 2016, arXiv:1605.06065.)
"""

from functools import reduce
from operator import mul

import torch
from torch import Tensor

_EPSILON = 1e-6  # added to squared lengths: the cosine of an empty slot is then 0, with a finite gradient


def cosine_similarity(keys: Tensor, memory: Tensor) -> Tensor:
    """The cosine between every key ``[..., heads, width]`` and every slot: ``[..., heads, slots]``.

    >>> cosine_similarity(torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])).round(decimals=3)
    tensor([[1., 0., 0.]])
    """
    keys, memory = (v * (v.square().sum(-1, keepdim=True) + _EPSILON).rsqrt() for v in (keys, memory))
    return keys @ memory.mT


def cosine_weights(keys: Tensor, memory: Tensor, sharpness: Tensor | float = 1.0) -> Tensor:
    """softmax over slots of ``sharpness`` · cos(key, slot): ``[..., heads, slots]``. Each row sums to 1."""
    return (sharpness * cosine_similarity(keys, memory)).softmax(-1)


def shift_weights(weights: Tensor, shift: Tensor) -> Tensor:
    """Shifts the weights ``[..., slots]`` along the slots, in a circle: w'(i) = Σ_j s(j) w(i - j), -k <= j <= k.

    ``shift`` ``[..., 2k + 1]``: the share s(j) of each distance j, from -k (towards the first slot) to k.

    >>> shift_weights(torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([0.25, 0.5, 0.25]))
    tensor([0.5000, 0.2500, 0.0000, 0.2500])
    """
    reach = shift.shape[-1] // 2
    rolls = [weights.roll(distance, -1) for distance in range(-reach, reach + 1)]
    return (torch.stack(rolls, -1) @ shift[..., None])[..., 0]


def sharpen_weights(weights: Tensor, power: Tensor) -> Tensor:
    """w^γ / Σ w^γ over the slots ``[..., slots]``, with ``power`` γ ``[..., 1]``, at least 1. Undoes the blur of a shift.

    >>> sharpen_weights(torch.tensor([0.2, 0.8]), torch.tensor([2.0]))
    tensor([0.0588, 0.9412])
    """
    return (power * (weights + _EPSILON**2).log()).softmax(-1)  # finite gradient for a weight of 0


def erase_from_slots(memory: Tensor, weights: Tensor, erase: Tensor) -> Tensor:
    """Multiplies the memory by Π over heads of (1 - w e). ``erase`` e ``[..., heads, width]`` is in (0, 1).

    >>> erase_from_slots(torch.ones(2, 3), torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.5, 0.0]]))
    tensor([[0.0000, 0.5000, 1.0000],
            [1.0000, 1.0000, 1.0000]])
    """
    factors = 1 - weights[..., :, None] * erase[..., None, :]  # [..., heads, slots, width]
    return reduce(mul, factors.unbind(-3), memory)  # Tensor.prod has no derivative under vmap


def read_slots(memory: Tensor, weights: Tensor) -> Tensor:
    """Sums the slots with the weights of each head: ``[..., heads, width]``."""
    return weights @ memory


def add_to_slots(memory: Tensor, weights: Tensor, vectors: Tensor) -> Tensor:
    """Adds the vector of each head ``[..., heads, width]`` to the slots, multiplied by the weights of that head."""
    return memory + weights.mT @ vectors


def least_used_slots(usage: Tensor, n: int) -> Tensor:
    """The ``n`` slots of lowest ``usage`` ``[..., slots]``, in ascending order, as one-hot rows ``[..., n, slots]``.

    The result has no gradient.

    >>> least_used_slots(torch.tensor([0.5, 0.1, 0.9, 0.2]), 2)
    tensor([[0., 1., 0., 0.],
            [0., 0., 0., 1.]])
    """
    indices = usage.topk(n, largest=False, sorted=True).indices[..., None]
    return (indices == torch.arange(usage.shape[-1], device=usage.device)).to(usage.dtype)


def blank_slots(memory: Tensor, slots: Tensor) -> Tensor:
    """Sets the slots to zero whose entry in ``slots`` ``[..., slots]`` is 1."""
    return memory * (1 - slots[..., None])


def update_usage(usage: Tensor, read: Tensor, write: Tensor, decay: float) -> Tensor:
    """The usage after a step: ``decay`` · usage + read and write weights of all heads, ``[..., slots]``. No gradient."""
    return (decay * usage + read.sum(-2) + write.sum(-2)).detach()
