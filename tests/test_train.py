"""The outer loop against a loop by hand, and all that must survive a stop, a wrong setting or a divergence."""

import math
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import (
    MAML,
    ConfigError,
    DivergenceError,
    Examples,
    FitConfig,
    FitState,
    NetworkError,
    ProtoNet,
    Reptile,
    Step,
    Task,
    TaskError,
    TaskSpec,
    evaluate,
    fit,
)
from tokay.core.outer import rate_factor
from tokay.core.seeding import generator

MAML_HERE = MAML(inner_lr=0.1, inner_steps=1, test_steps=2)


class Lines:
    """Regression to lines of a random slope; remembers which tasks it gave."""

    spec = TaskSpec(x_shape=(2,), y_dim=1, kind="regression")

    def __init__(self, noise: float = 0.0, dtype: torch.dtype = torch.float64) -> None:
        self.noise, self.dtype = noise, dtype
        self.given: list[Task] = []

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        slope = torch.rand(tasks, 2, 1, generator=generator, dtype=self.dtype)
        x = torch.randn(tasks, 10, 2, generator=generator, dtype=self.dtype)
        y = x @ slope + self.noise * torch.randn(tasks, 10, 1, generator=generator, dtype=self.dtype)
        self.given.append(Task(Examples(x[:, :5], y[:, :5]), Examples(x[:, 5:], y[:, 5:])))
        return self.given[-1]


def built(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(7)
    return MAML().build(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), *layers), Lines.spec).double()


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in net.state_dict().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def config(**changes: Any) -> FitConfig:
    return replace(FitConfig(steps=4, meta_batch=3, validate_every=0, seed=1), **changes)


# What a step is.


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_equals_a_loop_by_hand(optimizer: Any, schedule: Any) -> None:
    net, source = built(), Lines()
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
    (step,) = fit(Reptile(inner_steps=1), built(), source, FitConfig(steps=1, validate_every=0))
    assert (step.tasks, step.lr) == (Reptile.meta_batch, Reptile.outer.lr)
    assert isinstance(step.state.optimizer, torch.optim.SGD)
    (step,) = fit(
        MAML_HERE, built(), source, FitConfig(steps=1, validate_every=0, optimizer="sgd", lr=0.5, meta_batch=2)
    )
    assert (step.tasks, step.lr) == (2, 0.5)
    assert isinstance(step.state.optimizer, torch.optim.SGD)


@pytest.mark.parametrize("how", [{"chunk_size": 1}, {"chunk_size": 2}, {"mode": "loop"}, {"memory": 1}])
def test_how_it_is_computed_changes_nothing(how: dict[str, Any]) -> None:
    nets = [built(), built()]
    for net, changes in zip(nets, ({}, how), strict=True):
        list(fit(MAML_HERE, net, Lines(), config(lr=0.05, **changes)))
    for p, q in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12)


def test_tasks_are_a_function_of_the_seed_and_the_step() -> None:
    first, second, other = Lines(), Lines(), Lines()
    list(fit(MAML_HERE, built(), first, config()))
    list(fit(Reptile(inner_steps=1), built(), second, config(chunk_size=1)))
    list(fit(MAML_HERE, built(), other, config(seed=2)))
    slopes = [[float(task.query.y.sum()) for task in source.given] for source in (first, second, other)]
    assert slopes[0] == slopes[1] != slopes[2]
    assert len(set(slopes[0])) == 4


def test_clipping() -> None:
    for changes, limit in (({"clip_norm": 1e-3}, 1e-3), ({"clip_value": 1e-4}, None)):
        net = built()
        before = weights(net)
        list(fit(MAML_HERE, net, Lines(), config(steps=1, optimizer="sgd", lr=1.0, schedule="constant", **changes)))
        moved = torch.cat([(p - before[name]).flatten() for name, p in net.state_dict().items()])
        if limit:
            assert float(moved.norm()) == pytest.approx(limit, rel=1e-3)
        else:
            assert float(moved.abs().max()) == pytest.approx(1e-4)


