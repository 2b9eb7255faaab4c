"""Distances and class statistics, on the examples of one task."""

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
