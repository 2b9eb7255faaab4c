"""The settings of a training run: those of the user, otherwise those of the method."""

from typing import Any

import pytest
import torch

from tokay import MAML, FitConfig, MAMLPlusPlus, NetworkError, Reptile
from tokay.core.outer_optimizer import rate_factor
from tokay.training.plan import follows_total, resolve

from .small_problem import Lines, small_net


@pytest.mark.parametrize("method", [MAML(), Reptile()], ids=lambda method: method.name)
def test_a_config_without_settings_takes_those_of_the_method(method: MAML | Reptile) -> None:
    plan, outer = resolve(method, FitConfig()), method.outer
    assert (plan.optimizer, plan.lr, plan.schedule) == (outer.optimizer, outer.lr, outer.schedule)
    assert plan.clip_value == outer.clip_value
    assert plan.meta_batch == plan.chunk_size == method.meta_batch


def test_the_settings_of_the_user_come_first() -> None:
    config = FitConfig(meta_batch=3, optimizer="rmsprop", lr=0.5, schedule="cosine", clip_value=2.0, chunk_size=2)
    plan = resolve(MAML(), config)
    assert (plan.meta_batch, plan.chunk_size) == (3, 2)
    assert (plan.optimizer, plan.lr, plan.schedule, plan.clip_value) == ("rmsprop", 0.5, "cosine", 2.0)


def test_the_chunk_size() -> None:
    assert resolve(MAML(), FitConfig(meta_batch=3)).chunk_size == 3
    assert resolve(MAML(), FitConfig(meta_batch=3, mode="loop")).chunk_size == 1
    assert resolve(MAML(), FitConfig(meta_batch=3, mode="loop", chunk_size=2)).chunk_size == 2


def test_the_learning_rate_follows_the_schedule() -> None:
    plan = resolve(MAML(), FitConfig(lr=0.3, schedule="linear"))
    assert [plan.lr_at(step, 4) for step in range(4)] == [0.3 * rate_factor("linear", step, 4) for step in range(4)]


def test_the_optimizer() -> None:
    net = small_net()
    optimizer = resolve(MAML(), FitConfig(optimizer="sgd", lr=0.25)).make_optimizer(net, where="here")
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert optimizer.param_groups[0]["params"] == list(net.parameters())
    with pytest.raises(NetworkError, match=r"^here: the network must have a trainable parameter"):
        resolve(MAML(), FitConfig()).make_optimizer(net.requires_grad_(False), where="here")


class Growing(Lines):
    def at_progress(self, progress: float) -> Lines:
        return self


@pytest.mark.parametrize(
    ("method", "schedule", "source", "expected"),
    [
        (MAML(), None, Lines(), []),
        (MAML(), "halving", Lines(), []),
        (MAML(), "cosine", Lines(), ["the learning rate (cosine)"]),
        (Reptile(), None, Lines(), ["the learning rate (linear)"]),
        (Reptile(), "constant", Lines(), []),
        (MAMLPlusPlus(), "constant", Lines(), ["the method"]),
        (MAML(), "linear", Growing(), ["the learning rate (linear)", "the size of the episodes"]),
    ],
)
def test_what_follows_the_total(method: Any, schedule: Any, source: Any, expected: list[str]) -> None:
    assert follows_total(method, FitConfig(schedule=schedule), source) == expected
