import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from tokay import NetworkError
from tokay.core.outer_optimizer import Outer, make_optimizer, rate_factor


@pytest.mark.parametrize("steps", [1, 4, 1000])
def test_schedules_in_closed_form(steps: int) -> None:
    for step in range(0, steps, max(1, steps // 7)):
        assert rate_factor("constant", step, steps) == 1
        assert rate_factor("linear", step, steps) == pytest.approx(1 - step / steps)
        assert rate_factor("cosine", step, steps) == pytest.approx(math.cos(math.pi * step / steps / 2) ** 2)


def test_halving_every_2000_steps() -> None:
    for step, factor in [(0, 1), (1999, 1), (2000, 0.5), (3999, 0.5), (4000, 0.25), (20_000, 2**-10)]:
        assert rate_factor("halving", step, 100) == factor


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_schedules_decrease_to_zero(schedule: str) -> None:
    factors = [rate_factor(schedule, step, 50) for step in range(51)]  # type: ignore[arg-type]
    assert factors[0] == 1
    assert factors[50] == pytest.approx(0)
    assert all(a > b for a, b in pairwise(factors))
    assert factors[49] > 0, "the last step must have a rate above 0"


@pytest.mark.parametrize(
    "kind, expected", [("adam", torch.optim.Adam), ("sgd", torch.optim.SGD), ("rmsprop", torch.optim.RMSprop)]
)
def test_optimizer_gets_trainable_parameters_only(kind: str, expected: type) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    optimizer = make_optimizer(net.parameters(), kind, lr=0.3, where="here")  # type: ignore[arg-type]
    assert type(optimizer) is expected
    assert [group["lr"] for group in optimizer.param_groups] == [0.3]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(parameters) == 2
    assert parameters[0] is net[1].weight
    momentum = 0.9 if kind == "rmsprop" else 0
    assert all(group.get("momentum", 0) == momentum and group["weight_decay"] == 0 for group in optimizer.param_groups)


def test_no_trainable_parameter() -> None:
    with pytest.raises(NetworkError, match=r"^here: the network must have a trainable parameter, got none"):
        make_optimizer(nn.Linear(2, 2).requires_grad_(False).parameters(), "adam", lr=0.1, where="here")


def test_defaults() -> None:
    assert Outer() == Outer(optimizer="adam", lr=1e-3, schedule="constant")
