"""ANIL against a hand-written MAML whose inner loop adapts only the head."""

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tokay import (
    ANIL,
    MAML,
    Examples,
    FitConfig,
    Learner,
    NetworkError,
    Sizes,
    Task,
    TaskSpec,
    fit,
    one_hot,
    over_tasks,
)
from tokay.core.objectives import objective


def build_method_and_net(kind: Any = "classification", **settings: Any) -> tuple[ANIL, nn.Module]:
    anil = ANIL(**settings)
    body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, track_running_stats=False), nn.Tanh())
    return anil, anil.build(body, TaskSpec(x_shape=(4,), y_dim=3, kind=kind)).double()


def one_task(kind: str = "classification") -> Task:
    x = torch.randn(2, 9, 4, dtype=torch.float64)
    labels = one_hot(torch.arange(9) % 3, 3)
    y = [labels, labels] if kind == "classification" else torch.randn(2, 9, 3, dtype=torch.float64).unbind()
    return Task(Examples(x[0], y[0]), Examples(x[1], y[1]))


def by_hand(net: nn.Module, task: Task, *, lr: float, steps: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Returns the query loss and the adapted head. Runs the whole network on the support set in every step."""
    head = {name: p for name, p in net.named_parameters() if name.startswith("head.")}
    for _ in range(steps):
        loss = objective(functional_call(net, head, (task.support.x,)), task.support.y)
        grads = torch.autograd.grad(loss, list(head.values()), create_graph=True)
        head = {name: p - lr * g for (name, p), g in zip(head.items(), grads, strict=True)}
    return objective(functional_call(net, head, (task.query.x,)), task.query.y), head


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("steps", [1, 3])
def test_equals_maml_on_the_head(kind: str, steps: int) -> None:
    (anil, net), task = build_method_and_net(kind, inner_lr=0.3, inner_steps=steps), one_task(kind)
    cost, _ = anil.loss(net, task)
    expected, head = by_hand(net, task, lr=0.3, steps=steps)
    torch.testing.assert_close(cost, expected, rtol=1e-12, atol=1e-14)
    for name, p in anil.adapt(net, task.support).items():
        torch.testing.assert_close(p, head[f"head.{name}"], rtol=1e-12, atol=1e-14)
    weights = list(net.parameters())
    for ours, theirs in zip(*(torch.autograd.grad(c, weights) for c in (cost, expected)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)
        assert float(ours.abs().max()) > 1e-9 or ours.shape == (6,)  # the bias before the norm has no effect


def test_without_a_body_it_is_maml() -> None:
    task, spec = one_task(), TaskSpec(x_shape=(4,), y_dim=3)
    net = ANIL().build(nn.Flatten(), spec).double()
    costs = [method.loss(net, task)[0] for method in (ANIL(inner_steps=2), MAML(inner_steps=2))]
    torch.testing.assert_close(*costs, rtol=1e-12, atol=1e-14)
    grads = [torch.autograd.grad(cost, list(net.parameters())) for cost in costs]
    torch.testing.assert_close(*grads, rtol=1e-12, atol=1e-14)


def test_the_body_runs_once_on_the_support_set() -> None:
    (anil, net), task = build_method_and_net(inner_steps=5), one_task()
    runs = []
    net.get_submodule("backbone").register_forward_hook(lambda *_: runs.append(1))
    anil.adapt(net, task.support)
    assert len(runs) == 1


def test_the_path_starts_at_the_head() -> None:
    (anil, net), task = build_method_and_net(inner_steps=4, inner_lr=0.5), one_task()
    path = list(anil.path(net, task.support))
    assert len(path) == 5
    assert all(torch.equal(path[0][name], p) for name, p in net.get_submodule("head").named_parameters())
    losses = [float(objective(anil.predict(net, s, task.support.x), task.support.y).detach()) for s in path]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("kind, rate", [("classification", 2.0), ("regression", 0.1)])
def test_the_default_rate_is_mamls(kind: str, rate: float) -> None:
    (anil, net), task = build_method_and_net(kind), one_task(kind)
    default, explicit = (method.adapt(net, task.support) for method in (anil, ANIL(inner_lr=rate)))
    assert all(torch.equal(default[name], explicit[name]) for name in explicit)
    assert not torch.equal(explicit["weight"], net.get_submodule("head").weight)


def test_a_frozen_body_is_allowed() -> None:
    (anil, net), task = build_method_and_net(inner_lr=0.3), one_task()
    net.get_submodule("backbone").requires_grad_(False)
    anil.loss(net, task)[0].backward()
    assert net.get_parameter("backbone.0.weight").grad is None
    assert net.get_parameter("head.weight").grad is not None


class _Source:
    spec = TaskSpec(x_shape=(4,), y_dim=3)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        part = Examples(
            torch.randn(tasks, 6, 4, generator=generator), one_hot(torch.arange(6) % 3, 3).expand(tasks, -1, -1)
        )
        return Task(part, part)


def test_a_network_needs_a_backbone_and_a_head() -> None:
    plain = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3))
    message = r"^anil: the network must have parts named backbone and head.*Sequential has 0, 1\..*maml"
    with pytest.raises(NetworkError, match=message):
        list(fit(ANIL(), plain, _Source(), FitConfig(steps=1, validate_every=0)))
    with pytest.raises(NetworkError, match=message):
        Learner(ANIL(), plain).fit(torch.randn(3, 4), [0, 1, 2])
    with pytest.raises(NetworkError, match="Linear has no parts"):
        ANIL().adapt(nn.Linear(4, 3), one_task().support)
    without_backbone = nn.Sequential(OrderedDict(body=nn.Linear(4, 5), head=nn.Linear(5, 3))).double()
    with pytest.raises(NetworkError, match="Sequential has body, head"):
        ANIL().adapt(without_backbone, one_task().support)


def test_a_head_that_cannot_adapt_is_refused() -> None:
    (anil, net), task = build_method_and_net(), one_task()
    net.get_submodule("head").requires_grad_(False)
    with pytest.raises(NetworkError, match=r"^anil: the head must have a trainable weight.*Linear has none"):
        over_tasks(lambda task: anil.loss(net, task)[0], Task(*(Examples(x[None], y[None]) for x, y in task)))


def test_settings_of_the_paper() -> None:
    anil = ANIL(inner_lr=0.3, inner_steps=2, test_steps=7)
    assert anil.at_test() == ANIL(inner_lr=0.3, inner_steps=7, test_steps=7)
    assert (ANIL().inner_steps, ANIL().test_steps) == (MAML().inner_steps, MAML().test_steps)
    assert ANIL().training_sizes(Sizes(ways=20, shots=5, queries=15)) == Sizes(ways=20, shots=5, queries=5)
