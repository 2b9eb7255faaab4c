"""Random numbers that are a pure function of a task's own examples.

A method that samples inside ``adapt`` (latents, weights, masks) must draw the same under ``vmap``, in a loop, in chunks
and after a resume, and must draw otherwise for every task. Torch's global generator gives none of that. So the
support set itself is hashed to a seed, and the numbers are a hash of the seed and a counter: no state, any device.
"""

import math

import torch
from torch import Tensor

from ..task import Examples

_ODD = (-7046029254386353131, -4417276706812531889, 1609587929392839161)  # 2^64 / golden ratio and two primes, as int64


def _shift(bits: Tensor, by: int) -> Tensor:
    """A logical shift to the right of int64, whose own shift keeps the sign."""
    return torch.bitwise_right_shift(bits, by) & ((1 << (64 - by)) - 1)


def _mix(bits: Tensor) -> Tensor:
    """Every bit of the result depends on every bit given (the finaliser of MurmurHash3)."""
    for multiplier, by in ((-49064778989728563, 33), (-4265267296055464877, 33)):
        bits = (bits ^ _shift(bits, by)) * multiplier
    return bits ^ _shift(bits, 33)


def task_seed(support: Examples) -> Tensor:
    """An int64 scalar that names the support set: the same in any order of its examples, whatever the padding."""
    bits = (support.x.detach().flatten(1) * 65536).round().to(torch.int64)  # [n, numbers]
    position = _mix(torch.arange(1, bits.shape[1] + 1, device=bits.device) * _ODD[0])
    each = _mix((bits * position).sum(1))  # [n]
    return _mix(torch.where(support.y.any(-1), each, 0).sum() * _ODD[1])


def uniform(seed: Tensor, shape: tuple[int, ...], *, stream: int = 0, like: Tensor) -> Tensor:
    """Numbers in (0, 1), of ``shape`` and with the dtype of ``like``; another ``stream`` is another draw."""
    counter = torch.arange(1, math.prod(shape) + 1, device=seed.device) * _ODD[2]
    bits = _mix(counter + _mix(_mix(seed) + stream))
    return ((_shift(bits, 12).to(torch.float64) + 0.5) / 2**52).to(like.dtype).reshape(shape)


def gaussian(seed: Tensor, shape: tuple[int, ...], *, stream: int = 0, like: Tensor) -> Tensor:
    """Standard normal numbers of ``shape`` with the dtype of ``like``, by the Box-Muller transform.

    >>> support = Examples(torch.ones(2, 3), torch.eye(2, dtype=torch.bool))
    >>> a, b = (gaussian(task_seed(support), (4,), like=torch.zeros(())) for _ in range(2))
    >>> torch.equal(a, b)
    True
    """
    double = torch.zeros((), dtype=torch.float64)
    radius = (-2 * uniform(seed, shape, stream=2 * stream, like=double).log()).sqrt()
    angle = 2 * math.pi * uniform(seed, shape, stream=2 * stream + 1, like=double)
    return (radius * angle.cos()).to(like.dtype)
