"""The parts of neural processes: encoders of (x, y) pairs, a latent variable, a decoder to a Gaussian, and likelihoods.

Sizes and bounds are those of the authors' code (google-deepmind/neural-processes): encoders of four layers, decoders of
two hidden ones, ReLU between, Glorot's initialisation; σ of a value at least 0.1, σ of a latent from 0.1 to 1.
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
    """Independent normal distributions."""

    mean: Tensor
    std: Tensor


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between them, none after the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class PairEncoder(nn.Module):
    """r_i = h(x_i, y_i): pairs to representations [n, width]."""

    def __init__(self, features: int, y_dim: int, width: int) -> None:
        super().__init__()
        self.layers = mlp(features + y_dim, width, width, width, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """``x`` [n, features], ``y`` [n, d]."""
        encoded: Tensor = self.layers(torch.cat([x, y], -1))
        return encoded


class LatentEncoder(nn.Module):
    """q(z | pairs): the mean of their representations, one more layer, then mean and σ = 0.1 + 0.9 sigmoid."""

    def __init__(self, features: int, y_dim: int, width: int) -> None:
        super().__init__()
        self.pairs = PairEncoder(features, y_dim, width)
        self.hidden, self.mean, self.std = (mlp(width, width) for _ in range(3))

    def forward(self, x: Tensor, y: Tensor) -> Normal:
        """``x`` [n, features], ``y`` [n, d] to distributions of ``width`` numbers."""
        hidden = self.hidden(average(self.pairs(x, y))).relu()
        return Normal(self.mean(hidden), 0.1 + 0.9 * self.std(hidden).sigmoid())


class Decoder(nn.Module):
    """(representation, x) to the mean and σ = 0.1 + 0.9 softplus of y."""

    def __init__(self, features: int, y_dim: int, representation: int, width: int) -> None:
        super().__init__()
        self.layers = mlp(representation + features, width, width, 2 * y_dim)

    def forward(self, representation: Tensor, x: Tensor) -> Normal:
        """``representation`` [..., m, numbers] and ``x`` [m, features] to [..., m, d]."""
        x = x.expand(*representation.shape[:-1], -1)
        mean, raw = self.layers(torch.cat([representation, x], -1)).chunk(2, -1)
        return Normal(mean, 0.1 + 0.9 * F.softplus(raw))


def average(encoded: Tensor) -> Tensor:
    """The mean over the pairs, [n, width] -> [width]; 0 where there is none."""
    return encoded.sum(0) / max(1, len(encoded))


def pair_noise(support: Examples, shape: tuple[int, ...], *, stream: int, like: Tensor) -> Tensor:
    """Standard normal numbers that the support pairs decide, x and y alike, in whatever order they come."""
    pairs = torch.cat([support.x.flatten(1), support.y], 1)
    no_padding = torch.ones_like(support.y[:, :1], dtype=torch.bool)  # an output of 0 is an output
    return gaussian(task_seed(Examples(pairs, no_padding)), shape, stream=stream, like=like)


def drawn(support: Examples, q: Normal, samples: int, *, stream: int) -> Tensor:
    """Draws ``[samples, width]`` of a latent that is distributed as ``q``, by reparametrisation."""
    return q.mean + q.std * pair_noise(support, (samples, *q.mean.shape), stream=stream, like=q.mean)


def log_likelihood(found: Normal, y: Tensor) -> Tensor:
    """log p(y) of each point, the sum over its outputs: [..., m, d] -> [..., m]."""
    return log_density(y, found.mean, found.std).sum(-1)


def mixture(found: Normal) -> Normal:
    """Mean and spread of the mixture of L equally likely distributions: [L, m, d] -> [m, d].

    >>> found = mixture(Normal(torch.tensor([[[-1.0]], [[1.0]]]), torch.ones(2, 1, 1)))
    >>> found.mean.item(), round(found.std.square().item(), 4)  # within and between
    (0.0, 2.0)
    """
    mean = found.mean.mean(0)
    variance = found.std.square().mean(0) + (found.mean - mean).square().mean(0)
    return Normal(mean, variance.sqrt())


def mixture_log_likelihood(found: Normal, y: Tensor) -> Tensor:
    """log 1/L Σ_l p_l(y) of each point, over draws of the latent: [L, m, d] -> [m]."""
    return torch.logsumexp(log_likelihood(found, y), 0) - math.log(len(found.mean))


def mixture_metrics(found: Normal, y: Tensor) -> dict[str, Tensor]:
    """What reports show of answers averaged over draws of the latent: ``found`` [L, m, d] and ``y`` [m, d]."""
    log_p = mixture_log_likelihood(found, y).mean() / y.shape[1]
    return {**metrics(mixture(found).mean, y), "log_likelihood": log_p}


def elbo(found: Normal, y: Tensor, posterior: Normal, prior: Normal) -> Tensor:
    """E_q log p(y | z) - KL(q(z | targets) || q(z | context)), in nats of all m targets together: a scalar.

    ``found`` [L, m, d] is what draws of z from ``posterior`` are decoded to.
    """
    expected = log_likelihood(found, y).sum(-1).mean(0)
    kl = gaussian_kl(posterior.mean, posterior.std.log(), prior.mean, prior.std.log()).sum()
    return expected - kl
