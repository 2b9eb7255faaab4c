"""Standardised features: z = (f(x) - m) / s, with the mean m over the support set and s² the mean variance.

A network that compares inputs by its activations must separate inputs that share most of their features. Subtracting the
mean removes the shared part. One scale for all features keeps their relative sizes. Queries do not change m or s.
"""

from typing import NamedTuple

from torch import Tensor

_EPSILON = 1e-2  # added to s², because a single example has no variance


class Standardiser(NamedTuple):
    """The mean and the scale that standardise features."""

    centre: Tensor  # [features], or [] if it is 0 for all features
    spread: Tensor  # []

    def apply(self, features: Tensor) -> Tensor:
        """Standardises ``features`` ``[n, features]``."""
        return (features - self.centre) / self.spread


def identity_standardiser(like: Tensor) -> Standardiser:
    """A standardiser that changes nothing, with the dtype and device of ``like``."""
    return Standardiser(like.new_zeros(()), like.new_ones(()))


def fit_standardiser(features: Tensor, is_real: Tensor) -> Standardiser:
    """The standardiser of ``features`` ``[n, features]``. Rows with ``is_real`` ``[n]`` false (padding) do not count.

    >>> standardiser = fit_standardiser(
    ...     torch.tensor([[0.0, 5.0], [4.0, 5.0], [9.0, 9.0]]), torch.tensor([True, True, False])
    ... )
    >>> standardiser.centre, round(float(standardiser.spread), 2)  # the variances are 4 and 0
    (tensor([2., 5.]), 1.42)
    """
    counts = is_real[:, None].to(features.dtype)
    number = counts.sum().clamp(min=1)
    centre = (counts * features).sum(0) / number
    variance = (counts * (features - centre).square()).sum(0) / number
    return Standardiser(centre, (variance.mean() + _EPSILON).sqrt())
