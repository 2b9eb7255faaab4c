"""MAML against closed forms on linear models."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, Examples, Sizes, Task, one_hot, over_tasks
from tokay.core.engine.meta_gradient import accumulate_meta_gradient


def linear(*weights: float) -> nn.Linear:
    net = nn.Linear(len(weights), 1, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([weights]))
    return net


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def one_task(n: int = 5) -> Task:
    """Points of a noisy line through the origin."""
    x, y = torch.randn(2, 2, n, 1, dtype=torch.float64)
    return Task(Examples(x[0], y[0]), Examples(x[1], y[1]))


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("order", [1, 2])
def test_one_weight_in_closed_form(order: Any, steps: int) -> None:
    """y = w x, mean squared error: with a = mean x², b = mean xy a step is w <- w - 2 lr (a w - b)."""
    net, task, lr = linear(1.5), one_task(), 0.1
    (x, y), (u, v) = task
    a, b = float((x * x).mean()), float((x * y).mean())
    w = 1.5
    for _ in range(steps):
        w -= 2 * lr * (a * w - b)
    maml = MAML(inner_lr=lr, inner_steps=steps, order=order)
    assert float(maml.adapt(net, task.support)["weight"].detach()) == pytest.approx(w, rel=1e-12)
    cost, metrics = maml.loss(net, task)
    assert float(cost.detach()) == float(metrics["mse"].detach()) == pytest.approx(float(((w * u - v) ** 2).mean()))
    cost.backward()
    outer = 2 * float((u * (w * u - v)).mean())
    slope = (1 - 2 * lr * a) ** steps if order == 2 else 1.0
    assert net.weight.grad is not None
    assert float(net.weight.grad) == pytest.approx(outer * slope, rel=1e-12)


def test_three_weights_in_whole_numbers() -> None:
    """The numbers of torchmeta's test: w = (2, 3, 5), x = (1, 2, 3), and a step of 1/2 on (w·x)²/2."""
    net = linear(2, 3, 5)
    x, u = torch.tensor([[1.0, 2.0, 3.0]]).double(), torch.tensor([[4.0, 5.0, 6.0]]).double()
    task = Task(Examples(x, column(0)), Examples(u, column(7)))
    second, first = MAML(inner_lr=0.25, inner_steps=1), MAML(inner_lr=0.25, inner_steps=1, order=1)
    assert second.adapt(net, task.support)["weight"].tolist() == [[-9.5, -20.0, -29.5]]
    cost, _ = second.loss(net, task)
    assert float(cost.detach()) == 322.0**2
    # d cost / d w = (I - x xᵀ / 2) u * 2 (w'·u - 7) = (-12, -27, -42) * -644
    assert torch.autograd.grad(cost, net.weight)[0].tolist() == [[7728.0, 17388.0, 27048.0]]
    assert torch.autograd.grad(first.loss(net, task)[0], net.weight)[0].tolist() == [[-2576.0, -3220.0, -3864.0]]


def deep() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def test_first_order_is_the_gradient_at_the_adapted_copy() -> None:
    net, task = deep(), one_task()
    maml = MAML(inner_lr=0.2, inner_steps=3, order=1)
    maml.loss(net, task)[0].backward()
    copy = deep()
    copy.load_state_dict({name: p.detach() for name, p in maml.adapt(net, task.support).items()})
    (copy(task.query.x) - task.query.y).square().mean().backward()
    for p, q in zip(net.parameters(), copy.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-12, atol=1e-14)


def test_both_orders_adapt_equally() -> None:
    net, task = deep(), one_task()
    states = [MAML(inner_lr=0.2, inner_steps=3, order=order).adapt(net, task.support) for order in (1, 2)]
    for name in states[0]:
        assert torch.equal(states[0][name], states[1][name])


def by_hand(
    net: nn.Module, task: Task, *, lr: float, steps: int, through: int, clip: float = float("inf")
) -> list[Tensor]:
    """The meta-gradient of one task, by a plain loop that detaches the gradients of the first ``steps - through`` steps."""
    start = dict(net.named_parameters())
    params = dict(start)
    for step in range(steps):
        outputs = torch.func.functional_call(net, params, (task.support.x,))
        grads = torch.autograd.grad(
            (outputs - task.support.y).square().mean(), list(params.values()), create_graph=True
        )
        length = torch.cat([g.flatten() for g in grads]).norm()
        if float(length.detach()) > clip:
            grads = tuple(g * clip / length for g in grads)
        if step < steps - through:
            grads = tuple(g.detach() for g in grads)
        params = {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}
    outputs = torch.func.functional_call(net, params, (task.query.x,))
    return list(torch.autograd.grad((outputs - task.query.y).square().mean(), list(start.values())))


