"""Gaussians against torch.distributions, and draws that follow the classes."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from tokay import Examples, Task, one_hot, over_tasks
from tokay.core.gaussians import class_noise, gaussian_kl, log_mean_probability


def doubles(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def test_kl_is_that_of_torch() -> None:
    mean, log_std, prior_mean, prior_log_std = doubles(4, 3, 5)
    expected = kl_divergence(Normal(mean, log_std.exp()), Normal(prior_mean, prior_log_std.exp()))
    torch.testing.assert_close(gaussian_kl(mean, log_std, prior_mean, prior_log_std), expected, rtol=1e-12, atol=1e-12)
    expected = kl_divergence(Normal(mean, log_std.exp()), Normal(torch.tensor(0.5), torch.tensor(2.0)))
    ours = gaussian_kl(mean, log_std, 0.5, float(torch.tensor(2.0).double().log()))
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_kl_keeps_its_digits_where_the_two_nearly_agree() -> None:
    """To second order it is gap²: 1e-12 here, in which float32 would see nothing but rounding otherwise."""
    kl = gaussian_kl(torch.zeros(1), torch.tensor([1e-6]), torch.zeros(1), torch.zeros(1))
    assert float(kl) == pytest.approx(1e-12, rel=0.2)
    assert float(gaussian_kl(torch.ones(1), torch.ones(1), torch.ones(1), torch.ones(1))) == 0.0


def some_support(n: int = 6) -> Examples:
    return Examples(torch.randn(n, 1, 4, 4), one_hot(torch.arange(n) % 3, 3))


def test_a_class_draws_by_its_own_examples() -> None:
    x, y = some_support()
    noise = class_noise(Examples(x, y), (4, 2), like=x)
    assert noise.shape == (3, 4, 2)
    assert noise.dtype == torch.float32
    assert len(noise.flatten().unique()) == 24  # no two classes share a draw
    renumbered = class_noise(Examples(x, y[:, [2, 0, 1]]), (4, 2), like=x)
    assert torch.equal(renumbered, noise[[2, 0, 1]])
    order = torch.randperm(6)
    assert torch.equal(class_noise(Examples(x[order], y[order]), (4, 2), like=x), noise)
    padded = Examples(torch.cat([x, torch.randn(1, 1, 4, 4)]), torch.cat([y, torch.zeros(1, 3, dtype=torch.bool)]))
    assert torch.equal(class_noise(padded, (4, 2), like=x), noise)
    changed = x.clone()
    changed[1] += 1  # of class 1
    other = class_noise(Examples(changed, y), (4, 2), like=x)
    assert torch.equal(other[[0, 2]], noise[[0, 2]])
    assert not torch.equal(other[1], noise[1])
    assert not torch.equal(class_noise(Examples(x, y), (4, 2), stream=1, like=x), noise)


def test_draws_are_the_same_under_vmap() -> None:
    parts = [torch.stack(column) for column in zip(*(some_support() for _ in range(4)), strict=True)]
    tasks = Task(Examples(*parts), Examples(*parts))

    def draw(task: Task) -> Tensor:
        return class_noise(task.support, (7,), like=task.support.x.double())

    mapped = over_tasks(draw, tasks)
    assert mapped.shape == (4, 3, 7)
    assert torch.equal(mapped, over_tasks(draw, tasks, mode="loop"))


def test_draws_are_standard_normal() -> None:
    x, y = some_support(60)
    noise = class_noise(Examples(x, y), (20_000,), like=x.double())
    assert float(noise.mean(1).abs().max()) < 0.05
    assert float((noise.var(1) - 1).abs().max()) < 0.05
    assert float((torch.corrcoef(noise) - torch.eye(3)).abs().max()) < 0.05


def test_probabilities_are_averaged() -> None:
    logits = 3 * doubles(5, 4, 3)
    expected = sum(torch.softmax(sample, -1) for sample in logits) / 5
    averaged = log_mean_probability(logits)
    torch.testing.assert_close(averaged.exp(), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(averaged.softmax(-1), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(log_mean_probability(logits[:1]), logits[0].log_softmax(-1), rtol=1e-12, atol=1e-12)
    assert bool(torch.isfinite(log_mean_probability(1e4 * logits)).all())
