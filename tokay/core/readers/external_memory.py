"""A memory beside a network, ``[..., slots, width]``: how its slots are found, read, written and worn out.

Weights say how much each head has to do with each slot, ``[..., heads, slots]``. All functions are of one memory; axes in
front are memories side by side. (Graves et al. 2014, arXiv:1410.5401; Santoro et al. 2016, arXiv:1605.06065.)
"""

from functools import reduce
from operator import mul

import torch
from torch import Tensor

_SMALLEST = 1e-6  # added to squared lengths: a blank slot is at right angles to every key, and its slope is finite


def cosine_similarity(keys: Tensor, memory: Tensor) -> Tensor:
    """cos of the angle between every key ``[..., heads, width]`` and every slot: ``[..., heads, slots]``.

    >>> cosine_similarity(torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])).round(decimals=3)
    tensor([[1., 0., 0.]])
    """
    keys, memory = (v * (v.square().sum(-1, keepdim=True) + _SMALLEST).rsqrt() for v in (keys, memory))
    return keys @ memory.mT


def cosine_weights(keys: Tensor, memory: Tensor, sharpness: Tensor | float = 1.0) -> Tensor:
    """softmax over slots of ``sharpness`` · cos(key, slot): ``[..., heads, slots]``, each row adding up to 1."""
    return (sharpness * cosine_similarity(keys, memory)).softmax(-1)


def shifted(weights: Tensor, shift: Tensor) -> Tensor:
    """The weights ``[..., slots]`` moved along the slots, around their end: w'(i) = Σ_j s(j) w(i - j), -k <= j <= k.

    ``shift`` ``[..., 2k + 1]`` says how much by each distance, from -k (towards the first slot) to k.

    >>> shifted(torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([0.25, 0.5, 0.25]))
    tensor([0.5000, 0.2500, 0.0000, 0.2500])
    """
    reach = shift.shape[-1] // 2
    moved = [weights.roll(distance, -1) for distance in range(-reach, reach + 1)]
    return (torch.stack(moved, -1) @ shift[..., None])[..., 0]


def sharpened(weights: Tensor, power: Tensor) -> Tensor:
    """w^γ / Σ w^γ over the slots ``[..., slots]``, ``power`` γ ``[..., 1]`` at least 1: what a shift has blurred.

    >>> sharpened(torch.tensor([0.2, 0.8]), torch.tensor([2.0]))
    tensor([0.0588, 0.9412])
    """
    return (power * (weights + _SMALLEST**2).log()).softmax(-1)  # a weight may be 0, and has a slope there


def erase_from_slots(memory: Tensor, weights: Tensor, erase: Tensor) -> Tensor:
    """The memory times Π over heads of (1 - w e), with ``erase`` e in (0, 1) ``[..., heads, width]``.

    >>> erase_from_slots(torch.ones(2, 3), torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.5, 0.0]]))
    tensor([[0.0000, 0.5000, 1.0000],
            [1.0000, 1.0000, 1.0000]])
    """
    kept = 1 - weights[..., :, None] * erase[..., None, :]  # [..., heads, slots, width]
    return reduce(mul, kept.unbind(-3), memory)  # Tensor.prod has no derivative under vmap


def read_slots(memory: Tensor, weights: Tensor) -> Tensor:
    """The slots mixed by each head's weights: ``[..., heads, width]``."""
    return weights @ memory


def add_to_slots(memory: Tensor, weights: Tensor, vectors: Tensor) -> Tensor:
    """The memory with the vector of every head ``[..., heads, width]`` added to the slots, by that head's weights."""
    return memory + weights.mT @ vectors


def least_used(usage: Tensor, n: int) -> Tensor:
    """The ``n`` slots of the lowest ``usage`` ``[..., slots]``, the lowest first, one-hot: ``[..., n, slots]``.

    It is a choice, and has no gradient.

    >>> least_used(torch.tensor([0.5, 0.1, 0.9, 0.2]), 2)
    tensor([[0., 1., 0., 0.],
            [0., 0., 0., 1.]])
    """
    chosen = usage.topk(n, largest=False, sorted=True).indices[..., None]
    return (chosen == torch.arange(usage.shape[-1], device=usage.device)).to(usage.dtype)


def blank_slots(memory: Tensor, slots: Tensor) -> Tensor:
    """The memory with zeros where ``slots`` ``[..., slots]`` is 1."""
    return memory * (1 - slots[..., None])


def worn(usage: Tensor, read: Tensor, write: Tensor, decay: float) -> Tensor:
    """The usage after a step, ``decay`` · usage + what all heads read and wrote: ``[..., slots]``. Without gradient."""
    return (decay * usage + read.sum(-2) + write.sum(-2)).detach()