def make_batch(count: int = 4) -> Task:
    """Tasks whose gradients have very different lengths, so that a clip is active only in some of them."""
    parts = []
    for _ in range(2):
        x, y = torch.randn(2, count, 5, 1, dtype=torch.float64)
        parts.append(Examples(x, y * torch.logspace(-1, 1, count, dtype=torch.float64)[:, None, None]))
    return Task(*parts)


def gradient(maml: MAML, net: nn.Module, batch: Task, **options: Any) -> list[Tensor]:
    net.zero_grad()
    accumulate_meta_gradient(maml, net, batch, **options)
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


def split_tasks(batch: Task) -> list[Task]:
    (sx, sy), (qx, qy) = batch
    return [Task(Examples(sx[i], sy[i]), Examples(qx[i], qy[i])) for i in range(len(sx))]


def assert_same(actual: list[Tensor], expected: list[Tensor], rtol: float = 1e-10) -> None:
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("through", [1, 2, 3, 4])
def test_backprop_through_the_last_steps_only(through: int, clip: float | None) -> None:
    net, batch = deep(), make_batch()
    maml = MAML(inner_lr=0.2, inner_steps=4, backprop_steps=through, inner_clip=clip)
    limits: Any = {"through": through, "clip": clip or float("inf")}
    grads_by_hand = [by_hand(net, task, lr=0.2, steps=4, **limits) for task in split_tasks(batch)]
    expected = [torch.stack(task_grads).mean(0) for task_grads in zip(*grads_by_hand, strict=True)]
    for options in ({"mode": "vmap"}, {"mode": "loop"}, {"chunk_size": 3}):
        assert_same(gradient(maml, net, batch, **options), expected)


def test_backprop_through_none_some_and_all_steps() -> None:
    """The default is all steps; a larger number is all steps too. Each smaller number gives a different gradient."""
    net, batch = deep(), make_batch()

    def gradient_for(**settings: Any) -> list[Tensor]:
        return gradient(MAML(inner_lr=0.2, inner_steps=3, **settings), net, batch)

    for through in (3, 4, 100):
        assert all(torch.equal(a, b) for a, b in zip(gradient_for(), gradient_for(backprop_steps=through), strict=True))
    # Order 1 differentiates through no step, for any backprop_steps.
    assert all(
        torch.equal(a, b) for a, b in zip(gradient_for(order=1), gradient_for(order=1, backprop_steps=2), strict=True)
    )
    different = [gradient_for(order=1), gradient_for(backprop_steps=1), gradient_for(backprop_steps=2), gradient_for()]
    for i, a in enumerate(different):
        for b in different[:i]:
            assert max(float((p - q).abs().max()) for p, q in zip(a, b, strict=True)) > 1e-3


def test_backprop_steps_do_not_change_the_adapted_weights() -> None:
    net, task = deep(), one_task()
    paths = [list(MAML(inner_lr=0.2, inner_steps=4, backprop_steps=n).path(net, task.support)) for n in (None, 1, 3, 9)]
    assert [len(path) for path in paths] == [5] * 4
    for states in zip(*paths, strict=True):
        for state in states[1:]:
            assert all(torch.equal(state[name], states[0][name]) for name in state)


def test_fewer_backprop_steps_record_less() -> None:
    """The graph of the result grows with ``backprop_steps``."""
    net, task = deep(), one_task()

    def nodes(through: int) -> int:
        cost, _ = MAML(inner_lr=0.2, inner_steps=6, backprop_steps=through).loss(net, task)
        visited: set[Any] = set()
        queue: list[Any] = [cost.grad_fn]
        while queue:
            node = queue.pop()
            if node is not None and node not in visited:
                visited.add(node)
                queue += [child for child, _ in node.next_functions]
        return len(visited)

    assert nodes(1) < nodes(3) < nodes(6)
    assert nodes(1) < nodes(6) / 3


