"""What every registered algorithm is for: after training it learns tasks it has not seen better than before."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import tokay
from tokay import FitConfig, Sizes, Task
from tokay.core.task import Examples, TaskSpec
from tokay.tasks.class_pool import ClassPool, Episodes
from tokay.tasks.joint_batches import JointBatches

from .helpers import PICTURE, Case, cases, excused, small


def _clouds(classes: int, generator: torch.Generator) -> ClassPool:
    """Noisy pictures of 4x4 whose class shows in four of the sixteen pixels; which ones has to be learned."""
    centres = torch.zeros(classes, 1, 16)
    centres[..., torch.tensor([1, 6, 8, 15])] = torch.randn(classes, 1, 4, generator=generator)
    noise = torch.randn(classes, 20, 16, generator=generator)
    noise[..., torch.tensor([1, 6, 8, 15])] *= 0.25
    pictures = (128 + 48 * (centres + noise)).clamp(0, 255).to(torch.uint8)
    names = tuple(str(c) for c in range(classes))
    return ClassPool(pictures.reshape(-1, *PICTURE), torch.full((classes,), 20), names)


def _bumps(tasks: int, generator: torch.Generator, n: int = 10) -> Task:
    """Regression: all functions go one way, y = a tanh(x @ w) with one w and a scale of their own."""
    w = torch.tensor([1.0, -1.0, 0.5, 0.0])[:, None]
    x = torch.randn(tasks, 2 * n, 4, generator=generator)
    y = (2 + torch.randn(tasks, 1, 1, generator=generator)) * torch.tanh(x @ w)
    return Task(Examples(x[:, :n], y[:, :n]), Examples(x[:, n:], y[:, n:]))


class _Bumps:
    spec = TaskSpec(x_shape=(4,), y_dim=1, kind="regression")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return _bumps(tasks, generator)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(defaults_only=True, accepts=lambda case: case.algorithm.learns))
def test_learns(case: Case) -> None:
    """Training beats both chance and the method's own untrained start, on classes (functions) it has not seen."""
    algorithm = small(type(case.algorithm)(), steps=8, inner_lr=0.07)
    measure = {"classification": _classes_learned, "regression": _curves, "sequence": _recalled}[case.kind]
    trained, untrained, chance = measure(algorithm)
    with excused(algorithm, "learns", case.kind):
        assert trained > chance + 0.2
        assert trained > untrained + 0.1


def _classes_learned(algorithm: tokay.Algorithm[Any]) -> tuple[float, float, float]:
    generator = torch.Generator().manual_seed(0)
    test = Sizes(ways=3, shots=5, queries=5)
    train = algorithm.training_sizes(test)
    train = replace(train, ways=min(train.ways, 20), shots=min(train.shots, 10), queries=min(train.queries, 10))
    pool, unseen = _clouds(30, generator), Episodes(_clouds(30, generator), test)
    source = JointBatches(pool, replace(train, ways=30, queries=1)) if algorithm.joint else Episodes(pool, train)
    net = algorithm.build(nn.Sequential(nn.Flatten(), nn.Linear(16, 24), nn.Tanh()), source.spec)
    untrained = tokay.evaluate(algorithm, net, unseen, tasks=30, curve=False)["accuracy"].mean
    _train(algorithm, net, source)
    return tokay.evaluate(algorithm, net, unseen, tasks=30, curve=False)["accuracy"].mean, untrained, 1 / 3


def _curves(algorithm: tokay.Algorithm[Any]) -> tuple[float, float, float]:
    """The share of the variance that is explained, after and before training; by chance none is."""
    y = _bumps(1000, torch.Generator().manual_seed(0)).query.y
    net = algorithm.build(nn.Sequential(nn.Linear(4, 24), nn.Tanh()), _Bumps.spec)

    def explained() -> float:
        return 1 - tokay.evaluate(algorithm, net, _Bumps(), tasks=30, curve=False)["mse"].mean / float(y.var())

    untrained = explained()
    _train(algorithm, net, _Bumps())
    return explained(), untrained, 0.0


class _Recall:
    """Read two rows of bits, put out the first: a sequence that any memory can keep."""

    spec = TaskSpec(x_shape=(2,), y_dim=2, kind="sequence")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        rows = torch.randint(0, 2, (tasks, 2, 2), generator=generator)
        blank = torch.zeros(tasks, 1, 2)
        read = Examples(2 * rows - 1.0, torch.zeros_like(rows).to(torch.uint8))
        return Task(read, Examples(blank, rows[:, :1].to(torch.uint8)))


def _recalled(algorithm: tokay.Algorithm[Any]) -> tuple[float, float, float]:
    """The share of two bits that is saved, after and before training; by chance none is."""
    net = algorithm.build(nn.Identity(), _Recall.spec)

    def saved() -> float:
        return 1 - tokay.evaluate(algorithm, net, _Recall(), tasks=30, curve=False)["bits"].mean / 2

    untrained = saved()
    _train(algorithm, net, _Recall())
    return saved(), untrained, 0.0


def _train(algorithm: tokay.Algorithm[Any], net: nn.Module, source: Any) -> None:
    """A tiny network stands a larger rate than the paper's, of Adam at least. 960 episodes, or 240 steps of fewer than 4."""
    lr = {"adam": 0.01, "rmsprop": 0.003, "sgd": None}[algorithm.outer.optimizer]
    meta_batch = min(8, algorithm.meta_batch)
    steps = min(240, 960 // meta_batch)
    config = FitConfig(steps=steps, validate_every=0, meta_batch=meta_batch, lr=lr, clip_norm=10)
    for _ in tokay.fit(algorithm, net, source, config):
        pass
