"""Reptile against a slow loop with torch's own optimizers on copies of the network."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import Examples, FitConfig, Reptile, Sizes, Task, fit
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

from .reptile_by_hand import TASKS, FixedSource, build_net, slow_end, slow_path, split_tasks, tasks

SETTINGS = [
    Reptile(inner=inner, inner_lr=0.05, inner_steps=steps, inner_batch=batch)
    for inner in ("adam", "sgd")
    for steps, batch in ((1, 6), (4, 6), (5, 2), (4, 4))
]


@pytest.mark.parametrize("reptile", SETTINGS, ids=str)
@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_the_gradient_is_start_minus_mean_end(reptile: Reptile, mode: Any) -> None:
    net, batch = build_net(), tasks()
    ends = [slow_end(net, Examples(x, y), reptile) for x, y in zip(*batch.support, strict=True)]
    accumulate_meta_gradient(reptile, net, batch, mode=mode)
    for p, *task_ends in zip(net.parameters(), *ends, strict=True):
        expected = p.detach() - torch.stack(task_ends).mean(0)
        torch.testing.assert_close(p.grad, expected, rtol=1e-12, atol=1e-14)
        assert float(expected.abs().max()) > 1e-3


@pytest.mark.parametrize("reptile", SETTINGS, ids=str)
def test_the_cost_is_half_the_squared_distance(reptile: Reptile) -> None:
    net, batch = build_net(), tasks(1)
    support = Examples(batch.support.x[0], batch.support.y[0])
    squared_distance = sum(
        float((p.detach() - q).square().sum())
        for p, q in zip(net.parameters(), slow_end(net, support, reptile), strict=True)
    )
    cost, _ = reptile.loss(net, Task(support, support))
    assert float(cost.detach()) == pytest.approx(squared_distance / 2, rel=1e-11)


COMBINATIONS = [
    Reptile(inner=inner, inner_lr=0.05, inner_steps=steps, inner_batch=batch, update=update, tail=tail)
    for inner in ("adam", "sgd")
    for update in ("all", "last")
    for tail in ("shared", "separate")
    for steps, batch in ((1, 6), (2, 6), (4, 4))
]


@pytest.mark.parametrize("reptile", COMBINATIONS, ids=str)
def test_every_combination_of_gradients(reptile: Reptile) -> None:
    """All steps or the last one, shared or separate tail, against a hand-written loop; by vmap, loop and chunks."""
    net, batch = build_net(), tasks()
    paths = [slow_path(net, task, reptile) for task in split_tasks(batch)]
    displacements = []
    for path in paths:
        origin = path[0] if reptile.update == "all" else path[-2]
        displacements.append([q - p for p, q in zip(origin, path[-1], strict=True)])
    costs = [sum(float(d.square().sum()) for d in task_displacements) / 2 for task_displacements in displacements]
    for options in ({"mode": "vmap"}, {"mode": "loop"}, {"chunk_size": 2}):
        net.zero_grad()
        cost, _ = accumulate_meta_gradient(reptile, net, batch, **options)  # type: ignore[arg-type]
        assert float(cost) == pytest.approx(sum(costs) / TASKS, rel=1e-10)
        for p, *task_displacements in zip(net.parameters(), *displacements, strict=True):
            expected = -torch.stack(task_displacements).mean(0)
            torch.testing.assert_close(p.grad, expected, rtol=1e-11, atol=1e-14)
            assert float(expected.abs().max()) > 1e-4


def test_the_order_of_rows_matters_unless_a_batch_holds_all() -> None:
    net, support = build_net(), split_tasks(tasks(1))[0].support
    reordered = Examples(support.x.flip(0), support.y.flip(0))
    for batch, same in ((2, False), (6, True)):
        reptile = Reptile(inner="sgd", inner_lr=0.5, inner_steps=4, inner_batch=batch)
        a, b = (reptile.adapt(net, examples)["head.weight"] for examples in (support, reordered))
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12) is same
    assert "support_order[mini-batches]" in Reptile.exceptions


def test_one_outer_step_of_rate_one_gives_the_trained_weights() -> None:
    """Serial Reptile with outer rate 1, by Tokay's own outer loop and defaults."""
    reptile, net, batch = Reptile(inner_lr=0.05), build_net(), tasks(1)
    end = slow_end(net, Examples(batch.support.x[0], batch.support.y[0]), reptile)
    (step,) = fit(reptile, net, FixedSource(batch), FitConfig(steps=1, meta_batch=1, validate_every=0))
    assert step.lr == 1.0
    for p, expected in zip(net.parameters(), end, strict=True):
        torch.testing.assert_close(p.detach(), expected, rtol=1e-12, atol=1e-14)


