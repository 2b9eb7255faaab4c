"""Diagonal Gaussians over the codes and weights of a task: drawing from them, how far apart they are, and averaging."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..inner.descent import Params, flatten, unflatten
from ..inner.wrapper import BesideEach, built_as
from ..task import Examples
from .noise import gaussian, task_seed


def gaussian_kl(mean: Tensor, log_std: Tensor, prior_mean: Tensor | float, prior_log_std: Tensor | float) -> Tensor:
    """KL( N(mean, std²) || N(prior_mean, prior_std²) ) of each number, in nats; the sum is that of the vectors.

        log σ₀/σ + (σ² + (μ - μ₀)²) / 2σ₀² - 1/2

    >>> gaussian_kl(torch.tensor([0.0, 1.0]), torch.zeros(2), 0.0, 0.0).tolist()
    [0.0, 0.5]
    """
    # expm1, because 1/2 (r² - 1) - log r is the small difference of large numbers where two spreads nearly agree.
    gap = log_std - prior_log_std
    prior_std = prior_log_std.exp() if isinstance(prior_log_std, Tensor) else math.exp(prior_log_std)
    return torch.expm1(2 * gap) / 2 - gap + ((mean - prior_mean) / prior_std).square() / 2


def class_noise(support: Examples, shape: tuple[int, ...], *, stream: int = 0, like: Tensor) -> Tensor:
    """Standard normal numbers ``[ways, *shape]``, of the dtype of ``like``, that belong to the classes themselves.

    Each class draws from its own support examples, so that numbering the classes otherwise renumbers the draws.
    """

    def draw(members: Tensor) -> Tensor:  # [n], which examples are of the class
        return gaussian(task_seed(Examples(support.x, members[:, None])), shape, stream=stream, like=like)

    drawn: Tensor = torch.func.vmap(draw)(support.y.mT)
    return drawn


def log_mean_probability(logits: Tensor) -> Tensor:
    """log 1/L Σ_l softmax(logits_l): samples ``[L, n, ways]`` to ``[n, ways]``, logits of the averaged probabilities.

    >>> log_mean_probability(torch.tensor([[[0.0, 0.0]], [[2.0, 2.0]]])).exp().tolist()
    [[0.5, 0.5]]
    """
    return torch.logsumexp(F.log_softmax(logits, -1), 0) - math.log(len(logits))


class WithSpreads(BesideEach):
    """``net``, whose weights are means, and the log standard deviation of each of its trainable parameters.

    >>> net = WithSpreads(nn.Linear(2, 1), std=0.5)
    >>> {name: tuple(rho.shape) for name, rho in split_spreads(net)[1].items()}
    {'weight': (1, 2), 'bias': (1,)}
    """

    def __init__(self, net: nn.Module, std: float) -> None:
        super().__init__(net, lambda p: torch.full_like(p, math.log(std)))


def split_spreads(net: nn.Module) -> tuple[nn.Module, Params]:
    """The network itself, and the log standard deviations by the name of the parameter. ``net`` is a ``WithSpreads``."""
    both = built_as(WithSpreads, net, "split_spreads: takes a network with spreads beside it")
    return both.net, both.by_name()


def sampled_weights(mean: Params, log_std: Params, seed: Tensor, *, stream: int = 0) -> Params:
    """One draw from N(mean, std²), differentiable in both; the seed and the stream decide it alone."""
    row = flatten(mean)
    noise = unflatten(gaussian(seed, tuple(row.shape), stream=stream, like=row), mean)
    return {name: m + log_std[name].exp() * noise[name] for name, m in mean.items()}


def weights_kl(mean: Params, log_std: Params, prior_mean: Params, prior_log_std: Params) -> Tensor:
    """KL( N(mean, std²) || N(prior_mean, prior_std²) ), summed over all weights."""
    each = [gaussian_kl(mean[n], log_std[n], prior_mean[n], prior_log_std[n]).sum() for n in mean]
    return torch.stack(each).sum()
