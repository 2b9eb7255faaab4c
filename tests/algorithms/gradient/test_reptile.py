"""Reptile against a slow loop with torch's own optimizers on copies of the network."""

from copy import deepcopy
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, Examples, FitConfig, Reptile, Sizes, Task, TaskSpec, fit, one_hot, over_tasks
from tokay.core.meta_gradient import accumulate_meta_gradient
from tokay.core.minibatches import cycle
from tokay.core.moments import WithMoments

SPEC = TaskSpec(x_shape=(4,), y_dim=3)
TASKS, N = 3, 6


def built(*, moments: bool = False) -> nn.Module:
    """A small network; without moments, so that every task's Adam starts afresh as torch's does."""
    reptile = Reptile(inner="adam" if moments else "sgd")
    return reptile.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC).double()


def tasks(count: int = TASKS) -> Task:
    def examples() -> Examples:
        y = one_hot(torch.stack([torch.randperm(N) % 3 for _ in range(count)]), 3)
        return Examples(torch.randn(count, N, 4, dtype=torch.float64), y)

    return Task(examples(), examples())


def looks(task: Task, reptile: Reptile) -> list[Examples]:
    """The mini-batches of the inner steps."""
    support, query = task
    rows = cycle(N, reptile.inner_batch, reptile.inner_steps)
    batches = [Examples(support.x[index], support.y[index]) for index in rows]
    return batches if reptile.tail == "shared" else [*batches[:-1], query]


def slow_path(net: nn.Module, task: Task, reptile: Reptile) -> list[list[Tensor]]:
    """The weights on the way of ordinary training of a copy on mini-batches."""
    copy = deepcopy(net)
    if reptile.inner == "adam":
        optimizer: Any = torch.optim.Adam(copy.parameters(), lr=reptile.inner_lr, betas=(0.0, 0.999))
    else:
        optimizer = torch.optim.SGD(copy.parameters(), lr=reptile.inner_lr)
    states = [[p.detach().clone() for p in copy.parameters()]]
    for x, y in looks(task, reptile):
        optimizer.zero_grad()
        nn.functional.cross_entropy(copy(x), y.int().argmax(1)).backward()
        optimizer.step()
        states.append([p.detach().clone() for p in copy.parameters()])
    return states


def slow(net: nn.Module, support: Examples, reptile: Reptile) -> list[Tensor]:
    """Where that ends."""
    return slow_path(net, Task(support, support), reptile)[-1]


def each(batch: Task) -> list[Task]:
    (sx, sy), (qx, qy) = batch
    return [Task(Examples(sx[i], sy[i]), Examples(qx[i], qy[i])) for i in range(len(sx))]


SETTINGS = [
    Reptile(inner=inner, inner_lr=0.05, inner_steps=steps, inner_batch=batch)
    for inner in ("adam", "sgd")
    for steps, batch in ((1, 6), (4, 6), (5, 2), (4, 4))
]


@pytest.mark.parametrize("reptile", SETTINGS, ids=str)
@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_the_gradient_is_start_minus_mean_end(reptile: Reptile, mode: Any) -> None:
    net, batch = built(), tasks()
    ends = [slow(net, Examples(x, y), reptile) for x, y in zip(*batch.support, strict=True)]
    accumulate_meta_gradient(reptile, net, batch, mode=mode)
    for p, *found in zip(net.parameters(), *ends, strict=True):
        expected = p.detach() - torch.stack(found).mean(0)
        torch.testing.assert_close(p.grad, expected, rtol=1e-12, atol=1e-14)
        assert float(expected.abs().max()) > 1e-3


@pytest.mark.parametrize("reptile", SETTINGS, ids=str)
def test_the_cost_is_half_the_squared_way(reptile: Reptile) -> None:
    net, batch = built(), tasks(1)
    support = Examples(batch.support.x[0], batch.support.y[0])
    way = sum(
        float((p.detach() - q).square().sum())
        for p, q in zip(net.parameters(), slow(net, support, reptile), strict=True)
    )
    cost, _ = reptile.loss(net, Task(support, support))
    assert float(cost.detach()) == pytest.approx(way / 2, rel=1e-11)


COMBINATIONS = [
    Reptile(inner=inner, inner_lr=0.05, inner_steps=steps, inner_batch=batch, update=update, tail=tail)
    for inner in ("adam", "sgd")
    for update in ("all", "last")
    for tail in ("shared", "separate")
    for steps, batch in ((1, 6), (2, 6), (4, 4))
]


