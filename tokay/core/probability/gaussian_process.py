"""Exact Gaussian processes: three kernels and the posterior. No learner of such curves can beat this posterior.

With inputs X, values y = f(X) + noise of standard deviation σ_n, and K the kernel,

    f(x*) | X, y ~ N( k*ᵀ (K + σ_n² I)⁻¹ y,   k(x*, x*) - k*ᵀ (K + σ_n² I)⁻¹ k* )

(Rasmussen & Williams 2006, section 2.2). All results are float64, whatever the inputs are.
One Cholesky decomposition solves for the mean and the variance.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..geometry import sq_distances
from ..task import Examples

KernelName = Literal["rbf", "matern", "periodic"]

# Added to the diagonal, relative to the signal's variance: points close together make a kernel matrix singular.
_JITTER = 1e-8


class Kernel(NamedTuple):
    """A kernel and its hyper-parameters for one task.

    The hyper-parameters are numbers. If each task has its own, they are scalar tensors under ``vmap``.
    """

    name: KernelName
    length_scale: Tensor | float
    signal_std: Tensor | float
    period: float = 1.0

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Covariance of each row of ``a`` [n, d] with each row of ``b`` [m, d]. Returns [n, m], float64.

        >>> points = torch.tensor([[0.0], [1.0]])
        >>> [[round(k, 4) for k in row] for row in Kernel("rbf", 1.0, 2.0)(points, points).tolist()]  # 4, 4 exp(-1/2)
        [[4.0, 2.4261], [2.4261, 4.0]]
        """
        sq_distance = sq_distances(a.double(), b.double())  # [n, m]
        if self.name == "rbf":
            shape = (-sq_distance / self.length_scale**2 / 2).exp()
        elif self.name == "matern":
            r = math.sqrt(5) * sq_distance.sqrt() / self.length_scale
            shape = (1 + r + r.square() / 3) * (-r).exp()
        else:
            shape = (-2 * ((math.pi / self.period * sq_distance.sqrt()).sin() / self.length_scale).square()).exp()
        return self.signal_std**2 * shape

    def factor(self, x: Tensor, noise_std: float) -> Tensor:
        """Cholesky factor [n, n] of the covariance of noisy values at ``x`` [n, d]."""
        diagonal = noise_std**2 + _JITTER * self.signal_std**2
        identity = torch.eye(len(x), dtype=torch.float64, device=x.device)
        factor: Tensor = torch.linalg.cholesky(self(x, x) + diagonal * identity)
        return factor


def posterior(kernel: Kernel, support: Examples, x: Tensor, *, noise_std: float) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a *noisy* value at each row of ``x`` [m, d], given ``support``.

    Returns two float64 tensors [m, 1]. Each row is a marginal: the values at different points depend on each other,
    but only the marginals are returned. With no support examples, the result is the prior.
    Works on one task; use ``vmap`` for many.

    >>> support = Examples(torch.tensor([[0.0]]), torch.tensor([[3.0]]))
    >>> mean, std = posterior(Kernel("rbf", 1.0, 1.0), support, torch.tensor([[0.0], [9.0]]), noise_std=1.0)
    >>> [round(m, 6) for m in mean[:, 0].tolist()]  # half the noisy value; far away, the prior
    [1.5, 0.0]
    >>> [round(v, 6) for v in std[:, 0].square().tolist()]  # 1 - 1/2 and 1, plus the noise
    [1.5, 2.0]
    """
    factor = kernel.factor(support.x, noise_std)  # [n, n]
    white_cross = torch.linalg.solve_triangular(factor, kernel(support.x, x), upper=False)  # [n, m]
    white_y = torch.linalg.solve_triangular(factor, support.y.double(), upper=False)  # [n, 1]
    variance = kernel.signal_std**2 - white_cross.square().sum(0)  # [m], of the curve without noise
    return white_cross.mT @ white_y, (variance.clamp_min(0) + noise_std**2).sqrt()[:, None]


def log_density(y: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """log N(y | mean, std²) of each number, in nats.

    >>> log_density(torch.zeros(1), torch.zeros(1), torch.ones(1))  # -1/2 log 2π
    tensor([-0.9189])
    """
    return -((y - mean) / std).square() / 2 - std.log() - math.log(2 * math.pi) / 2
