"""The mean of the vectors of hashed words and n-grams, for short texts."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import ConfigError, NetworkError
from .registry import Network

_GAIN = 32.0


@dataclass(frozen=True, kw_only=True)
class NGrams(Network, name="ngrams"):
    """A vector for each bucket of hashes; a text is the mean of its vectors, with linear layers after it if you like.

    Inputs are integers ``[n, length]``, as ``text --encoder hashed`` makes them: 0 is padding, any other number falls into
    a bucket. As in fastText: Bojanowski et al., 2017, arXiv:1607.04606.
    """

    summary = "mean of learned vectors of hashed words and n-grams, for text --encoder hashed"

    buckets: int = 32768
    """number of vectors: n-grams whose hashes fall into the same bucket share one"""
    vector: int = 64
    """length of a vector"""
    layers: tuple[int, ...] = ()
    """widths of linear layers after the mean, with relu between them (default: none, the mean itself)"""

    def __post_init__(self) -> None:
        if self.buckets < 1 or self.vector < 1:
            raise ConfigError(f"ngrams: buckets and vector must be at least 1, got {self.buckets} and {self.vector}.")
        if self.layers and min(self.layers) < 1:
            raise ConfigError(f"ngrams: layers must be positive widths, got {self.layers}.")

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Raises ``ConfigError`` if an example is no row of numbers."""
        if len(x_shape) != 1:
            raise ConfigError(
                f"ngrams: an example must be a row of hashes, got shape {x_shape}. Use --network ngrams with text."
            )
        parts: list[nn.Module] = [HashBag(self.buckets, self.vector)]
        width = self.vector
        for number, next_width in enumerate(self.layers):
            parts += [nn.ReLU()] if number else []
            parts.append(nn.Linear(width, next_width))
            width = next_width
        return nn.Sequential(*parts)


class HashBag(nn.Module):
    """The mean of the vectors of the numbers in a row. It can be mapped over tasks, which ``nn.EmbeddingBag`` cannot.

    The vectors are ``_GAIN`` times the weights. So an optimizer with steps of about 0.001, which suit layers, moves
    vectors fast: each of them occurs in few texts.

    >>> HashBag(10, 4)(torch.tensor([[3, 13, 0, 0], [0, 0, 0, 0]])).shape
    torch.Size([2, 4])
    """

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.weight = nn.Parameter(torch.randn(buckets, width) / _GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """Means ``[n, width]`` for hashes ``[n, length]``, of which 0 is padding. A row of padding gives 0.

        Raises ``NetworkError`` for inputs that are no integers.
        """
        if x.is_floating_point():
            raise NetworkError(
                f"ngrams: inputs must be hashes, which are integers, got {x.dtype}. Use --network mlp for numbers."
            )
        vectors = nn.functional.embedding(x % self.buckets, self.weight)  # [n, length, width]
        mask = (x > 0).to(vectors.dtype)  # [n, length]
        return _GAIN * (vectors * mask[..., None]).sum(-2) / mask.sum(-1, keepdim=True).clamp(min=1)
