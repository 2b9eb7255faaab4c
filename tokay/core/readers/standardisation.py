"""Features measured against the support set: z = (f(x) - m) / s, m their mean over its examples, s² their mean variance.

A network that compares inputs from its activations alone has to tell apart what nearly all of them share. The mean is that,
and one scale for all features keeps what varies much apart from what varies little. Nothing of a query enters.
"""

from typing import NamedTuple

from torch import Tensor

_SMALLEST = 1e-2  # added to s²: one example alone has no spread


class Measure(NamedTuple):
    """From where, and in which unit, features are measured."""

    centre: Tensor  # [features], or [] where it is 0 for all
    spread: Tensor  # []

    def of(self, features: Tensor) -> Tensor:
        """``features`` ``[n, features]`` in this measure."""
        return (features - self.centre) / self.spread


def as_it_is(like: Tensor) -> Measure:
    """The measure that changes nothing, of the dtype and on the device of ``like``."""
    return Measure(like.new_zeros(()), like.new_ones(()))


def measured_by(features: Tensor, real: Tensor) -> Measure:
    """The measure of ``features`` ``[n, features]``, of which only the ``real`` ``[n]`` (booleans) count.

    >>> measure = measured_by(torch.tensor([[0.0, 5.0], [4.0, 5.0], [9.0, 9.0]]), torch.tensor([True, True, False]))
    >>> measure.centre, round(float(measure.spread), 2)  # the variances are 4 and 0
    (tensor([2., 5.]), 1.42)
    """
    counts = real[:, None].to(features.dtype)
    number = counts.sum().clamp(min=1)
    centre = (counts * features).sum(0) / number
    variance = (counts * (features - centre).square()).sum(0) / number
    return Measure(centre, (variance.mean() + _SMALLEST).sqrt())