def test_a_method_may_clamp_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its paper has it, unless another value is given."""

    def trained(**changes: Any) -> dict[str, Tensor]:
        net = built()
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
        net = built(nn.Dropout(0.5))
        for _ in fit(MAML_HERE, net, Lines(), config(lr=0.05)):
            if disturb:
                torch.rand(5)
        ends.append(weights(net))
    assert equal(*ends)


@pytest.mark.parametrize("method", [MAML_HERE, Reptile(inner_steps=2)])
def test_the_global_random_state_is_untouched(method: Any) -> None:
    net = built(nn.Dropout(0.5))
    state = torch.get_rng_state()
    list(fit(method, net, Lines(), config(steps=2, validate_every=1, validation_tasks=2), validation=Lines()))
    assert torch.equal(torch.get_rng_state(), state)


# Stopping and going on.


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("stop", [1, 3, 5])
def test_stopped_and_continued_is_uninterrupted(stop: int, validate: bool, optimizer: Any) -> None:
    settings = config(
        steps=6, lr=0.3, optimizer=optimizer, schedule="cosine", validate_every=2 if validate else 0, validation_tasks=3
    )
    held_out = Lines(noise=1.0) if validate else None
    net = built(nn.Dropout(0.2))
    whole = list(fit(MAML_HERE, net, Lines(), settings, validation=held_out))
    expected = weights(net)

    net = built(nn.Dropout(0.2))
    part: list[Step] = []
    for step in fit(MAML_HERE, net, Lines(), settings, validation=held_out):
        part.append(step)
        if step.step == stop:
            break
    state = part[-1].state
    saved_net, saved = weights(net), deepcopy(state.optimizer.state_dict())  # type: ignore[union-attr]
    torch.rand(9)

    again = built(nn.Dropout(0.2))
    again.load_state_dict(saved_net)
    kind = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    fresh = kind(again.parameters(), lr=123.0)
    fresh.load_state_dict(saved)
    resumed = FitState(
        step=state.step,
        optimizer=fresh,
        best_step=state.best_step,
        best_score=state.best_score,
        best_weights=dict(state.best_weights),
    )
    rest = list(fit(MAML_HERE, again, Lines(), settings, validation=held_out, state=resumed))
    assert [step.step for step in part + rest] == [1, 2, 3, 4, 5, 6]
    assert equal(weights(again), expected)
    assert [step.cost for step in part + rest] == [step.cost for step in whole]
    assert resumed.best_step == whole[-1].state.best_step


def test_a_run_that_is_complete_only_takes_the_best() -> None:
    net = built()
    best = {name: torch.zeros_like(p) for name, p in weights(net).items()}
    state = FitState(step=4, best_step=2, best_score=0.0, best_weights=best)
    assert list(fit(MAML_HERE, net, Lines(), config(), state=state)) == []
    assert equal(weights(net), best)


# Validation.


def test_validates_when_it_should() -> None:
    def at(**changes: Any) -> list[int]:
        steps = fit(MAML_HERE, built(), Lines(), config(validation_tasks=2, **changes), validation=Lines())
        return [step.step for step in steps if step.validation]

    assert at(steps=5, validate_every=2) == [2, 4, 5]
    assert at(steps=4, validate_every=2) == [2, 4]
    assert at(steps=3, validate_every=50) == [3]
    assert at(steps=3, validate_every=0) == []


def test_the_best_step_is_kept() -> None:
    """A rate so high that the scores go up and down."""
    net, seen = built(), {}
    for step in fit(
        MAML_HERE,
        net,
        Lines(),
        config(steps=8, lr=0.5, validate_every=1, validation_tasks=5),
        validation=Lines(noise=0.5),
    ):
        assert step.validation is not None
        seen[step.step] = (step.validation["mse"].mean, weights(net))
        state = step.state
    best = min(seen, key=lambda s: seen[s][0])
    assert best not in (8,), "the test needs a run that gets worse"
    assert state.best_step == best
    assert state.best_score == -seen[best][0]
    assert equal(weights(net), seen[best][1])


def test_validation_is_evaluate_on_the_same_tasks_every_time() -> None:
    net, held_out = built(), Lines()
    for step in fit(MAML_HERE, net, Lines(), config(validate_every=2, validation_tasks=4, seed=9), validation=held_out):
        if step.validation:
            assert step.validation["mse"] == evaluate(MAML_HERE, net, Lines(), tasks=4, seed=9)["mse"]
    sums = {float(task.query.y.sum()) for task in held_out.given}
    assert len(sums) == 1


def test_a_tie_goes_to_the_later_step() -> None:
    net = built()
    settings = config(lr=1e-300, optimizer="sgd", validate_every=1, validation_tasks=2)
    *_, last = fit(MAML_HERE, net, Lines(), settings, validation=Lines())
    assert last.state.best_step == 4


# What cannot be trained.


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_divergence_leaves_the_last_good_weights(optimizer: Any) -> None:
    net = built()
    before = weights(net)
    steps = fit(MAML(inner_lr=1e200, inner_steps=3), net, Lines(), config(optimizer=optimizer))
    with pytest.raises(DivergenceError, match=r"^maml: loss and gradient must stay finite, at step 1 they did not"):
        list(steps)
    assert equal(weights(net), before)


def test_divergence_later_names_the_step() -> None:
    class Spoiled(Lines):
        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            task = super().sample(tasks, generator)
            if len(self.given) == 3:
                task.query.y[1, 0] = torch.nan
            return task

    net = built()
    steps = fit(MAML_HERE, net, Spoiled(), config())
    assert [next(steps).step, next(steps).step] == [1, 2]
    good = weights(net)
    with pytest.raises(DivergenceError, match=r"at step 3 they did not \(cost nan, task 1 has query loss nan\)"):
        next(steps)
    assert equal(weights(net), good)
    assert all(bool(torch.isfinite(p).all()) for p in net.parameters())


def test_nothing_to_train() -> None:
    with pytest.raises(NetworkError, match=r"^maml: the network must have a trainable parameter, got none"):
        list(fit(MAML_HERE, built().requires_grad_(False), Lines(), config()))


def test_running_statistics_are_refused() -> None:
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)).double()
    with pytest.raises(NetworkError, match=r"^fit: no layer may keep running statistics"):
        list(fit(MAML_HERE, net, Lines(), config()))


def test_tasks_must_fit_what_they_say() -> None:
    class Wrong(Lines):
        spec = TaskSpec(x_shape=(3,), y_dim=1, kind="regression")

    net = MAML().build(nn.Flatten(), Wrong.spec).double()
    with pytest.raises(TaskError, match=r"^fit: support examples must have shape \(3,\), got \(2,\)"):
        list(fit(MAML_HERE, net, Wrong(), config()))


def test_zero_steps() -> None:
    net = built()
    before = weights(net)
    assert list(fit(MAML_HERE, net, Lines(), config(steps=0))) == []
    assert equal(weights(net), before)


@pytest.mark.parametrize("name", ["meta_batch", "lr", "clip_norm", "clip_value", "chunk_size", "memory"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_settings_above_zero(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^fit: {name} must be above 0, got {value}"):
        FitConfig(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["steps", "validate_every"])
def test_settings_that_may_be_zero(name: str) -> None:
    FitConfig(**{name: 0})
    with pytest.raises(ConfigError, match=rf"^fit: {name} must not be negative, got -1"):
        FitConfig(**{name: -1})


def test_one_validation_task_has_no_interval() -> None:
    with pytest.raises(ConfigError, match=r"^fit: validation_tasks must be at least 2, got 1"):
        FitConfig(validation_tasks=1)


def test_two_ways_to_choose_the_chunk() -> None:
    with pytest.raises(ConfigError, match=r"^fit: chunk_size and memory both say how many tasks"):
        FitConfig(chunk_size=2, memory=100)


def test_a_memory_budget_too_small_for_one_task() -> None:
    net = MAML().build(nn.Sequential(nn.Linear(2, 20_000), nn.Tanh()), Lines.spec).double()
    with pytest.raises(
        ConfigError, match=r"^memory: the budget must hold at least one task, which takes \d+ MiB, got 1 MiB"
    ):
        list(fit(MAML_HERE, net, Lines(), config(memory=1)))


def test_a_kind_of_task_that_the_method_does_not_learn() -> None:
    with pytest.raises(ConfigError, match=r"^fit: protonet learns classification, got regression tasks"):
        list(fit(ProtoNet(), nn.Linear(2, 4).double(), Lines(), config()))