@pytest.mark.parametrize("reptile", COMBINATIONS, ids=str)
def test_every_combination_of_gradients(reptile: Reptile) -> None:
    """All steps or the last one, on the support set or on the query set, by hand; under vmap, in chunks, in the loop."""
    net, batch = built(), tasks()
    paths = [slow_path(net, task, reptile) for task in each(batch)]
    ways = []
    for path in paths:
        since = path[0] if reptile.update == "all" else path[-2]
        ways.append([q - p for p, q in zip(since, path[-1], strict=True)])
    costs = [sum(float(way.square().sum()) for way in found) / 2 for found in ways]
    for how in ({"mode": "vmap"}, {"mode": "loop"}, {"chunk_size": 2}):
        net.zero_grad()
        cost, _ = accumulate_meta_gradient(reptile, net, batch, **how)  # type: ignore[arg-type]
        assert float(cost) == pytest.approx(sum(costs) / TASKS, rel=1e-10)
        for p, *found in zip(net.parameters(), *ways, strict=True):
            expected = -torch.stack(found).mean(0)
            torch.testing.assert_close(p.grad, expected, rtol=1e-11, atol=1e-14)
            assert float(expected.abs().max()) > 1e-4


class _Given:
    """A source of the tasks that it is given."""

    def __init__(self, batch: Task) -> None:
        self.batch, self.spec = batch, SPEC

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return self.batch


def test_one_outer_step_of_rate_one_lands_where_the_task_ends() -> None:
    """Serial Reptile with the meta step at 1, by Tokay's own outer loop and defaults."""
    reptile, net, batch = Reptile(inner_lr=0.05), built(), tasks(1)
    end = slow(net, Examples(batch.support.x[0], batch.support.y[0]), reptile)
    (step,) = fit(reptile, net, _Given(batch), FitConfig(steps=1, meta_batch=1, validate_every=0))
    assert step.lr == 1.0
    for p, expected in zip(net.parameters(), end, strict=True):
        torch.testing.assert_close(p.detach(), expected, rtol=1e-12, atol=1e-14)


def test_the_rate_of_the_outer_step_goes_from_one_to_zero() -> None:
    """Three outer steps by hand: theta <- theta + eps mean(theta_T - theta), eps = 1, 2/3, 1/3."""
    reptile, net, batch = Reptile(inner_lr=0.05, inner_batch=4), built(), tasks()
    by_hand = deepcopy(net)
    for eps in (1, 2 / 3, 1 / 3):
        ends = [slow(by_hand, Examples(x, y), reptile) for x, y in zip(*batch.support, strict=True)]
        with torch.no_grad():
            for p, *found in zip(by_hand.parameters(), *ends, strict=True):
                p.add_(torch.stack(found).mean(0) - p, alpha=eps)
    assert len(list(fit(reptile, net, _Given(batch), FitConfig(steps=3, meta_batch=TASKS, validate_every=0)))) == 3
    for p, expected in zip(net.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, expected, rtol=1e-11, atol=1e-13)


