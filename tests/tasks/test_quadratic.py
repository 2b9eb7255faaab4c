"""The loss of a linear model is the function of the paper, and the entries have its distribution."""

import math

import pytest
import torch

from tokay.core.objectives import objective
from tokay.core.task import Sizes, Task, check_task
from tokay.errors import ConfigError
from tokay.tasks.quadratic import Quadratic


def draw(tasks: int = 500, rows: int = 10, seed: int = 0, **settings: object) -> Task:
    source = Quadratic(**settings).tasks("train", Sizes(shots=rows))  # type: ignore[arg-type]
    return source.sample(tasks, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rows, dimension", [(10, 10), (4, 7)])
def test_the_loss_is_the_function(rows: int, dimension: int) -> None:
    """mean of (√n (W θ - y))² = ||W θ - y||²"""
    x, y = (part[0] for part in draw(1, rows, dimension=dimension).support)
    theta = torch.randn(dimension, 1)
    w, target = x / math.sqrt(rows), y / math.sqrt(rows)
    expected = sum((float(w[i] @ theta[:, 0]) - float(target[i, 0])) ** 2 for i in range(rows))
    assert float(objective(x @ theta, y)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("entries, mean, spread", [("normal", 0.0, 1.0), ("uniform", 0.5, math.sqrt(1 / 12))])
def test_entries(entries: str, mean: float, spread: float) -> None:
    for part in draw(rows=5, entries=entries).support:
        values = part / math.sqrt(5)
        assert float(values.mean()) == pytest.approx(mean, abs=5 / math.sqrt(values.numel()))
        assert float(values.std()) == pytest.approx(spread, rel=0.05)
        if entries == "uniform":
            assert 0 <= float(values.min()) < float(values.max()) <= 1
        else:
            assert float((values**4).mean()) == pytest.approx(3, rel=0.2)
    x, y = draw(entries=entries).support
    pair = torch.corrcoef(torch.stack([x[..., 0].flatten(), y.flatten()]))[0, 1]
    assert abs(float(pair)) < 0.07


def test_the_query_is_the_support() -> None:
    task = draw(6, 4, dimension=3)
    assert task.support.x.shape == (6, 4, 3)
    assert task.support.y.shape == (6, 4, 1)
    assert all(torch.equal(a, b) for a, b in zip(task.support, task.query, strict=True))
    source = Quadratic(dimension=3).tasks("test", Sizes(shots=4, queries=9))
    check_task(task, source.spec, where="test")
    assert Quadratic.network == "linear"


def test_sampling_is_a_pure_function_of_the_generator() -> None:
    first = draw(3, seed=5)
    torch.rand(3)
    assert torch.equal(first.support.x, draw(3, seed=5).support.x)
    assert not torch.equal(first.support.y, draw(3, seed=6).support.y)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="quadratic: entries must be normal or uniform, got 'cauchy'"):
        Quadratic(entries="cauchy")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="quadratic: dimension must be at least 1, got 0"):
        Quadratic(dimension=0)
