"""Reptile compared with joint training and MAML: the paper's expansion in the inner rate, and its ablation."""

from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, Examples, Reptile, Task, over_tasks
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

from .reptile_by_hand import N, build_net, tasks


@pytest.mark.parametrize("update", ["all", "last"])
@pytest.mark.parametrize("tail", ["shared", "separate"])
def test_one_step_of_sgd_is_joint_training(update: Any, tail: Any) -> None:
    """theta - theta_T is then inner_lr times the gradient of the mean loss on the data of the step."""
    net, batch = build_net(), tasks()
    reptile = Reptile(inner="sgd", inner_lr=0.3, inner_steps=1, inner_batch=N, update=update, tail=tail)
    accumulate_meta_gradient(reptile, net, batch)
    x, y = batch.support if tail == "shared" else batch.query
    joint = nn.functional.cross_entropy(net(x.flatten(0, 1)), y.flatten(0, 1).int().argmax(1))
    for p, g in zip(net.parameters(), torch.autograd.grad(joint, list(net.parameters())), strict=True):
        torch.testing.assert_close(p.grad, 0.3 * g, rtol=1e-10, atol=1e-14)


def test_the_last_step_on_a_separate_tail_is_first_order_maml() -> None:
    """Three steps on the support set and one on the query set: inner_lr times FOMAML's gradient after three."""
    net, batch = build_net(), tasks()
    reptile = Reptile(inner="sgd", inner_lr=0.3, inner_steps=4, inner_batch=N, update="last", tail="separate")
    fomaml = MAML(inner_lr=0.3, inner_steps=3, order=1)
    grads = []
    for algorithm in (reptile, fomaml):
        net.zero_grad()
        accumulate_meta_gradient(algorithm, net, batch)
        grads.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, 0.3 * theirs, rtol=1e-10, atol=1e-14)


def test_the_expansion_in_the_inner_rate() -> None:
    """The paper's leading terms for k = 2: MAML A - 2aB, FOMAML A - aB, Reptile 2A - aB, each up to a².

    A is the mean gradient of a mini-batch and B the mean gradient of half the product of two; the expectation is over
    all ordered pairs of five mini-batches of one task, each pair a task of its own.
    """
    net, (x, y) = build_net(), tasks(5).support
    weights = list(net.parameters())

    def flat_grad(value: Tensor, **options: Any) -> Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, weights, **options)])

    def cross_entropy(k: int) -> Tensor:
        return nn.functional.cross_entropy(net(x[k]), y[k].int().argmax(1))

    first, second = torch.tensor(list(permutations(range(5), 2))).T
    pairs = Task(Examples(x[first], y[first]), Examples(x[second], y[second]))
    gradients = torch.stack([flat_grad(cross_entropy(k), create_graph=True) for k in range(5)])
    a = gradients.mean(0).detach()
    b = flat_grad((gradients[first] * gradients[second]).sum(1).mean() / 2)
    assert float(b.norm()) > 0.1

    def mean_gradient(method: Any) -> Tensor:
        return flat_grad(over_tasks(lambda task: method.loss(net, task)[0], pairs).mean())

    residuals = []
    for rate in (0.02, 0.01, 0.005):
        reptile = Reptile(inner="sgd", inner_lr=rate, inner_steps=2, inner_batch=N, tail="separate")
        differences = (
            mean_gradient(MAML(inner_lr=rate)) - (a - 2 * rate * b),
            mean_gradient(MAML(inner_lr=rate, order=1)) - (a - rate * b),
            mean_gradient(reptile) / rate - (2 * a - rate * b),
        )
        residuals.append(torch.stack([difference.norm() for difference in differences]))
        assert float(residuals[-1].max()) < rate * float(b.norm()) / 4  # the two terms are nearly the whole gradient
    for wide, narrow in ((residuals[0], residuals[1]), (residuals[1], residuals[2])):
        assert all(3.8 < ratio < 4.2 for ratio in (wide / narrow).tolist()), wide / narrow


def test_the_ablation_has_all_its_terms() -> None:
    """Each g_k, and the sums of up to four of them, as in the paper's figure."""
    names = [recipe.name.removeprefix("reptile-ablation-") for recipe in Reptile.recipes if "ablation" in recipe.name]
    assert names == ["g1", "g2", "g3", "g4", "g1+g2", "g1+g2+g3", "g1+g2+g3+g4"]
