"""What a run folder holds is checked before it is used."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay.core.outer_optimizer import make_optimizer
from tokay.errors import DataError
from tokay.runs.checks import check_moments, check_step, check_weights, find_non_finite, flat_moments, read_progress

FILE = Path("run/state.safetensors")
GOOD = {"step": 6, "best_step": 4, "best_score": -0.5, "peak_step": 3}


class Masked(nn.Module):
    """A network with infinity in a buffer, as masks of attention have."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.register_buffer("mask", torch.full((2, 2), -math.inf).triu(1))


def changed(net: nn.Module, name: str, value: Tensor | float) -> dict[str, Tensor]:
    tensors = {key: weight.clone() for key, weight in net.state_dict().items()}
    if isinstance(value, Tensor):
        tensors[name] = value
    else:
        tensors[name].view(-1)[0] = value
    return tensors


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_are_finite(value: float) -> None:
    net = Masked()
    check_weights(net, dict(net.state_dict()), FILE)
    with pytest.raises(
        DataError, match=r"state.safetensors: the weight linear.bias must be finite, it holds NaN or inf"
    ):
        check_weights(net, changed(net, "linear.bias", value), FILE)
    bad_mask = changed(net, "mask", value)
    assert find_non_finite(net, bad_mask) == ("mask" if math.isnan(value) else None)


def test_both_names_of_a_tied_weight_are_checked() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert find_non_finite(net, changed(net, "1.weight", math.inf)) == "1.weight"


def test_dtypes_of_weights() -> None:
    net = nn.Linear(2, 3)
    double = changed(net, "bias", torch.zeros(3, dtype=torch.float64))
    check_weights(net, double, FILE)
    with pytest.raises(DataError, match=r"the weight bias must have dtype torch.float32, got torch.float64"):
        check_weights(net, double, FILE, same_dtypes=True)
    for dtype in (torch.int64, torch.bool, torch.complex64):
        with pytest.raises(DataError, match=r"the weight bias must have dtype torch.float32"):
            check_weights(net, changed(net, "bias", torch.zeros(3, dtype=dtype)), FILE)


def without(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in tensors.items() if key != name}


@pytest.mark.parametrize("kind", ["adam", "rmsprop", "sgd"])
def test_moments(kind: Any) -> None:
    net = nn.Linear(2, 3)
    net.bias.requires_grad_(False)
    optimizer = make_optimizer(net.parameters(), kind, lr=0.1, where="test")
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    check_moments(optimizer, {}, 0, FILE)
    net(torch.ones(1, 2)).sum().backward()
    for _ in range(2):
        optimizer.step()
    moments = flat_moments(optimizer)
    check_moments(optimizer, moments, 2, FILE)
    fresh = make_optimizer(net.parameters(), kind, lr=0.1, where="test")
    check_moments(fresh, moments, 2, FILE)
    assert flat_moments(fresh) == {}
    with pytest.raises(DataError, match=r"has the moment x.exp_avg of the outer optimizer"):
        check_moments(fresh, {**moments, "x.exp_avg": torch.zeros(2)}, 2, FILE)
    if kind == "sgd":
        assert moments == {}
        return
    name = {"adam": "0.exp_avg", "rmsprop": "0.square_avg"}[kind]
    for bad, message in (
        ({}, "lacks the moment 0"),
        (without(moments, name), f"lacks the moment {name} of the outer optimizer"),
        ({**moments, name: torch.zeros(3)}, rf"the moment {name} must have shape \(3, 2\)"),
        ({**moments, name: moments[name].double()}, f"the moment {name} must have .* dtype torch.float32"),
        ({**moments, name: moments[name] * math.nan}, f"the moment {name} must be finite"),
        ({**moments, "0.step": torch.tensor(-5.0)}, "the moment 0.step must be from 1 to 2, got -5"),
        ({**moments, "0.step": torch.tensor(3.0)}, "the moment 0.step must be from 1 to 2, got 3"),
    ):
        with pytest.raises(DataError, match=message):
            check_moments(fresh, bad, 2, FILE)
    with pytest.raises(DataError, match="has the moment"):
        check_moments(fresh, moments, 0, FILE)
    assert not torch.equal(weights["weight"], net.weight)


def test_checking_changes_no_weight() -> None:
    net = nn.Linear(2, 3)
    optimizer = make_optimizer(net.parameters(), "adam", lr=0.1, where="test")
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(DataError, match="lacks the moment"):
        check_moments(optimizer, {}, 1, FILE)
    assert all(torch.equal(initial[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def progress(**change: Any) -> dict[str, str]:
    return {"progress": json.dumps({**GOOD, **change})}


def test_progress() -> None:
    assert read_progress(progress(), 8, has_best=True, where=FILE) == GOOD
    older = {name: value for name, value in GOOD.items() if name != "peak_step"}
    loaded = read_progress({"progress": json.dumps(older)}, 8, has_best=True, where=FILE)
    assert loaded == {**older, "peak_step": older["best_step"]}
    start = {"step": 0, "best_step": 0, "best_score": -math.inf, "peak_step": 0}
    assert read_progress(progress(**start), 0, has_best=False, where=FILE) == start
    assert read_progress(progress(best_score=-math.inf), 8, has_best=True, where=FILE)["best_score"] == -math.inf


@pytest.mark.parametrize(
    "metadata, message",
    [
        ({}, "must hold the progress of a training"),
        ({"progress": "{"}, "must hold the progress of a training"),
        ({"progress": "[" * 100_000}, "must hold the progress of a training"),
        ({"progress": "[1]"}, "must be step, best_step, best_score and peak_step"),
        (progress(evil=1), "must be step, best_step, best_score and peak_step"),
        (progress(step="x"), "step must be a whole number from 0 to 8, got 'x'"),
        (progress(step=1.5), "step must be a whole number from 0 to 8, got 1.5"),
        (progress(step=-5), "step must be a whole number from 0 to 8, got -5"),
        (progress(step=True), "step must be a whole number from 0 to 8, got True"),
        (progress(step=9), "step must be a whole number from 0 to 8, got 9"),
        (progress(step=10**300), r"got 1000.*\.\.\."),
        (progress(best_step=7), "best_step must be a whole number from 1 to 6, got 7"),
        (progress(best_step=0), "best_step must be a whole number from 1 to 6, got 0"),
        (progress(peak_step=5), "peak_step must be a whole number from 0 to 4, got 5"),
        (progress(peak_step=None), "peak_step must be a whole number from 0 to 4, got None"),
        (progress(best_score=math.nan), "best_score must be the score"),
        (progress(best_score="1"), "best_score must be the score"),
    ],
)
def test_progress_that_no_training_writes(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_progress(metadata, 8, has_best=True, where=FILE)
    assert str(caught.value).startswith(f"{FILE}: ")


def test_progress_without_best_weights() -> None:
    with pytest.raises(DataError, match="best_step must be 0, got 4"):
        read_progress(progress(), 8, has_best=False, where=FILE)
    with pytest.raises(DataError, match=r"best_score must be the score of the best weights, got -0.5"):
        read_progress(progress(best_step=0, peak_step=0), 8, has_best=False, where=FILE)


def test_steps() -> None:
    check_step(0, "step", 0, 0, FILE)
    for step in (-1, 4, None, 2.0, "2", False):
        with pytest.raises(DataError, match="step must be a whole number from 0 to 3, got"):
            check_step(step, "step", 0, 3, FILE)
