"""Reptile's Adam, which keeps its second moment from task to task, against torch's own."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from tokay import Examples, FitConfig, Reptile, Task, fit
from tokay.algorithms.gradient.reptile.moments import WithMoments
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.core.inner.minibatches import cycle

from .reptile_by_hand import TASKS, FixedSource, N, build_net, inner_batches, split_tasks, tasks


def _compare_with_one_adam(reptile: Reptile, train: Callable[[nn.Module, torch.optim.Optimizer, Task], None]) -> None:
    """Three tasks in a row: Reptile's weights and moments equal those of ``train`` with one Adam that is never reset."""
    net = build_net(moments=True)
    assert isinstance(net, WithMoments)
    copy = deepcopy(net.net)
    optimizer = torch.optim.Adam(copy.parameters(), lr=0.05, betas=(0.0, 0.999))
    config = FitConfig(steps=3, meta_batch=1, validate_every=0, schedule="constant")
    batches = [tasks(1) for _ in range(3)]
    source = FixedSource(batches[0])
    for step, next_batch in zip(fit(reptile, net, source, config), [*batches[1:], batches[0]], strict=True):
        train(copy, optimizer, batches[step.step - 1])
        for p, second, expected in zip(net.net.parameters(), net.second, copy.parameters(), strict=True):
            torch.testing.assert_close(p, expected, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(second.detach(), optimizer.state[expected]["exp_avg_sq"], rtol=1e-10, atol=1e-14)
        assert float(net.seen.detach()) == pytest.approx(1 - 0.999 ** (5 * step.step), rel=1e-10)
        source.batch = next_batch


def test_serial_reptile_at_rate_one_is_one_adam_that_is_never_reset() -> None:
    """As in the authors' code, the second moment continues from task to task. With eps = 1 the weights do, too."""
    reptile = Reptile(inner_lr=0.05, inner_batch=4)

    def train(copy: nn.Module, optimizer: torch.optim.Optimizer, batch: Task) -> None:
        support = batch.support
        for rows in cycle(N, reptile.inner_batch, reptile.inner_steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(copy(support.x[0][rows]), support.y[0][rows].int().argmax(1)).backward()
            optimizer.step()

    _compare_with_one_adam(reptile, train)


@pytest.mark.parametrize("tail", ["shared", "separate"])
def test_one_adam_is_never_reset_with_update_last(tail: Any) -> None:
    """As in the authors' code: a task's last step moves the initial weights, and the moment continues."""
    reptile = Reptile(inner_lr=0.05, inner_batch=4, update="last", tail=tail)

    def train(copy: nn.Module, optimizer: torch.optim.Optimizer, batch: Task) -> None:
        start = [p.detach().clone() for p in copy.parameters()]
        for x, y in inner_batches(split_tasks(batch)[0], reptile):
            previous = [p.detach().clone() for p in copy.parameters()]
            optimizer.zero_grad()
            nn.functional.cross_entropy(copy(x), y.int().argmax(1)).backward()
            optimizer.step()
        with torch.no_grad():
            for p, theta, q in zip(copy.parameters(), start, previous, strict=True):
                p.copy_(theta + p - q)

    _compare_with_one_adam(reptile, train)


def test_the_moments_move_to_the_mean_of_the_tasks_moments() -> None:
    reptile, net, batch = Reptile(inner_lr=0.05, inner_batch=4), build_net(moments=True), tasks()
    assert isinstance(net, WithMoments)
    for _ in fit(reptile, net, FixedSource(batch), FitConfig(steps=1, meta_batch=TASKS, validate_every=0)):
        pass
    net.zero_grad()
    initial = deepcopy(net)
    accumulate_meta_gradient(reptile, net, batch)
    task_moments = []
    for x, y in zip(*batch.support, strict=True):
        copy = deepcopy(initial.net)
        optimizer = torch.optim.Adam(copy.parameters(), lr=0.05, betas=(0.0, 0.999))
        for p, second in zip(copy.parameters(), initial.second, strict=True):
            state = {"step": torch.tensor(5.0), "exp_avg": torch.zeros_like(p), "exp_avg_sq": second.detach().clone()}
            optimizer.state[p] = state
        for rows in cycle(N, reptile.inner_batch, reptile.inner_steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(copy(x[rows]), y[rows].int().argmax(1)).backward()
            optimizer.step()
        task_moments.append([optimizer.state[p]["exp_avg_sq"] for p in copy.parameters()])
    for index, second in enumerate(net.second):
        expected = second.detach() - torch.stack([moments[index] for moments in task_moments]).mean(0)
        torch.testing.assert_close(second.grad, expected, rtol=1e-9, atol=1e-14)


def test_negative_moments_count_as_zero() -> None:
    reptile, net, batch = Reptile(inner_lr=0.05), build_net(moments=True), tasks()
    assert isinstance(net, WithMoments)
    fresh, _ = reptile.loss(net, Task(*(Examples(part.x[0], part.y[0]) for part in batch)))
    with torch.no_grad():
        for value in (*net.second, net.seen):
            value.fill_(-1e-9)
    below, _ = reptile.loss(net, Task(*(Examples(part.x[0], part.y[0]) for part in batch)))
    assert float(below.detach()) == pytest.approx(float(fresh.detach()), rel=1e-6)
    accumulate_meta_gradient(reptile, net, batch)
    assert all(
        float(value.grad.max()) < 0 for value in (*net.second, net.seen) if value.grad is not None
    )  # a step against the gradient raises them
