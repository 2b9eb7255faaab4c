"""Distances between examples, and statistics of classes, within one task."""

import torch
from torch import Tensor


def class_means(z: Tensor, y: Tensor) -> Tensor:
    """Return the mean embedding of each class: ``z`` [n, features], ``y`` [n, ways] one-hot -> [ways, features].

    Ignores padding rows (all false).

    >>> import torch
    >>> class_means(torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([[1, 0], [1, 0], [0, 1]]).bool()).tolist()
    [[1.0], [5.0]]
    """
    weights = y.to(z.dtype)
    return weights.mT @ z / weights.sum(0)[:, None]


def sq_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared Euclidean distances of every row of ``a`` [n, d] to every row of ``b`` [m, d] -> [n, m].

    Computes differences. The formula |a|² - 2ab + |b|² loses half of the digits for small distances.
    """
    return (a[:, None] - b[None]).square().sum(-1)


def unit(z: Tensor) -> Tensor:
    """Scale the rows of ``z`` [n, features] to length 1. A row of zeros does not change.

    Clamps the squared length, because the derivative of the square root is infinite at 0.
    """
    return z * z.square().sum(-1, keepdim=True).clamp_min(1e-12).rsqrt()


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine similarities of every row of ``a`` [n, d] to every row of ``b`` [m, d] -> [n, m].

    >>> import torch
    >>> cosines(torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])).tolist()
    [[1.0, 0.0, -1.0]]
    """
    return unit(a) @ unit(b).mT


def class_minima(distances: Tensor, y: Tensor) -> Tensor:
    """Return the distance to the nearest example of each class: ``distances`` [m, n], ``y`` [n, ways] -> [m, ways].

    Ignores padding rows (all false).

    >>> class_minima(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([[1, 0], [1, 0], [0, 1]]).bool()).tolist()
    [[1.0, 2.0]]
    """
    return torch.where(y, distances[..., None], torch.inf).amin(-2)
