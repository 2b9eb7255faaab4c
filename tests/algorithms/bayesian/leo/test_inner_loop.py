"""The inner loop of LEO: plain gradient descent without randomness; dropout masks and draws with it."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import Examples, one_hot
from tokay.algorithms.bayesian.leo.inner_loop import InnerLoop
from tokay.algorithms.bayesian.leo.latent_head import LatentHead
from tokay.core.probability.noise import task_seed

FEATURES, LATENTS, WAYS = 6, 3, 2


def inner_loop(*, stochastic: bool, dropout: float = 0.5) -> InnerLoop:
    parts = LatentHead(nn.Identity(), FEATURES, LATENTS, latent_lr=0.3, tuning_lr=0.2).double()
    support = Examples(torch.randn(4, FEATURES, dtype=torch.float64), one_hot(torch.arange(4) % WAYS, WAYS))
    return InnerLoop(
        parts=parts,
        support=support,
        features=parts.features(support.x),
        seed=task_seed(support),
        stochastic=stochastic,
        dropout=dropout,
    )


def codes() -> tuple[Tensor, Tensor]:
    return torch.randn(WAYS, LATENTS, dtype=torch.float64), torch.zeros(WAYS, LATENTS, dtype=torch.float64)


def support_loss(loop: InnerLoop, weight: Tensor) -> Tensor:
    return F.cross_entropy(loop.features @ weight.mT, loop.support.y.int().argmax(1).long())


def test_without_randomness_a_step_is_plain_gradient_descent() -> None:
    loop, (mean, log_std) = inner_loop(stochastic=False), codes()
    initial, adapted = loop.code_steps((mean, log_std), 1)
    assert torch.equal(initial.codes, mean)
    z = mean.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(support_loss(loop, loop.parts.decode(z)[0]), z)
    torch.testing.assert_close(adapted.codes, mean - 0.3 * gradient)
    torch.testing.assert_close(adapted.weight, loop.parts.decode(adapted.codes)[0])
    (tuned,) = loop.head_steps(adapted, range(1, 2))
    w = adapted.weight.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(support_loss(loop, w), w)
    torch.testing.assert_close(tuned.weight, w - 0.2 * gradient)
    assert torch.equal(tuned.codes, adapted.codes)
    assert torch.equal(tuned.mask, torch.ones(FEATURES, dtype=torch.float64))


def test_numbers_of_states() -> None:
    """The codes have a state before their first step. The head does not: its first state is the last of the codes."""
    loop = inner_loop(stochastic=True)
    states = list(loop.code_steps(codes(), 3))
    assert len(states) == 4
    assert len(list(loop.head_steps(states[-1], range(3, 5)))) == 2


def test_draws_and_masks_are_random_but_repeat() -> None:
    loop, q = inner_loop(stochastic=True), codes()
    states, repeated = list(loop.code_steps(q, 2)), list(loop.code_steps(q, 2))
    for state, same in zip(states, repeated, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(state, same, strict=True))
        assert set(state.mask.tolist()) <= {0.0, 2.0}
    assert not torch.allclose(states[0].codes, q[0])
    full = next(iter(replace(loop, dropout=0.0).code_steps(q, 2)))
    assert bool((full.mask == 1).all())
