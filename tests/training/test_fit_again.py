"""Continuing a run that stopped, and keeping the weights that validate best."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from tokay import FitState, Step, evaluate, fit

from .small_problem import MAML_HERE, Lines, config, equal, small_net, weights


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("stop", [1, 3, 5])
def test_stopped_and_continued_is_uninterrupted(stop: int, validate: bool, optimizer: Any) -> None:
    settings = config(
        steps=6, lr=0.3, optimizer=optimizer, schedule="cosine", validate_every=2 if validate else 0, validation_tasks=3
    )
    held_out = Lines(noise=1.0) if validate else None
    net = small_net(nn.Dropout(0.2))
    uninterrupted = list(fit(MAML_HERE, net, Lines(), settings, validation=held_out))
    expected = weights(net)

    net = small_net(nn.Dropout(0.2))
    part: list[Step] = []
    for step in fit(MAML_HERE, net, Lines(), settings, validation=held_out):
        part.append(step)
        if step.step == stop:
            break
    state = part[-1].state
    saved_net, saved = weights(net), deepcopy(state.optimizer.state_dict())  # type: ignore[union-attr]
    torch.rand(9)

    again = small_net(nn.Dropout(0.2))
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
    assert [step.cost for step in part + rest] == [step.cost for step in uninterrupted]
    assert resumed.best_step == uninterrupted[-1].state.best_step


def test_a_run_that_is_complete_only_takes_the_best() -> None:
    net = small_net()
    best = {name: torch.zeros_like(p) for name, p in weights(net).items()}
    state = FitState(step=4, best_step=2, best_score=0.0, best_weights=best)
    assert list(fit(MAML_HERE, net, Lines(), config(), state=state)) == []
    assert equal(weights(net), best)


def test_validates_when_it_should() -> None:
    def at(**changes: Any) -> list[int]:
        steps = fit(MAML_HERE, small_net(), Lines(), config(validation_tasks=2, **changes), validation=Lines())
        return [step.step for step in steps if step.validation]

    assert at(steps=5, validate_every=2) == [2, 4, 5]
    assert at(steps=4, validate_every=2) == [2, 4]
    assert at(steps=3, validate_every=50) == [3]
    assert at(steps=3, validate_every=0) == []


def test_the_best_step_is_kept() -> None:
    """A rate so high that the scores go up and down."""
    net, validations = small_net(), {}
    for step in fit(
        MAML_HERE,
        net,
        Lines(),
        config(steps=8, lr=0.5, validate_every=1, validation_tasks=5),
        validation=Lines(noise=0.5),
    ):
        assert step.validation is not None
        validations[step.step] = (step.validation["mse"].mean, weights(net))
        state = step.state
    best = min(validations, key=lambda s: validations[s][0])
    assert best not in (8,), "the test needs a run that gets worse"
    assert state.best_step == best
    assert state.best_score == -validations[best][0]
    assert equal(weights(net), validations[best][1])


def test_validation_is_evaluate_on_the_same_tasks_every_time() -> None:
    net, held_out = small_net(), Lines()
    for step in fit(MAML_HERE, net, Lines(), config(validate_every=2, validation_tasks=4, seed=9), validation=held_out):
        if step.validation:
            assert step.validation["mse"] == evaluate(MAML_HERE, net, Lines(), tasks=4, seed=9)["mse"]
    sums = {float(task.query.y.sum()) for task in held_out.samples}
    assert len(sums) == 1


def test_a_tie_goes_to_the_later_step() -> None:
    net = small_net()
    settings = config(lr=1e-300, optimizer="sgd", validate_every=1, validation_tasks=2)
    *_, last = fit(MAML_HERE, net, Lines(), settings, validation=Lines())
    assert last.state.best_step == 4
