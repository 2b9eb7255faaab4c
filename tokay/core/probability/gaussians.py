"""Diagonal Gaussians over the codes or weights of a task: samples, KL divergence, averaged predictions."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..inner.descent import Params, flatten, unflatten
from ..inner.wrapper import PerParameterWrapper
from ..network import require_network
from ..task import Examples
from .noise import gaussian, task_seed


def gaussian_kl(mean: Tensor, log_std: Tensor, prior_mean: Tensor | float, prior_log_std: Tensor | float) -> Tensor:
    """KL( N(mean, std²) || N(prior_mean, prior_std²) ) of each number, in nats. Sum it for the KL of the vectors.

        log σ₀/σ + (σ² + (μ - μ₀)²) / 2σ₀² - 1/2

    >>> gaussian_kl(torch.tensor([0.0, 1.0]), torch.zeros(2), 0.0, 0.0).tolist()
    [0.0, 0.5]
    """
    # expm1 keeps the digits if the two spreads nearly agree: 1/2 (r² - 1) - log r then subtracts almost equal numbers.
    gap = log_std - prior_log_std
    prior_std = prior_log_std.exp() if isinstance(prior_log_std, Tensor) else math.exp(prior_log_std)
    return torch.expm1(2 * gap) / 2 - gap + ((mean - prior_mean) / prior_std).square() / 2


def class_noise(support: Examples, shape: tuple[int, ...], *, stream: int = 0, like: Tensor) -> Tensor:
    """Standard normal numbers ``[ways, *shape]`` with the dtype of ``like``. Each class has its own.

    The support examples of a class decide its numbers. If the classes are numbered in another order, the numbers
    follow the classes. Another ``stream`` gives other numbers.
    """

    def draw(members: Tensor) -> Tensor:  # [n], which examples belong to the class
        return gaussian(task_seed(Examples(support.x, members[:, None])), shape, stream=stream, like=like)

    noise: Tensor = torch.func.vmap(draw)(support.y.mT)
    return noise


def log_mean_probability(logits: Tensor) -> Tensor:
    """log 1/L Σ_l softmax(logits_l): the log of class probabilities averaged over L samples.

    Takes logits ``[L, n, ways]`` and returns ``[n, ways]``. The softmax of the result is the averaged probability.

    >>> log_mean_probability(torch.tensor([[[0.0, 0.0]], [[2.0, 2.0]]])).exp().tolist()
    [[0.5, 0.5]]
    """
    return torch.logsumexp(F.log_softmax(logits, -1), 0) - math.log(len(logits))


class WithSpreads(PerParameterWrapper):
    """A network whose weights are means, plus a log standard deviation for each of its trainable parameters.

    >>> net = WithSpreads(nn.Linear(2, 1), std=0.5)
    >>> {name: tuple(rho.shape) for name, rho in split_spreads(net)[1].items()}
    {'weight': (1, 2), 'bias': (1,)}
    """

    def __init__(self, net: nn.Module, std: float) -> None:
        super().__init__(net, lambda p: torch.full_like(p, math.log(std)))


def split_spreads(net: nn.Module) -> tuple[nn.Module, Params]:
    """Split a ``WithSpreads`` into its network and the log standard deviations by parameter name.

    Raises ``TypeError`` if ``net`` is not a ``WithSpreads``.
    """
    parts = require_network(WithSpreads, net, "split_spreads: `net` must be a WithSpreads network")
    return parts.net, parts.by_name()


def sampled_weights(mean: Params, log_std: Params, seed: Tensor, *, stream: int = 0) -> Params:
    """Draw one set of weights from N(mean, std²). Differentiable in ``mean`` and ``log_std``.

    The same ``seed`` and ``stream`` always give the same noise.
    """
    row = flatten(mean)
    noise = unflatten(gaussian(seed, tuple(row.shape), stream=stream, like=row), mean)
    return {name: m + log_std[name].exp() * noise[name] for name, m in mean.items()}


def weights_kl(mean: Params, log_std: Params, prior_mean: Params, prior_log_std: Params) -> Tensor:
    """KL( N(mean, std²) || N(prior_mean, prior_std²) ), summed over all weights. Returns a scalar."""
    divergences = [gaussian_kl(mean[n], log_std[n], prior_mean[n], prior_log_std[n]).sum() for n in mean]
    return torch.stack(divergences).sum()
