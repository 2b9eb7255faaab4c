"""The outer loop against a loop by hand."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, FitConfig, Reptile, fit
from tokay.core.outer_optimizer import rate_factor
from tokay.core.seeding import generator

from .small_problem import MAML_HERE, Lines, config, equal, small_net, weights


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_equals_a_loop_by_hand(optimizer: Any, schedule: Any) -> None:
    net, source = small_net(), Lines()
    by_hand = deepcopy(net)
    steps = list(fit(MAML_HERE, net, source, config(optimizer=optimizer, lr=0.05, schedule=schedule)))
    assert [step.step for step in steps] == [1, 2, 3, 4]

    kind = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    outer = kind(by_hand.parameters(), lr=0.05)
    names = [name for name, _ in by_hand.named_parameters()]
    for index, step in enumerate(steps):
        outer.param_groups[0]["lr"] = 0.05 * rate_factor(schedule, index, 4)
        assert step.lr == pytest.approx(0.05 * rate_factor(schedule, index, 4))
        tasks = Lines().sample(3, generator(1, "train", index))
        losses = []
        for i in range(3):
            params = list(by_hand.parameters())
            inner = (by_hand(tasks.support.x[i]) - tasks.support.y[i]).square().mean()
            fast = [
                p - 0.1 * g for p, g in zip(params, torch.autograd.grad(inner, params, create_graph=True), strict=True)
            ]
            answers = torch.func.functional_call(by_hand, dict(zip(names, fast, strict=True)), (tasks.query.x[i],))
            losses.append((answers - tasks.query.y[i]).square().mean())
        cost = torch.stack(losses).mean()
        outer.zero_grad()
        cost.backward()
        outer.step()
        assert step.cost == pytest.approx(float(cost.detach()), rel=1e-11)
        assert step.metrics == {"loss": pytest.approx(step.cost), "mse": pytest.approx(step.cost)}
        assert step.tasks == 3
    for p, q in zip(net.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-11)


def test_what_is_left_out_is_the_methods_own() -> None:
    source = Lines()
    (step,) = fit(Reptile(inner_steps=1), small_net(), source, FitConfig(steps=1, validate_every=0))
    assert (step.tasks, step.lr) == (Reptile.meta_batch, Reptile.outer.lr)
    assert isinstance(step.state.optimizer, torch.optim.SGD)
    (step,) = fit(
        MAML_HERE, small_net(), source, FitConfig(steps=1, validate_every=0, optimizer="sgd", lr=0.5, meta_batch=2)
    )
    assert (step.tasks, step.lr) == (2, 0.5)
    assert isinstance(step.state.optimizer, torch.optim.SGD)


@pytest.mark.parametrize("how", [{"chunk_size": 1}, {"chunk_size": 2}, {"mode": "loop"}, {"memory": 1}])
def test_how_it_is_computed_changes_nothing(how: dict[str, Any]) -> None:
    nets = [small_net(), small_net()]
    for net, changes in zip(nets, ({}, how), strict=True):
        list(fit(MAML_HERE, net, Lines(), config(lr=0.05, **changes)))
    for p, q in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12)


def test_tasks_are_a_function_of_the_seed_and_the_step() -> None:
    first, second, other = Lines(), Lines(), Lines()
    list(fit(MAML_HERE, small_net(), first, config()))
    list(fit(Reptile(inner_steps=1), small_net(), second, config(chunk_size=1)))
    list(fit(MAML_HERE, small_net(), other, config(seed=2)))
    slopes = [[float(task.query.y.sum()) for task in source.samples] for source in (first, second, other)]
    assert slopes[0] == slopes[1] != slopes[2]
    assert len(set(slopes[0])) == 4


class Changing(Lines):
    """Tasks that change during training. ``fit`` uses the source of ``at_progress``, never this one."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[tuple[float, Lines]] = []

    def at_progress(self, progress: float) -> Lines:
        self.moments.append((progress, Lines()))
        return self.moments[-1][1]


def test_tasks_that_change_are_those_of_the_step() -> None:
    source, again, plain = Changing(), Changing(), Lines()
    net, other = small_net(), small_net()
    list(fit(MAML_HERE, net, source, config()))
    assert [progress for progress, _ in source.moments] == [0, 0.25, 0.5, 0.75]
    assert [len(lines.samples) for _, lines in source.moments] == [1, 1, 1, 1]
    assert not source.samples
    list(fit(MAML_HERE, other, plain, config()))
    assert equal(weights(net), weights(other))  # the same tasks, because these do not change
    first = fit(MAML_HERE, small_net(), again, config())
    state = [next(first), next(first)][-1].state
    list(fit(MAML_HERE, small_net(), again, config(), state=state))
    assert [progress for progress, _ in again.moments] == [0, 0.25, 0.5, 0.75]


def test_clipping() -> None:
    for changes, limit in (({"clip_norm": 1e-3}, 1e-3), ({"clip_value": 1e-4}, None)):
        net = small_net()
        initial = weights(net)
        list(fit(MAML_HERE, net, Lines(), config(steps=1, optimizer="sgd", lr=1.0, schedule="constant", **changes)))
        displacement = torch.cat([(p - initial[name]).flatten() for name, p in net.state_dict().items()])
        if limit:
            assert float(displacement.norm()) == pytest.approx(limit, rel=1e-3)
        else:
            assert float(displacement.abs().max()) == pytest.approx(1e-4)


def test_a_method_may_clamp_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the value of its paper, unless the user gives another."""

    def trained(**changes: Any) -> dict[str, Tensor]:
        net = small_net()
        config = FitConfig(steps=2, meta_batch=2, validate_every=0, optimizer="sgd", lr=1.0, **changes)
        for _ in fit(MAML_HERE, net, Lines(), config):
            pass
        return weights(net)

    expected, wider = trained(clip_value=1e-3), trained(clip_value=1e-2)
    monkeypatch.setattr(MAML, "outer", replace(MAML.outer, clip_value=1e-3))
    assert all(torch.equal(value, expected[name]) for name, value in trained().items())
    assert all(torch.equal(value, wider[name]) for name, value in trained(clip_value=1e-2).items())
    assert not torch.equal(expected["head.weight"], wider["head.weight"])


def test_dropout_draws_are_of_the_step() -> None:
    """The draws of a step do not depend on what ran before it."""
    ends = []
    for disturb in (False, True):
        net = small_net(nn.Dropout(0.5))
        for _ in fit(MAML_HERE, net, Lines(), config(lr=0.05)):
            if disturb:
                torch.rand(5)
        ends.append(weights(net))
    assert equal(*ends)


@pytest.mark.parametrize("method", [MAML_HERE, Reptile(inner_steps=2)])
def test_the_global_random_state_is_untouched(method: Any) -> None:
    net = small_net(nn.Dropout(0.5))
    state = torch.get_rng_state()
    list(fit(method, net, Lines(), config(steps=2, validate_every=1, validation_tasks=2), validation=Lines()))
    assert torch.equal(torch.get_rng_state(), state)
