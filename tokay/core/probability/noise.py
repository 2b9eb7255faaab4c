"""Random numbers that are a pure function of a task's own examples and of its key.

Some methods sample inside ``adapt``: latents, weights or masks. They must draw the same numbers under ``vmap``, in a
loop, in chunks and after a resume, and other numbers for every task of every step. Torch's global generator cannot do
that. This module hashes the support set and the key of the task (see `tokay.core.current_task`) to a seed, and the seed and a
counter to numbers. It works on any device.
"""

import math

import torch
from torch import Tensor

from ..current_task import current_task
from ..task import Examples

_ODD = (-7046029254386353131, -4417276706812531889, 1609587929392839161)  # 2^64 / golden ratio and two primes, as int64


def _shift(bits: Tensor, by: int) -> Tensor:
    """Logical right shift. Torch's own shift of int64 keeps the sign bit; this one does not."""
    return torch.bitwise_right_shift(bits, by) & ((1 << (64 - by)) - 1)


def _mix(bits: Tensor) -> Tensor:
    """Hash an int64 (the finaliser of MurmurHash3). Every bit of the result depends on every bit of the input."""
    for multiplier, by in ((-49064778989728563, 33), (-4265267296055464877, 33)):
        bits = (bits ^ _shift(bits, by)) * multiplier
    return bits ^ _shift(bits, 33)


def task_seed(support: Examples) -> Tensor:
    """Hash the support set, and the key of the task if it has one, to an int64 scalar.

    The order of the examples and the padding do not change it.
    """
    bits = (support.x.detach().flatten(1) * 65536).round().to(torch.int64)  # [n, numbers]
    position = _mix(torch.arange(1, bits.shape[1] + 1, device=bits.device) * _ODD[0])
    hashes = _mix((bits * position).sum(1))  # [n]
    seed = _mix(torch.where(support.y.any(-1), hashes, 0).sum() * _ODD[1])
    key = current_task().key
    return seed if key is None else _mix(seed ^ _mix(key))


def uniform(seed: Tensor, shape: tuple[int, ...], *, stream: int = 0, like: Tensor) -> Tensor:
    """Uniform numbers in (0, 1) of ``shape``, with the dtype of ``like``. Another ``stream`` gives other numbers."""
    counter = torch.arange(1, math.prod(shape) + 1, device=seed.device) * _ODD[2]
    bits = _mix(counter + _mix(_mix(seed) + stream))
    return ((_shift(bits, 12).to(torch.float64) + 0.5) / 2**52).to(like.dtype).reshape(shape)


def gaussian(seed: Tensor, shape: tuple[int, ...], *, stream: int = 0, like: Tensor) -> Tensor:
    """Standard normal numbers of ``shape``, with the dtype of ``like``, by the Box-Muller transform.

    >>> support = Examples(torch.ones(2, 3), torch.eye(2, dtype=torch.bool))
    >>> a, b = (gaussian(task_seed(support), (4,), like=torch.zeros(())) for _ in range(2))
    >>> torch.equal(a, b)
    True
    """
    double = torch.zeros((), dtype=torch.float64)
    radius = (-2 * uniform(seed, shape, stream=2 * stream, like=double).log()).sqrt()
    angle = 2 * math.pi * uniform(seed, shape, stream=2 * stream + 1, like=double)
    return (radius * angle.cos()).to(like.dtype)
