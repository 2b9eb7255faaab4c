"""Parts of neural processes: encoders of (x, y) pairs, a latent variable, a Gaussian decoder, and likelihoods.

The sizes follow the authors' code (google-deepmind/neural-processes). Encoders have four layers, decoders have two
hidden layers, with ReLU between layers and Glorot's initialisation. The σ of a value is at least 0.1. The σ of a latent
lies between 0.1 and 1.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..objectives import metrics
from ..task import Examples
from .gaussian_process import log_density
from .gaussians import gaussian_kl
from .noise import gaussian, task_seed


class Normal(NamedTuple):
    """Independent normal distributions; ``mean`` and ``std`` have the same shape."""

    mean: Tensor
    std: Tensor


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between them and no ReLU after the last layer."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class PairEncoder(nn.Module):
    """r_i = h(x_i, y_i): encodes each (x, y) pair as a representation."""

    def __init__(self, features: int, y_dim: int, width: int) -> None:
        super().__init__()
        self.layers = mlp(features + y_dim, width, width, width, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Encode ``x`` [n, features] and ``y`` [n, d] as [n, width]."""
        encoded: Tensor = self.layers(torch.cat([x, y], -1))
        return encoded


class LatentEncoder(nn.Module):
    """q(z | pairs): averages the encoded pairs, applies one more layer, then gives a mean and σ = 0.1 + 0.9 sigmoid(·)."""

    def __init__(self, features: int, y_dim: int, width: int) -> None:
        super().__init__()
        self.pairs = PairEncoder(features, y_dim, width)
        self.hidden, self.mean, self.std = (mlp(width, width) for _ in range(3))

    def forward(self, x: Tensor, y: Tensor) -> Normal:
        """Map ``x`` [n, features] and ``y`` [n, d] to the distribution of z: mean and σ, [width] each."""
        activation = self.hidden(average(self.pairs(x, y))).relu()
        return Normal(self.mean(activation), 0.1 + 0.9 * self.std(activation).sigmoid())


class Decoder(nn.Module):
    """Maps a representation and x to the distribution of y: a mean and σ = 0.1 + 0.9 softplus(·)."""

    def __init__(self, features: int, y_dim: int, representation: int, width: int) -> None:
        super().__init__()
        self.layers = mlp(representation + features, width, width, 2 * y_dim)

    def forward(self, representation: Tensor, x: Tensor) -> Normal:
        """Map ``representation`` [..., m, numbers] and ``x`` [m, features] to mean and σ, [..., m, d] each."""
        x = x.expand(*representation.shape[:-1], -1)
        mean, raw = self.layers(torch.cat([representation, x], -1)).chunk(2, -1)
        return Normal(mean, 0.1 + 0.9 * F.softplus(raw))


def average(encoded: Tensor) -> Tensor:
    """Mean over the pairs, [n, width] -> [width]. The mean of no pairs is 0."""
    return encoded.sum(0) / max(1, len(encoded))


def pair_noise(support: Examples, shape: tuple[int, ...], *, stream: int, like: Tensor) -> Tensor:
    """Standard normal numbers of ``shape``. The support pairs (x and y) decide them; their order does not matter."""
    pairs = torch.cat([support.x.flatten(1), support.y], 1)
    no_padding = torch.ones_like(support.y[:, :1], dtype=torch.bool)  # y = 0 is a value here, not padding
    return gaussian(task_seed(Examples(pairs, no_padding)), shape, stream=stream, like=like)


def draw_latent(support: Examples, q: Normal, samples: int, *, stream: int) -> Tensor:
    """Draw ``samples`` values of a latent from ``q``, by reparametrisation. Returns ``[samples, width]``."""
    return q.mean + q.std * pair_noise(support, (samples, *q.mean.shape), stream=stream, like=q.mean)


def log_likelihood(prediction: Normal, y: Tensor) -> Tensor:
    """log p(y) of each point, summed over its outputs: [..., m, d] -> [..., m]."""
    return log_density(y, prediction.mean, prediction.std).sum(-1)


def mixture(components: Normal) -> Normal:
    """Mean and standard deviation of a mixture of L equally likely distributions: [L, m, d] -> [m, d].

    >>> prediction = mixture(Normal(torch.tensor([[[-1.0]], [[1.0]]]), torch.ones(2, 1, 1)))
    >>> prediction.mean.item(), round(prediction.std.square().item(), 4)  # variance within plus between
    (0.0, 2.0)
    """
    mean = components.mean.mean(0)
    variance = components.std.square().mean(0) + (components.mean - mean).square().mean(0)
    return Normal(mean, variance.sqrt())


def mixture_log_likelihood(components: Normal, y: Tensor) -> Tensor:
    """log 1/L Σ_l p_l(y) of each point, over L draws of the latent: [L, m, d] -> [m]."""
    return torch.logsumexp(log_likelihood(components, y), 0) - math.log(len(components.mean))


def mixture_metrics(components: Normal, y: Tensor) -> dict[str, Tensor]:
    """Metrics of predictions averaged over L draws of the latent: ``components`` [L, m, d] and ``y`` [m, d]."""
    log_p = mixture_log_likelihood(components, y).mean() / y.shape[1]
    return {**metrics(mixture(components).mean, y), "log_likelihood": log_p}


def elbo(predictions: Normal, y: Tensor, posterior: Normal, prior: Normal) -> Tensor:
    """E_q log p(y | z) - KL(q(z | targets) || q(z | context)): a scalar, in nats, summed over all m targets.

    ``predictions`` [L, m, d] is the decoder's output for L draws of z from ``posterior``.
    """
    expected_log_p = log_likelihood(predictions, y).sum(-1).mean(0)
    kl = gaussian_kl(posterior.mean, posterior.std.log(), prior.mean, prior.std.log()).sum()
    return expected_log_p - kl