def test_the_rate_of_the_outer_step_goes_from_one_to_zero() -> None:
    """Three outer steps by hand: theta <- theta + eps mean(theta_T - theta), eps = 1, 2/3, 1/3."""
    reptile, net, batch = Reptile(inner_lr=0.05, inner_batch=4), build_net(), tasks()
    by_hand = deepcopy(net)
    for eps in (1, 2 / 3, 1 / 3):
        ends = [slow_end(by_hand, Examples(x, y), reptile) for x, y in zip(*batch.support, strict=True)]
        with torch.no_grad():
            for p, *task_ends in zip(by_hand.parameters(), *ends, strict=True):
                p.add_(torch.stack(task_ends).mean(0) - p, alpha=eps)
    assert len(list(fit(reptile, net, FixedSource(batch), FitConfig(steps=3, meta_batch=TASKS, validate_every=0)))) == 3
    for p, expected in zip(net.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, expected, rtol=1e-11, atol=1e-13)


def test_minibatches_cycle_without_replacement() -> None:
    """Three steps of two examples use each of the six examples once."""
    inputs: list[int] = []

    class RecordingLinear(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            inputs.extend(int(value) for value in x[:, 0])
            return super().forward(x)

    support = Examples(torch.arange(6.0)[:, None], torch.randn(6, 1))
    Reptile(inner="sgd", inner_steps=3, inner_batch=2).adapt(RecordingLinear(1, 1), support)
    assert sorted(inputs) == list(range(6))


def test_the_query_is_reported_and_not_trained_on() -> None:
    reptile, net, batch = Reptile(inner_lr=0.05), build_net(), tasks(1)
    (sx, sy), (qx, qy) = batch
    task = Task(Examples(sx[0], sy[0]), Examples(qx[0], qy[0]))
    other = Task(task.support, Examples(task.query.x + 5, task.query.y.roll(1, 1)))
    costs = [reptile.loss(net, t) for t in (task, other)]
    assert float(costs[0][0].detach()) == float(costs[1][0].detach())
    assert float(costs[0][1]["loss"]) != float(costs[1][1]["loss"])
    assert not costs[0][1]["loss"].requires_grad


def test_frozen_weights_stay() -> None:
    net, batch = build_net(), tasks()
    net.get_submodule("backbone").requires_grad_(False)
    accumulate_meta_gradient(Reptile(inner_lr=0.05), net, batch)
    assert [name for name, p in net.named_parameters() if p.grad is not None] == ["head.weight", "head.bias"]


def test_settings_of_the_paper() -> None:
    reptile = Reptile()
    assert (reptile.outer.optimizer, reptile.outer.lr, reptile.outer.schedule) == ("sgd", 1.0, "linear")
    at_test = reptile.at_test()
    assert (at_test.inner_steps, at_test.inner_batch, at_test.inner_lr) == (50, 5, 1e-3)
    assert reptile.training_sizes(Sizes(ways=5, shots=1, queries=15)) == Sizes(ways=5, shots=10, queries=1)
    separate = Reptile(tail="separate").training_sizes(Sizes(ways=20, shots=1, queries=15))
    assert separate == Sizes(ways=20, shots=5, queries=5)


def test_the_separate_tail_is_for_training_only() -> None:
    """A new task has no query set for training: all steps use its support set."""
    net, task = build_net(), split_tasks(tasks(1))[0]
    shared, separate = (Reptile(inner="sgd", inner_lr=0.3, tail=tail).at_test() for tail in ("shared", "separate"))
    ends = [reptile.adapt(net, task.support) for reptile in (shared, separate)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert len(list(separate.path(net, task.support))) == 51