def test_serial_reptile_at_rate_one_is_one_adam_that_is_never_reset() -> None:
    """As in the authors' code: the second moment runs on from task to task. With eps = 1 the weights do as well."""
    reptile, net = Reptile(inner_lr=0.05, inner_batch=4), built(moments=True)
    assert isinstance(net, WithMoments)
    copy = deepcopy(net.net)
    optimizer = torch.optim.Adam(copy.parameters(), lr=0.05, betas=(0.0, 0.999))
    config = FitConfig(steps=3, meta_batch=1, validate_every=0, schedule="constant")
    batches = [tasks(1) for _ in range(3)]
    given = _Given(batches[0])
    for step, following in zip(fit(reptile, net, given, config), [*batches[1:], batches[0]], strict=True):
        support = batches[step.step - 1].support
        for rows in cycle(N, reptile.inner_batch, reptile.inner_steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(copy(support.x[0][rows]), support.y[0][rows].int().argmax(1)).backward()
            optimizer.step()
        for p, second, expected in zip(net.net.parameters(), net.second, copy.parameters(), strict=True):
            torch.testing.assert_close(p, expected, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(second.detach(), optimizer.state[expected]["exp_avg_sq"], rtol=1e-10, atol=1e-14)
        assert float(net.seen.detach()) == pytest.approx(1 - 0.999 ** (5 * step.step), rel=1e-10)
        given.batch = following


def test_the_moments_go_where_those_of_the_tasks_are_on_average() -> None:
    reptile, net, batch = Reptile(inner_lr=0.05, inner_batch=4), built(moments=True), tasks()
    assert isinstance(net, WithMoments)
    for _ in fit(reptile, net, _Given(batch), FitConfig(steps=1, meta_batch=TASKS, validate_every=0)):
        pass
    net.zero_grad()
    before = deepcopy(net)
    accumulate_meta_gradient(reptile, net, batch)
    found = []
    for x, y in zip(*batch.support, strict=True):
        copy = deepcopy(before.net)
        optimizer = torch.optim.Adam(copy.parameters(), lr=0.05, betas=(0.0, 0.999))
        for p, second in zip(copy.parameters(), before.second, strict=True):
            state = {"step": torch.tensor(5.0), "exp_avg": torch.zeros_like(p), "exp_avg_sq": second.detach().clone()}
            optimizer.state[p] = state
        for rows in cycle(N, reptile.inner_batch, reptile.inner_steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(copy(x[rows]), y[rows].int().argmax(1)).backward()
            optimizer.step()
        found.append([optimizer.state[p]["exp_avg_sq"] for p in copy.parameters()])
    for index, second in enumerate(net.second):
        expected = second.detach() - torch.stack([moments[index] for moments in found]).mean(0)
        torch.testing.assert_close(second.grad, expected, rtol=1e-9, atol=1e-14)


def test_moments_that_another_outer_optimizer_took_below_zero_count_as_zero() -> None:
    reptile, net, batch = Reptile(inner_lr=0.05), built(moments=True), tasks()
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
    )  # upwards again


@pytest.mark.parametrize("update", ["all", "last"])
@pytest.mark.parametrize("tail", ["shared", "separate"])
def test_one_step_of_sgd_is_joint_training(update: Any, tail: Any) -> None:
    """theta - theta_T is then inner_lr times the gradient of the mean loss of what the step looks at."""
    net, batch = built(), tasks()
    reptile = Reptile(inner="sgd", inner_lr=0.3, inner_steps=1, inner_batch=N, update=update, tail=tail)
    accumulate_meta_gradient(reptile, net, batch)
    x, y = batch.support if tail == "shared" else batch.query
    joint = nn.functional.cross_entropy(net(x.flatten(0, 1)), y.flatten(0, 1).int().argmax(1))
    for p, g in zip(net.parameters(), torch.autograd.grad(joint, list(net.parameters())), strict=True):
        torch.testing.assert_close(p.grad, 0.3 * g, rtol=1e-10, atol=1e-14)


def test_the_last_step_on_a_separate_tail_is_first_order_maml() -> None:
    """Three steps on the support set and one on the query set: inner_lr times FOMAML's gradient after three."""
    net, batch = built(), tasks()
    reptile = Reptile(inner="sgd", inner_lr=0.3, inner_steps=4, inner_batch=N, update="last", tail="separate")
    fomaml = MAML(inner_lr=0.3, inner_steps=3, order=1)
    found = []
    for algorithm in (reptile, fomaml):
        net.zero_grad()
        accumulate_meta_gradient(algorithm, net, batch)
        found.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, 0.3 * theirs, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("tail", ["shared", "separate"])
def test_one_adam_is_never_reset_where_the_last_step_alone_counts(tail: Any) -> None:
    """As in the authors' code: weights are put back after a task and moved by its last step; the moment runs on."""
    reptile, net = Reptile(inner_lr=0.05, inner_batch=4, update="last", tail=tail), built(moments=True)
    assert isinstance(net, WithMoments)
    copy = deepcopy(net.net)
    optimizer = torch.optim.Adam(copy.parameters(), lr=0.05, betas=(0.0, 0.999))
    config = FitConfig(steps=3, meta_batch=1, validate_every=0, schedule="constant")
    batches = [tasks(1) for _ in range(3)]
    given = _Given(batches[0])
    for step, following in zip(fit(reptile, net, given, config), [*batches[1:], batches[0]], strict=True):
        start = [p.detach().clone() for p in copy.parameters()]
        for x, y in looks(each(batches[step.step - 1])[0], reptile):
            before = [p.detach().clone() for p in copy.parameters()]
            optimizer.zero_grad()
            nn.functional.cross_entropy(copy(x), y.int().argmax(1)).backward()
            optimizer.step()
        with torch.no_grad():
            for p, theta, previous in zip(copy.parameters(), start, before, strict=True):
                p.copy_(theta + p - previous)
        for p, second, expected in zip(net.net.parameters(), net.second, copy.parameters(), strict=True):
            torch.testing.assert_close(p, expected, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(second.detach(), optimizer.state[expected]["exp_avg_sq"], rtol=1e-10, atol=1e-14)
        assert float(net.seen.detach()) == pytest.approx(1 - 0.999 ** (5 * step.step), rel=1e-10)
        given.batch = following


def test_the_expansion_in_the_inner_rate() -> None:
    """The paper's leading terms for k = 2: MAML A - 2aB, FOMAML A - aB, Reptile 2A - aB, each up to a².

    A is the mean gradient of a mini-batch and B the mean gradient of half the product of two; the expectation is over
    all ordered pairs of five mini-batches of one task, each pair a task of its own.
    """
    net, (x, y) = built(), tasks(5).support
    weights = list(net.parameters())

    def flat(value: Tensor, **more: Any) -> Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, weights, **more)])

    def cross(k: int) -> Tensor:
        return nn.functional.cross_entropy(net(x[k]), y[k].int().argmax(1))

    first, second = torch.tensor(list(permutations(range(5), 2))).T
    pairs = Task(Examples(x[first], y[first]), Examples(x[second], y[second]))
    gradients = torch.stack([flat(cross(k), create_graph=True) for k in range(5)])
    a = gradients.mean(0).detach()
    b = flat((gradients[first] * gradients[second]).sum(1).mean() / 2)
    assert float(b.norm()) > 0.1

    def mean_gradient(method: Any) -> Tensor:
        return flat(over_tasks(lambda task: method.loss(net, task)[0], pairs).mean())

    left = []
    for rate in (0.02, 0.01, 0.005):
        reptile = Reptile(inner="sgd", inner_lr=rate, inner_steps=2, inner_batch=N, tail="separate")
        rests = (
            mean_gradient(MAML(inner_lr=rate)) - (a - 2 * rate * b),
            mean_gradient(MAML(inner_lr=rate, order=1)) - (a - rate * b),
            mean_gradient(reptile) / rate - (2 * a - rate * b),
        )
        left.append(torch.stack([rest.norm() for rest in rests]))
        assert float(left[-1].max()) < rate * float(b.norm()) / 4  # the two terms are nearly all there is
    for wide, narrow in ((left[0], left[1]), (left[1], left[2])):
        assert all(3.8 < ratio < 4.2 for ratio in (wide / narrow).tolist()), wide / narrow


