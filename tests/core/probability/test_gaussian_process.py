"""Kernels against their formulas, and the posterior against NumPy's inverse of the joint covariance."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tokay import Examples
from tokay.core.probability.gaussian_process import Kernel, KernelName, log_density, posterior

KERNELS: list[Kernel] = [Kernel("rbf", 0.4, 1.3), Kernel("matern", 0.7, 0.8), Kernel("periodic", 0.9, 1.1, 1.7)]
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
NOISE = 0.05


def covariance(kernel: Kernel, a: float, b: float) -> float:
    """The formulas, one number at a time."""
    name, length, std, period = kernel
    d, length = abs(a - b), float(length)
    if name == "rbf":
        return float(std) ** 2 * math.exp(-(d**2) / (2 * length**2))
    if name == "matern":
        return (
            float(std) ** 2 * (1 + 5**0.5 * d / length + 5 * d**2 / (3 * length**2)) * math.exp(-(5**0.5) * d / length)
        )
    return float(std) ** 2 * math.exp(-2 * math.sin(math.pi * d / period) ** 2 / length**2)


def dense(kernel: Kernel, a: Tensor, b: Tensor) -> np.ndarray:
    return np.array([[covariance(kernel, p, q) for q in b[:, 0].tolist()] for p in a[:, 0].tolist()]).reshape(
        len(a), len(b)
    )


def sample(n: int = 6, m: int = 5) -> tuple[Examples, Tensor]:
    x = 4 * torch.rand(n + m, 1, dtype=torch.float64) - 2
    return Examples(x[:n], torch.randn(n, 1, dtype=torch.float64)), x[n:]


@each_kernel
def test_kernels(kernel: Kernel) -> None:
    (x, _), other = sample()
    torch.testing.assert_close(kernel(x, other), torch.tensor(dense(kernel, x, other)), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(kernel(x, x).diagonal(), torch.full((6,), float(kernel.signal_std) ** 2).double())


@each_kernel
def test_the_posterior_is_the_conditional_of_the_joint(kernel: Kernel) -> None:
    support, x = sample()
    k_ss, k_sq, k_qq = dense(kernel, support.x, support.x), dense(kernel, support.x, x), dense(kernel, x, x)
    inverse = np.linalg.inv(k_ss + NOISE**2 * np.eye(6))
    expected = k_sq.T @ inverse @ support.y.numpy()
    variance = np.diag(k_qq - k_sq.T @ inverse @ k_sq) + NOISE**2
    mean, std = posterior(kernel, support, x, noise_std=NOISE)
    assert mean.shape == std.shape == (5, 1)
    np.testing.assert_allclose(mean.numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(std[:, 0].numpy() ** 2, variance, rtol=1e-4)


@each_kernel
def test_one_point_after_another_is_all_at_once(kernel: Kernel) -> None:
    """The sum of log p(y_i | y_1 .. y_i-1) is the log marginal likelihood. The first term comes from the prior."""
    (x, y), _ = sample(n=7)
    total = 0.0
    for i in range(7):
        mean, std = posterior(kernel, Examples(x[:i], y[:i]), x[i : i + 1], noise_std=NOISE)
        total += float(log_density(y[i], mean[0], std[0]))
    joint = dense(kernel, x, x) + NOISE**2 * np.eye(7)
    exponent = y[:, 0].numpy() @ np.linalg.solve(joint, y[:, 0].numpy())
    expected = -0.5 * (exponent + np.linalg.slogdet(joint)[1] + 7 * math.log(2 * math.pi))
    assert total == pytest.approx(expected, rel=1e-4)


@each_kernel
def test_without_noise_it_interpolates(kernel: Kernel) -> None:
    x = torch.linspace(-2, 2, 8, dtype=torch.float64)[:, None]
    kernel = kernel._replace(period=9.0, length_scale=0.3)  # no two points have the same phase
    y = kernel.factor(x, 0.0) @ torch.randn(8, 1, dtype=torch.float64)
    mean, std = posterior(kernel, Examples(x, y), x, noise_std=0.0)
    torch.testing.assert_close(mean, y, rtol=0, atol=1e-4)
    assert float(std.max()) < 1e-3
    between = posterior(kernel, Examples(x, y), x[:-1] + 2 / 7, noise_std=0.0)[1]
    assert float(between.min()) > 1e-2


@each_kernel
def test_without_a_context_it_is_the_prior(kernel: Kernel) -> None:
    _, x = sample()
    mean, std = posterior(kernel, Examples(x[:0], x[:0]), x, noise_std=NOISE)
    assert torch.equal(mean, torch.zeros(5, 1, dtype=torch.float64))
    expected = math.sqrt(float(kernel.signal_std) ** 2 + NOISE**2)
    torch.testing.assert_close(std, torch.full((5, 1), expected).double(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["rbf", "matern", "periodic"])
def test_many_tasks_at_once(name: KernelName) -> None:
    """Each task has its own hyper-parameters. Inputs are float32, outputs float64."""
    x, y, q = torch.rand(3, 6, 1), torch.randn(3, 6, 1), torch.rand(3, 4, 1)
    length, std = torch.tensor([0.2, 0.5, 0.9]), torch.tensor([1.0, 0.3, 2.0])

    def one_task(x: Tensor, y: Tensor, q: Tensor, length: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        return posterior(Kernel(name, length, std), Examples(x, y), q, noise_std=NOISE)

    mapped = torch.func.vmap(one_task)(x, y, q, length, std)
    for i in range(3):
        single = one_task(x[i], y[i], q[i], length[i], std[i])
        for many, one in zip(mapped, single, strict=True):
            assert one.dtype == torch.float64
            torch.testing.assert_close(many[i], one, rtol=1e-8, atol=1e-8)


def test_points_in_the_plane() -> None:
    a, b = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    assert float(Kernel("rbf", 5.0, 1.0)(a, b)) == pytest.approx(math.exp(-0.5))


def test_log_density() -> None:
    y, mean, std = torch.randn(5), torch.randn(5), torch.rand(5) + 0.1
    torch.testing.assert_close(log_density(y, mean, std), torch.distributions.Normal(mean, std).log_prob(y))
