"""A memory beside a network, ``[..., slots, width]``: how its slots are found, read, written and worn out.

Weights say how much each head has to do with each slot, ``[..., heads, slots]``. All functions are of one memory; axes in
front are memories side by side. (Graves et al. 2014, arXiv:1410.5401; Santoro et al. 2016, arXiv:1605.06065.)
"""

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
