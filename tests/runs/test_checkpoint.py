"""Weights to disk and back: the right ones, bit for bit, or an error that names what is wrong."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import tokay
from tokay import FitConfig, FitState, Sizes, fit
from tokay.algorithms import MAML, Reptile
from tokay.core.outer_optimizer import make_optimizer
from tokay.errors import DataError
from tokay.files import read_tensors, write_tensors
from tokay.networks import MLP
from tokay.runs.checkpoint import computation_change, load_model, load_state, load_weights, save_model, save_state
from tokay.runs.run import Run
from tokay.tasks import Sinusoid

from .small_run import create

SIZES = Sizes(ways=1, shots=5, queries=5)
RUN = Run(
    algorithm=MAML(inner_lr=0.01),
    source=Sinusoid(),
    network=MLP(hidden=(8,)),
    test=SIZES,
    train=SIZES,
    fit=FitConfig(steps=8, meta_batch=2, validate_every=4, validation_tasks=2),
)


def train(run: Run, net: nn.Module, state: FitState, steps: int) -> None:
    """Go on to ``steps`` and stop there, as a kill would."""
    steps_done = fit(run.algorithm, net, run.tasks("train"), run.fit, validation=run.tasks("validation"), state=state)
    for _ in itertools.takewhile(lambda step: step.step < steps, steps_done):
        pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return create(tmp_path / "run", RUN, RUN.tasks("train").spec)


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("algorithm", [MAML(inner_lr=0.01), Reptile(inner_steps=2, test_steps=2)])
def test_state_there_and_back(path: Path, algorithm: tokay.Algorithm[object]) -> None:
    run = replace(RUN, algorithm=algorithm)
    spec = run.tasks("train").spec
    net, state = run.build(spec), FitState()
    train(run, net, state, 6)
    save_state(path, run, net, state)

    again = run.build(spec)
    optimizer = make_optimizer(again.parameters(), algorithm.outer.optimizer, lr=1.0, where="test")
    loaded = load_state(path, run, again, optimizer)
    assert equal(net.state_dict(), again.state_dict())
    assert equal(state.best_weights, loaded.best_weights)
    assert (loaded.step, loaded.best_step, loaded.best_score) == (6, 4, state.best_score)
    assert state.optimizer is not None
    moments, loaded_moments = (o.state_dict()["state"] for o in (state.optimizer, optimizer))
    assert moments.keys() == loaded_moments.keys()
    assert all(equal(moments[index], loaded_moments[index]) for index in moments)
    assert bool(moments) == (algorithm.outer.optimizer == "adam")

    train(run, net, state, 8)
    train(run, again, loaded, 8)
    assert equal(net.state_dict(), again.state_dict())


def test_a_run_without_a_save_starts_at_the_beginning(path: Path) -> None:
    net = RUN.build(RUN.tasks("train").spec)
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = make_optimizer(net.parameters(), "adam", lr=1.0, where="test")
    assert load_state(path, RUN, net, optimizer) == FitState(optimizer=optimizer)
    assert equal(initial, net.state_dict())


def test_the_model_is_the_best_validated_one(path: Path) -> None:
    net = RUN.build(RUN.tasks("train").spec)
    save_model(path, RUN, net, FitState(step=3))
    tensors, about = read_tensors(path / "model.safetensors")
    assert equal(tensors, net.state_dict())
    assert (about["algorithm"], about["step"]) == ("maml", "3")
    best = {name: value + 1 for name, value in net.state_dict().items()}
    save_model(path, RUN, net, FitState(step=5, best_step=4, best_weights=best))
    tensors, about = read_tensors(path / "model.safetensors")
    assert equal(tensors, best)
    assert about["step"] == "4"


def test_load_gives_a_learner_that_answers_as_before(path: Path) -> None:
    net = RUN.build(RUN.tasks("train").spec)
    save_model(path, RUN, net, FitState())
    x, y = torch.rand(5, 1), torch.rand(5)
    expected = tokay.Learner(RUN.algorithm, net).fit(x, y).predict(x)
    for place in (path, str(path)):
        learner = tokay.load(place, inductive=True)
        assert learner.inductive
        assert (learner.fit(x, y).predict(x) == pytest.approx(expected, abs=1e-6)) is True
    run, loaded = load_model(path)
    assert run == RUN
    assert equal(loaded.state_dict(), net.state_dict())


def test_load_into_a_network_of_ones_own(path: Path) -> None:
    own = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
    save_model(path, RUN, own, FitState())
    empty = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
    learner = tokay.load(path, net=empty)
    assert learner.net is empty
    assert equal(empty.state_dict(), own.state_dict())
    with pytest.raises(DataError, match="of another network"):
        tokay.load(path)  # what run.json describes is not this network
    with pytest.raises(DataError, match=r"the weight 0.weight must have shape \(5, 1\), got \(4, 1\)"):
        tokay.load(path, net=nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)))


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    net = nn.Linear(2, 3)
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    good = {"weight": torch.rand(3, 2), "bias": torch.rand(3)}
    file = tmp_path / "model.safetensors"
    for tensors, message in (
        ({"weight": good["weight"]}, f"{file}: lacks the weight bias, so it is of another network"),
        ({**good, "extra": torch.rand(1)}, f"{file}: has the weight extra, so it is of another network"),
        ({**good, "bias": torch.rand(4)}, "the weight bias must have shape (3,), got (4,)"),
        ({**good, "weight": torch.rand(2, 3)}, "the weight weight must have shape (3, 2), got (2, 3)"),
    ):
        with pytest.raises(DataError) as caught:
            load_weights(net, tensors, file)
        assert message in str(caught.value)
        assert equal(initial, net.state_dict())
    load_weights(net, good, file)
    assert equal(good, dict(net.state_dict()))


def test_state_of_another_algorithm(path: Path) -> None:
    net = RUN.build(RUN.tasks("train").spec)
    save_state(path, replace(RUN, algorithm=Reptile()), net, FitState())
    with pytest.raises(DataError, match="must hold weights of maml, got those of reptile"):
        load_state(path, RUN, net, None)


def test_model_of_nobody(path: Path) -> None:
    write_tensors(path / "model.safetensors", RUN.build(RUN.tasks("train").spec).state_dict(), {})
    for net in (None, RUN.build(RUN.tasks("train").spec)):
        with pytest.raises(DataError, match="must hold weights of maml, got those of no run"):
            tokay.load(path, net=net)


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no run folder"):
        tokay.load(tmp_path)
    with pytest.raises(DataError, match=r"none does not exist\. Give the folder that tokay train --out made\."):
        tokay.load(tmp_path / "none")


def test_saving_shares_nothing_with_the_net(path: Path) -> None:
    """Tied weights (one tensor under two names) are two on disk and fit back."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    save_model(path, RUN, net, FitState())
    tensors, _ = read_tensors(path / "model.safetensors")
    assert torch.equal(tensors["0.weight"], tensors["1.weight"])
    load_weights(net, tensors, path)


def test_a_computation_like_that_of_the_last_save(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = RUN.build(RUN.tasks("train").spec)
    assert computation_change(path, torch.device("cpu")) == "", "nothing is saved"
    save_state(path, RUN, net, FitState())
    assert computation_change(path, torch.device("cpu")) == ""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert computation_change(path, torch.device("cpu")).endswith(", now 77")


def test_the_peak_is_saved(path: Path) -> None:
    net = RUN.build(RUN.tasks("train").spec)
    optimizer = make_optimizer(net.parameters(), "sgd", lr=1.0, where="test")
    state = FitState(step=0, peak_step=0)
    save_state(path, RUN, net, state)
    best = dict(net.state_dict())
    save_state(path, RUN, net, FitState(step=7, best_step=6, best_score=1.0, best_weights=best, peak_step=2))
    assert load_state(path, RUN, net, optimizer).peak_step == 2
