"""Measures of inequality, from economics: how different the losses ``[tasks]`` are from each other.

Every measure returns a scalar: 0 if all losses are equal, otherwise a positive number. It does not depend on the unit
of the losses, nor on how often each loss occurs. r_i = x_i / mean(x) is a loss divided by the mean; M is the number of
losses.
"""

import torch
from torch import Tensor


def _divide_by_mean(losses: Tensor) -> Tensor:
    """r, kept above 0 so that its logarithm is finite; all ones if all losses are 0."""
    mean = losses.mean()
    has_loss = mean > 0
    shares = torch.where(has_loss, losses / torch.where(has_loss, mean, 1), 1)
    return shares.clamp_min(torch.finfo(losses.dtype).eps)


def theil(losses: Tensor) -> Tensor:
    """T = 1/M Σ_i r_i log r_i

    >>> round(float(theil(torch.tensor([1.0, 3.0]))), 4)
    0.1308
    """
    r = _divide_by_mean(losses)
    return (r * r.log()).mean()


def generalized_entropy(losses: Tensor, alpha: float) -> Tensor:
    """GE(α) = 1/(M α (α - 1)) Σ_i (r_i^α - 1), and Theil's index at α = 1. A larger α weighs large losses more."""
    if alpha == 1:
        return theil(losses)
    r = _divide_by_mean(losses)
    return (r**alpha - 1).mean() / (alpha * (alpha - 1))


def atkinson(losses: Tensor, epsilon: float) -> Tensor:
    """A(ε) = 1 - (1/M Σ_i r_i^(1-ε))^(1/(1-ε)), and 1 - (Π_i r_i)^(1/M) at ε = 1.

    A larger ε weighs small losses more.
    """
    r = _divide_by_mean(losses)
    if epsilon == 1:
        return 1 - r.log().mean().exp()
    return 1 - (r ** (1 - epsilon)).mean() ** (1 / (1 - epsilon))


def gini(losses: Tensor) -> Tensor:
    """G = 1/(2 M²) Σ_ij |r_i - r_j|"""
    r = _divide_by_mean(losses)
    return (r[:, None] - r).abs().mean() / 2


def variance_of_logs(losses: Tensor) -> Tensor:
    """V = 1/M Σ_i (log r_i - mean_j log r_j)²"""
    logs = _divide_by_mean(losses).log()
    return (logs - logs.mean()).square().mean()
