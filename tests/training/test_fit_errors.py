"""Errors of training: divergence, wrong settings, tasks and networks that do not fit."""

from typing import Any

import pytest
import torch
from torch import nn

from tokay import MAML, ConfigError, DivergenceError, NetworkError, ProtoNet, Task, TaskError, TaskSpec, fit

from .small_problem import MAML_HERE, Lines, config, equal, small_net, weights


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_divergence_leaves_the_last_good_weights(optimizer: Any) -> None:
    net = small_net()
    initial = weights(net)
    steps = fit(MAML(inner_lr=1e200, inner_steps=3), net, Lines(), config(optimizer=optimizer))
    with pytest.raises(DivergenceError, match=r"^maml: loss and gradient must stay finite, at step 1 they did not"):
        list(steps)
    assert equal(weights(net), initial)


def test_divergence_later_names_the_step() -> None:
    class Spoiled(Lines):
        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            task = super().sample(tasks, generator)
            if len(self.samples) == 3:
                task.query.y[1, 0] = torch.nan
            return task

    net = small_net()
    steps = fit(MAML_HERE, net, Spoiled(), config())
    assert [next(steps).step, next(steps).step] == [1, 2]
    good = weights(net)
    with pytest.raises(DivergenceError, match=r"at step 3 they did not \(cost nan, task 1 has query loss nan\)"):
        next(steps)
    assert equal(weights(net), good)
    assert all(bool(torch.isfinite(p).all()) for p in net.parameters())


def test_nothing_to_train() -> None:
    with pytest.raises(NetworkError, match=r"^maml: the network must have a trainable parameter, got none"):
        list(fit(MAML_HERE, small_net().requires_grad_(False), Lines(), config()))


def test_running_statistics_are_refused() -> None:
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)).double()
    with pytest.raises(NetworkError, match=r"^fit: no layer may update running statistics"):
        list(fit(MAML_HERE, net, Lines(), config()))


def test_tasks_must_fit_what_they_say() -> None:
    class Wrong(Lines):
        spec = TaskSpec(x_shape=(3,), y_dim=1, kind="regression")

    net = MAML().build(nn.Flatten(), Wrong.spec).double()
    with pytest.raises(TaskError, match=r"^fit: support examples must have shape \(3,\), got \(2,\)"):
        list(fit(MAML_HERE, net, Wrong(), config()))


def test_zero_steps() -> None:
    net = small_net()
    initial = weights(net)
    assert list(fit(MAML_HERE, net, Lines(), config(steps=0))) == []
    assert equal(weights(net), initial)


def test_a_memory_budget_too_small_for_one_task() -> None:
    net = MAML().build(nn.Sequential(nn.Linear(2, 20_000), nn.Tanh()), Lines.spec).double()
    with pytest.raises(
        ConfigError, match=r"^memory: the budget must hold at least one task, which takes \d+ MiB, got 1 MiB"
    ):
        list(fit(MAML_HERE, net, Lines(), config(memory=1)))


def test_a_kind_of_task_that_the_method_does_not_learn() -> None:
    with pytest.raises(ConfigError, match=r"^fit: protonet learns classification, got regression tasks"):
        list(fit(ProtoNet(), nn.Linear(2, 4).double(), Lines(), config()))
