"""Gaussians against torch.distributions; noise that belongs to the classes."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from tokay import Examples, Task, one_hot, over_tasks
from tokay.core.probability.gaussians import (
    WithSpreads,
    class_noise,
    gaussian_kl,
    log_mean_probability,
    sampled_weights,
    split_spreads,
    weights_kl,
)
from tokay.core.probability.noise import gaussian


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
    """To second order the KL is gap², here 1e-12. A naive formula would give only rounding errors in float32."""
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


def test_spreads_are_of_the_trainable_weights() -> None:
    inside = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).double()
    inside[0].bias.requires_grad_(False)
    net = WithSpreads(inside, std=0.3)
    network, log_std = split_spreads(net)
    assert network is inside
    assert {name: tuple(rho.shape) for name, rho in log_std.items()} == {
        "0.weight": (2, 3),
        "1.weight": (1, 2),
        "1.bias": (1,),
    }
    for rho in log_std.values():
        torch.testing.assert_close(rho.exp(), torch.full_like(rho, 0.3))
        assert rho.requires_grad
    x = doubles(4, 3)
    assert torch.equal(net(x), inside(x))
    with pytest.raises(TypeError, match=r"^split_spreads: `net` must be a WithSpreads network, got Sequential"):
        split_spreads(inside)


def test_weights_are_drawn_in_their_order_from_one_stream() -> None:
    mean, log_std = ({"a": doubles(2, 3), "b": doubles(4)} for _ in range(2))
    seed = torch.tensor(11)
    noise = gaussian(seed, (10,), stream=5, like=mean["a"])
    draw = sampled_weights(mean, log_std, seed, stream=5)
    torch.testing.assert_close(draw["a"], mean["a"] + log_std["a"].exp() * noise[:6].reshape(2, 3))
    torch.testing.assert_close(draw["b"], mean["b"] + log_std["b"].exp() * noise[6:])
    assert not torch.equal(sampled_weights(mean, log_std, seed, stream=6)["b"], draw["b"])
    assert not torch.equal(sampled_weights(mean, log_std, seed + 1, stream=5)["b"], draw["b"])


def test_divergence_of_weights_is_summed() -> None:
    q = [{"a": doubles(2, 3), "b": doubles(4)} for _ in range(4)]
    flat = [torch.cat([part["a"].flatten(), part["b"]]) for part in q]
    expected = kl_divergence(Normal(flat[0], flat[1].exp()), Normal(flat[2], flat[3].exp())).sum()
    torch.testing.assert_close(weights_kl(*q), expected, rtol=1e-12, atol=1e-12)
    assert float(weights_kl(q[0], q[1], q[0], q[1])) == 0.0
