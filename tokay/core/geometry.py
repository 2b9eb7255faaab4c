"""Distances and class statistics, on the examples of one task."""

import torch
from torch import Tensor


def class_means(z: Tensor, y: Tensor) -> Tensor:
    """The mean embedding of each class: ``z`` [n, features], ``y`` [n, ways] one-hot -> [ways, features].

    Padding rows (all false) belong to no class and change nothing.

    >>> import torch
    >>> class_means(torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([[1, 0], [1, 0], [0, 1]]).bool()).tolist()
    [[1.0], [5.0]]
    """
    weights = y.to(z.dtype)
    return weights.mT @ z / weights.sum(0)[:, None]


def sq_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances of every row of ``a`` [n, d] to every row of ``b`` [m, d] -> [n, m].

    Written out as differences rather than |a|² - 2ab + |b|², which loses half the digits where it matters: near zero.
    """
    return (a[:, None] - b[None]).square().sum(-1)


def unit(z: Tensor) -> Tensor:
    """Rows of ``z`` [n, features] scaled to length 1; a row of zeros stays one.

    The square is kept from 0 rather than its root, whose derivative is infinite there.
    """
    return z * z.square().sum(-1, keepdim=True).clamp_min(1e-12).rsqrt()


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarities of every row of ``a`` [n, d] to every row of ``b`` [m, d] -> [n, m].

    >>> import torch
    >>> cosines(torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])).tolist()
    [[1.0, 0.0, -1.0]]
    """
    return unit(a) @ unit(b).mT


def class_minima(distances: Tensor, y: Tensor) -> Tensor:
    """How near each class is by its nearest example: ``distances`` [m, n], ``y`` [n, ways] one-hot -> [m, ways].

    Padding rows (all false) belong to no class and change nothing.

    >>> class_minima(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([[1, 0], [1, 0], [0, 1]]).bool()).tolist()
    [[1.0, 2.0]]
    """
    return torch.where(y, distances[..., None], torch.inf).amin(-2)
