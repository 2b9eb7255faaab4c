"""Vectors of categories, one field after the other, and linear layers: the network of MeLU."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..errors import ConfigError, NetworkError
from .registry import Network

_STD = 0.1


@dataclass(frozen=True, kw_only=True)
class Embeddings(Network, name="embeddings"):
    """A vector for each category; the vectors of all fields side by side go through linear layers with relu after each.

    Inputs are integers ``[n, fields, values]``, as ``ratings`` makes them: 0 is padding, and a field with several values,
    such as genres, is the mean of their vectors. As in MeLU: Lee et al., 2019, KDD, arXiv:1908.00413.
    """

    summary = "learned vectors of categories side by side, then linear layers with relu, for ratings (as in MeLU)"

    buckets: int = 8192
    """number of vectors: numbers that are equal modulo this share one, so it should be larger than the largest number"""
    vector: int = 32
    """length of a vector"""
    layers: tuple[int, ...] = (64, 64)
    """widths of the linear layers; the last width is the number of features"""

    def __post_init__(self) -> None:
        if self.buckets < 1 or self.vector < 1:
            raise ConfigError(
                f"embeddings: buckets and vector must be at least 1, got {self.buckets} and {self.vector}."
            )
        if self.layers and min(self.layers) < 1:
            raise ConfigError(f"embeddings: layers must be positive widths, got {self.layers}.")

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Raises ``ConfigError`` if an example has not two axes: fields and their values."""
        if len(x_shape) != 2:
            raise ConfigError(
                f"embeddings: an example must have fields with values, got shape {x_shape}. Use --network embeddings with "
                "ratings."
            )
        parts: list[nn.Module] = [FieldVectors(self.buckets, self.vector)]
        for width_in, width_out in pairwise((x_shape[0] * self.vector, *self.layers)):
            parts += [nn.Linear(width_in, width_out), nn.ReLU()]
        return nn.Sequential(*parts)


class FieldVectors(nn.Module):
    """The mean of the vectors of each field, one field after the other.

    >>> FieldVectors(10, 4)(torch.tensor([[[3, 0], [4, 5]]])).shape
    torch.Size([1, 8])
    """

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.weight = nn.Parameter(_STD * torch.randn(buckets, width))

    def forward(self, x: Tensor) -> Tensor:
        """Vectors ``[n, fields * width]`` for numbers ``[n, fields, values]``. A field of padding gives 0.

        Raises ``NetworkError`` for inputs that are no integers.
        """
        if x.is_floating_point():
            raise NetworkError(
                f"embeddings: inputs must be numbers of categories, which are integers, got {x.dtype}. Use --network mlp."
            )
        vectors = nn.functional.embedding(x % self.buckets, self.weight)  # [n, fields, values, width]
        mask = (x > 0).to(vectors.dtype)  # [n, fields, values]
        return ((vectors * mask[..., None]).sum(-2) / mask.sum(-1, keepdim=True).clamp(min=1)).flatten(-2)