@pytest.mark.parametrize("order", [1, 2])
def test_no_inner_step_is_longer_than_the_clip_allows(order: Any) -> None:
    net, task = deep(), split_tasks(make_batch())[-1]
    lengths = {}
    for clip in (None, 0.3):
        path = list(MAML(inner_lr=0.2, inner_steps=3, inner_clip=clip, order=order).path(net, task.support))
        displacements = [torch.cat([(b[name] - a[name]).flatten() for name in a]) for a, b in pairwise(path)]
        lengths[clip] = [float(displacement.detach().norm()) for displacement in displacements]
    assert min(lengths[None]) > 0.2 * 0.3
    assert lengths[0.3] == pytest.approx([0.2 * 0.3] * 3, rel=1e-12)


@pytest.mark.parametrize("clip", [0.05, 0.5, 1e6])
def test_the_clipped_meta_gradient_against_finite_differences(clip: float) -> None:
    """The clip is active in all tasks, in some tasks, in no task."""
    net, batch = deep(), make_batch()
    maml = MAML(inner_lr=0.2, inner_steps=2, inner_clip=clip)
    meta_grad, width = gradient(maml, net, batch), 1e-5
    direction = [torch.randn_like(p) for p in net.parameters()]

    def cost(distance: float) -> float:
        with torch.no_grad():
            for p, d in zip(net.parameters(), direction, strict=True):
                p.add_(d, alpha=distance)
            value = float(over_tasks(lambda task: maml.loss(net, task)[0], batch).mean())
            for p, d in zip(net.parameters(), direction, strict=True):
                p.sub_(d, alpha=distance)
        return value

    slope = sum(float((g * d).sum()) for g, d in zip(meta_grad, direction, strict=True))
    assert slope == pytest.approx((cost(width) - cost(-width)) / (2 * width), rel=1e-6)


def test_a_rate_near_zero_is_joint_training() -> None:
    net = deep()
    batch = Task(*(Examples(*torch.randn(2, 4, 5, 1, dtype=torch.float64)) for _ in range(2)))
    maml = MAML(inner_lr=1e-9)
    cost = over_tasks(lambda task: maml.loss(net, task)[0], batch).mean()
    joint = (net(batch.query.x) - batch.query.y).square().mean()
    for ours, theirs in zip(*(torch.autograd.grad(c, list(net.parameters())) for c in (cost, joint)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def test_frozen_weights_do_not_adapt() -> None:
    net, task = deep(), one_task()
    net[0].requires_grad_(False)
    maml = MAML(inner_lr=0.2)
    assert set(maml.adapt(net, task.support)) == {"2.weight", "2.bias"}
    maml.loss(net, task)[0].backward()
    assert net[0].weight.grad is None
    assert net[2].weight.grad is not None


def test_the_path_starts_at_the_network() -> None:
    net, task = deep(), one_task()
    path = list(MAML(inner_steps=4, inner_lr=0.1).path(net, task.support))
    assert len(path) == 5
    assert all(torch.equal(path[0][name], p) for name, p in net.named_parameters())
    losses = [
        float((torch.func.functional_call(net, dict(s), (task.support.x,)) - task.support.y).square().mean().detach())
        for s in path
    ]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("kind, rate", [("classification", 2.0), ("regression", 0.01)])
def test_the_default_rate_is_the_papers(kind: str, rate: float) -> None:
    net, x = nn.Linear(4, 3).double(), torch.randn(6, 4, dtype=torch.float64)
    y = one_hot(torch.arange(6) % 3, 3) if kind == "classification" else torch.randn(6, 3, dtype=torch.float64)
    default, explicit = (maml.adapt(net, Examples(x, y)) for maml in (MAML(), MAML(inner_lr=rate)))
    assert all(torch.equal(default[name], explicit[name]) for name in explicit)
    assert not torch.equal(explicit["weight"], net.weight)


def test_at_test_takes_the_test_steps() -> None:
    maml = MAML(inner_lr=0.3, inner_steps=2, test_steps=7, order=1)
    assert maml.at_test() == MAML(inner_lr=0.3, inner_steps=7, test_steps=7, order=1)
    assert len(list(maml.at_test().path(deep(), one_task().support))) == 8


def test_trains_on_as_many_queries_as_shots() -> None:
    assert MAML().training_sizes(Sizes(ways=20, shots=5, queries=15)) == Sizes(ways=20, shots=5, queries=5)


def test_recipes_cover_both_orders() -> None:
    orders = {recipe.name: "--order 1" in recipe.flags for recipe in MAML.recipes if recipe.source == "omniglot"}
    tasks = ("5w1s", "5w5s", "20w1s", "20w5s")
    assert orders == {f"{name}-omniglot-{task}": name == "fomaml" for task in tasks for name in ("maml", "fomaml")}
