"""Noise inside a task is drawn afresh for every task of every step, and is the same wherever the task is computed."""

from typing import Any

import pytest
import torch
from torch import nn

from tokay import ABML, ANP, LEO, NP, VERSA, Algorithm, Examples, LearnedOptimizer, Task, TaskSpec, one_hot, over_tasks
from tokay.core.current_task import current_task, in_task, task_keys
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

CLASSES = [VERSA(), LEO(latents=4), ABML(), LearnedOptimizer(start="random", inner_steps=2)]
CURVES = [NP(width=8), ANP(width=8, heads=2)]


def setting(method: Algorithm[Any]) -> tuple[nn.Module, Task]:
    """A network, and four tasks with the same support set and the same queries."""
    torch.manual_seed(0)
    x = torch.randn(6, 4, dtype=torch.float64)
    if method in CURVES:
        spec, y = TaskSpec(x_shape=(4,), y_dim=1, kind="regression"), torch.randn(6, 1, dtype=torch.float64)
    else:
        spec, y = TaskSpec(x_shape=(4,), y_dim=3), one_hot(torch.arange(6) % 3, 3)
    examples = Examples(x.expand(4, -1, -1), y.expand(4, -1, -1))
    backbone = nn.Identity() if method in CURVES else nn.Sequential(nn.Linear(4, 5), nn.Tanh())
    return method.build(backbone, spec).double(), Task(examples, examples)


def losses(method: Algorithm[Any], keys: torch.Tensor | None, **how: Any) -> list[float]:
    net, tasks = setting(method)
    values: torch.Tensor = over_tasks(lambda task: method.loss(net, task)[0], tasks, keys=keys, **how)
    return [round(value, 9) for value in values.tolist()]


@pytest.mark.parametrize("method", [*CLASSES, *CURVES], ids=lambda method: method.name)
def test_tasks_with_the_same_pictures_draw_different_noise(method: Algorithm[Any]) -> None:
    with_keys = losses(method, torch.tensor([7, 8, 7, 9]))
    assert with_keys[0] == with_keys[2]
    assert len({with_keys[0], with_keys[1], with_keys[3]}) == 3
    assert len(set(losses(method, None))) == 1  # without keys: a function of the support set


@pytest.mark.parametrize("method", [*CLASSES, *CURVES], ids=lambda method: method.name)
def test_loop_and_chunks_give_the_same(method: Algorithm[Any]) -> None:
    keys = task_keys(0, "train", 3, 4)
    assert losses(method, keys) == losses(method, keys, mode="loop") == losses(method, keys, chunk_size=3)


@pytest.mark.parametrize("method", [VERSA(), LEO(latents=4)], ids=lambda method: method.name)
def test_meta_gradients_in_chunks_are_equal(method: Algorithm[Any]) -> None:
    gradients = []
    for how in ({}, {"chunk_size": 3}, {"mode": "loop"}):
        net, tasks = setting(method)
        accumulate_meta_gradient(method, net, tasks, keys=task_keys(0, "train", 3, 4), **how)
        gradients.append([p.grad for p in net.parameters()])
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], rtol=1e-9, atol=1e-12)


def test_keys_of_steps_and_tasks_differ() -> None:
    keys = torch.stack([task_keys(seed, "train", step, 25) for seed in range(3) for step in range(40)])
    assert len(keys.unique()) == keys.numel()
    assert keys.dtype == torch.int64
    assert torch.equal(task_keys(1, "train", 2, 25), task_keys(1, "train", 2, 25))
    assert not torch.equal(task_keys(1, "train", 2, 25), task_keys(1, "evaluate", 2, 25))


def test_the_key_ends_with_its_task() -> None:
    with in_task(torch.tensor(3)):
        with in_task(torch.tensor(4)):
            assert current_task().key == 4
        assert current_task().key == 3
    assert current_task().key is None


def test_the_key_ends_with_an_error() -> None:
    tasks = setting(VERSA())[1]

    def broken(task: Task) -> torch.Tensor:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        over_tasks(broken, tasks, keys=task_keys(0, "train", 0, 4))
    assert current_task().key is None
