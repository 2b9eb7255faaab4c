"""Gaussian processes, exactly: three kernels, draws, and the posterior that bounds every learner of their curves.

With inputs X, values y = f(X) + noise of standard deviation σ_n, and K the kernel,

    f(x*) | X, y ~ N( k*ᵀ (K + σ_n² I)⁻¹ y,   k(x*, x*) - k*ᵀ (K + σ_n² I)⁻¹ k* )

(Rasmussen & Williams 2006, section 2.2). All in float64, whatever is given, by one Cholesky decomposition.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..geometry import sq_distances
from ..task import Examples

KernelName = Literal["rbf", "matern", "periodic"]

_JITTER = (
    1e-8  # on the diagonal, relative to the signal's variance: neighbours make a kernel matrix singular in float64
)


class Kernel(NamedTuple):
    """A kernel of one task and its hyper-parameters: numbers, or scalars under ``vmap`` where tasks have their own."""

    name: KernelName
    length_scale: Tensor | float
    signal_std: Tensor | float
    period: float = 1.0

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The covariances of every row of ``a`` [n, d] and every row of ``b`` [m, d]: [n, m], float64.

        >>> points = torch.tensor([[0.0], [1.0]])
        >>> [[round(k, 4) for k in row] for row in Kernel("rbf", 1.0, 2.0)(points, points).tolist()]  # 4, 4 exp(-1/2)
        [[4.0, 2.4261], [2.4261, 4.0]]
        """
        apart = sq_distances(a.double(), b.double())  # [n, m]
        if self.name == "rbf":
            shape = (-apart / self.length_scale**2 / 2).exp()
        elif self.name == "matern":
            r = math.sqrt(5) * apart.sqrt() / self.length_scale
            shape = (1 + r + r.square() / 3) * (-r).exp()
        else:
            shape = (-2 * ((math.pi / self.period * apart.sqrt()).sin() / self.length_scale).square()).exp()
        return self.signal_std**2 * shape

    def factor(self, x: Tensor, noise_std: float) -> Tensor:
        """The Cholesky factor [n, n] of the covariance of noisy values at ``x`` [n, d]."""
        added = noise_std**2 + _JITTER * self.signal_std**2
        found: Tensor = torch.linalg.cholesky(
            self(x, x) + added * torch.eye(len(x), dtype=torch.float64, device=x.device)
        )
        return found


def posterior(kernel: Kernel, support: Examples, x: Tensor, *, noise_std: float) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a *noisy* value at each of ``x`` [m, d], given ``support``: two float64 [m, 1].

    Of each point alone, as a likelihood with one factor per point is: values of different points are dependent.
    Without support examples they are those of the prior. One task; ``vmap`` for many.

    >>> seen = Examples(torch.tensor([[0.0]]), torch.tensor([[3.0]]))
    >>> mean, std = posterior(Kernel("rbf", 1.0, 1.0), seen, torch.tensor([[0.0], [9.0]]), noise_std=1.0)
    >>> [round(m, 6) for m in mean[:, 0].tolist()]  # halfway to the noisy value, and the prior far away
    [1.5, 0.0]
    >>> [round(v, 6) for v in std[:, 0].square().tolist()]  # 1 - 1/2 and 1, each with the noise
    [1.5, 2.0]
    """
    factor = kernel.factor(support.x, noise_std)  # [n, n]
    across = torch.linalg.solve_triangular(factor, kernel(support.x, x), upper=False)  # [n, m]
    white = torch.linalg.solve_triangular(factor, support.y.double(), upper=False)  # [n, 1]
    variance = kernel.signal_std**2 - across.square().sum(0)  # [m], of the curve itself
    return across.mT @ white, (variance.clamp_min(0) + noise_std**2).sqrt()[:, None]


def log_density(y: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """log N(y | mean, std²) of each number, in nats.

    >>> log_density(torch.zeros(1), torch.zeros(1), torch.ones(1))  # -1/2 log 2π
    tensor([-0.9189])
    """
    return -((y - mean) / std).square() / 2 - std.log() - math.log(2 * math.pi) / 2
