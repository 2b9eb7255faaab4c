"""When a training ends before its last step: early stopping, and time that is up."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from tokay import ConfigError, FitState, Step, fit
from tokay.training.fit import is_complete, is_stopped_early

from .small_problem import MAML_HERE, Lines, config, equal, small_net, weights

fit_module = import_module("tokay.training.fit")


def with_merits(monkeypatch: pytest.MonkeyPatch, merits: Sequence[float]) -> None:
    """Let the validations have these scores, one after the other."""
    scores = iter(merits)
    monkeypatch.setattr(fit_module, "evaluate", lambda *arguments, **settings: SimpleNamespace(merit=next(scores)))


def train(state: FitState, **changes: Any) -> list[Step]:
    settings = config(steps=20, validate_every=2, validation_tasks=2, **changes)
    return list(fit(MAML_HERE, small_net(), Lines(), settings, validation=Lines(), state=state))


@pytest.mark.parametrize(
    ("merits", "patience", "last_step", "best_step"),
    [
        ((1.0, 2.0, 1.5, 1.9, 0.0), 2, 8, 4),
        ((1.0, 2.0, 1.5, 3.0, 0.0, 0.0), 2, 12, 8),
        ((1.0, 1.0, 1.0, 1.0), 2, 6, 6),  # no better than before: a tie keeps the later weights, and counts
        ((1.0, 0.0), 1, 4, 2),
        (range(10), 1, 20, 20),
        ((1.0, *[0.0] * 9), 0, 20, 2),
    ],
)
def test_patience(
    merits: Sequence[float], patience: int, last_step: int, best_step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_merits(monkeypatch, merits)
    state = FitState()
    steps = train(state, patience=patience)
    assert (state.step, state.best_step) == (last_step, best_step)
    assert [step.is_last for step in steps] == [False] * (last_step - 1) + [True]
    settings = config(steps=20, validate_every=2, patience=patience)
    assert is_complete(state, settings)
    assert is_stopped_early(state, settings) == (last_step < 20)
    assert train(state, patience=patience) == [], "a resumed run knows that it is over"


def test_the_best_weights_are_those_of_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    with_merits(monkeypatch, (1.0, 2.0, 0.0, 0.0))
    net, best = small_net(), None
    settings = config(steps=20, lr=0.3, validate_every=2, validation_tasks=2, patience=2)
    for step in fit(MAML_HERE, net, Lines(), settings, validation=Lines()):
        best = weights(net) if step.step == 4 else best
    assert best is not None
    assert equal(weights(net), best)


def test_patience_needs_validation() -> None:
    with pytest.raises(ConfigError, match="patience counts validations, and validate_every 0 means none"):
        config(patience=2)
    with pytest.raises(ConfigError, match="patience needs validation tasks, got patience 2"):
        list(fit(MAML_HERE, small_net(), Lines(), config(validate_every=2, patience=2)))


@pytest.mark.parametrize("validate_every", [0, 10])
def test_time_that_is_up_ends_as_a_run_of_so_many_steps(validate_every: int) -> None:
    """The last step is validated, as that of a planned run."""
    settings = config(steps=20, lr=0.3, schedule="constant", validate_every=validate_every, validation_tasks=2)
    answers = iter([False, False, True])
    net, planned_net = small_net(), small_net()
    steps = list(fit(MAML_HERE, net, Lines(), settings, validation=Lines(), is_time_up=lambda: next(answers)))
    planned_steps = list(fit(MAML_HERE, planned_net, Lines(), replace(settings, steps=3), validation=Lines()))
    assert [step.is_last for step in steps] == [step.is_last for step in planned_steps] == [False, False, True]
    assert [step.validation is None for step in steps] == [step.validation is None for step in planned_steps]
    assert equal(weights(net), weights(planned_net))