def test_minibatches_cycle_without_replacement() -> None:
    """With inputs that count the looks at them: after three steps of two, every one of six was seen once."""
    seen: list[int] = []

    class Watching(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            seen.extend(x[:, 0].detach().int().tolist())
            return super().forward(x)

    support = Examples(torch.arange(6.0)[:, None], torch.randn(6, 1))
    Reptile(inner="sgd", inner_steps=3, inner_batch=2).adapt(Watching(1, 1), support)
    assert sorted(seen) == list(range(6))


def test_the_query_is_reported_and_not_trained_on() -> None:
    reptile, net, batch = Reptile(inner_lr=0.05), built(), tasks(1)
    (sx, sy), (qx, qy) = batch
    task = Task(Examples(sx[0], sy[0]), Examples(qx[0], qy[0]))
    other = Task(task.support, Examples(task.query.x + 5, task.query.y.roll(1, 1)))
    costs = [reptile.loss(net, t) for t in (task, other)]
    assert float(costs[0][0].detach()) == float(costs[1][0].detach())
    assert float(costs[0][1]["loss"]) != float(costs[1][1]["loss"])
    assert not costs[0][1]["loss"].requires_grad


def test_what_is_frozen_stays() -> None:
    net, batch = built(), tasks()
    net.get_submodule("backbone").requires_grad_(False)
    accumulate_meta_gradient(Reptile(inner_lr=0.05), net, batch)
    assert [name for name, p in net.named_parameters() if p.grad is not None] == ["head.weight", "head.bias"]


def test_settings_of_the_paper() -> None:
    reptile = Reptile()
    assert (reptile.outer.optimizer, reptile.outer.lr, reptile.outer.schedule) == ("sgd", 1.0, "linear")
    tested = reptile.at_test()
    assert (tested.inner_steps, tested.inner_batch, tested.inner_lr) == (50, 5, 1e-3)
    assert reptile.training_sizes(Sizes(ways=5, shots=1, queries=15)) == Sizes(ways=5, shots=10, queries=1)
    separate = Reptile(tail="separate").training_sizes(Sizes(ways=20, shots=1, queries=15))
    assert separate == Sizes(ways=20, shots=5, queries=5)


def test_the_separate_tail_is_for_training_alone() -> None:
    """A new task has no query set to learn from: all steps are on its support set."""
    net, task = built(), each(tasks(1))[0]
    shared, separate = (Reptile(inner="sgd", inner_lr=0.3, tail=tail).at_test() for tail in ("shared", "separate"))
    ends = [reptile.adapt(net, task.support) for reptile in (shared, separate)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert len(list(separate.path(net, task.support))) == 51


def test_the_ablation_has_all_its_terms() -> None:
    """g_k alone and their sums, as the paper's figure combines up to four of them."""
    names = [recipe.name.removeprefix("reptile-ablation-") for recipe in Reptile.recipes if "ablation" in recipe.name]
    assert names == ["g1", "g2", "g3", "g4", "g1+g2", "g1+g2+g3", "g1+g2+g3+g4"]
