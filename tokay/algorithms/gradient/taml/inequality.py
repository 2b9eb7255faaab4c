"""Measures of inequality, from economics: how far losses ``[tasks]`` are from being all the same.

All give a scalar that is 0 for equal losses and otherwise positive, whatever the unit the losses are in and however
often each occurs. r_i = x_i / mean(x) are the losses in units of their mean, M is how many there are.
"""

import torch
from torch import Tensor


def _in_units_of_their_mean(losses: Tensor) -> Tensor:
    """r, kept off 0, where logarithms are infinite; all ones where all losses are 0."""
    mean = losses.mean()
    some = mean > 0
    shares = torch.where(some, losses / torch.where(some, mean, 1), 1)
    return shares.clamp_min(torch.finfo(losses.dtype).eps)


def theil(losses: Tensor) -> Tensor:
    """T = 1/M Σ_i r_i log r_i

    >>> round(float(theil(torch.tensor([1.0, 3.0]))), 4)
    0.1308
    """
    r = _in_units_of_their_mean(losses)
    return (r * r.log()).mean()


def generalized_entropy(losses: Tensor, alpha: float) -> Tensor:
    """GE(α) = 1/(M α (α - 1)) Σ_i (r_i^α - 1), Theil's index at its limit α = 1; a larger α weighs the largest more."""
    if alpha == 1:
        return theil(losses)
    r = _in_units_of_their_mean(losses)
    return (r**alpha - 1).mean() / (alpha * (alpha - 1))


def atkinson(losses: Tensor, epsilon: float) -> Tensor:
    """A(ε) = 1 - (1/M Σ_i r_i^(1-ε))^(1/(1-ε)), and 1 - (Π_i r_i)^(1/M) at ε = 1; a larger ε weighs the smallest more."""
    r = _in_units_of_their_mean(losses)
    if epsilon == 1:
        return 1 - r.log().mean().exp()
    return 1 - (r ** (1 - epsilon)).mean() ** (1 / (1 - epsilon))


def gini(losses: Tensor) -> Tensor:
    """G = 1/(2 M²) Σ_ij |r_i - r_j|"""
    r = _in_units_of_their_mean(losses)
    return (r[:, None] - r).abs().mean() / 2


def variance_of_logs(losses: Tensor) -> Tensor:
    """V = 1/M Σ_i (log r_i - mean_j log r_j)²"""
    logs = _in_units_of_their_mean(losses).log()
    return (logs - logs.mean()).square().mean()
