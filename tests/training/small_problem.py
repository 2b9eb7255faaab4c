"""A small problem to train on, and helpers to compare weights."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tokay import MAML, Examples, FitConfig, Task, TaskSpec

MAML_HERE = MAML(inner_lr=0.1, inner_steps=1, test_steps=2)


class Lines:
    """Regression to lines of a random slope. Keeps the tasks it returned in ``samples``."""

    spec = TaskSpec(x_shape=(2,), y_dim=1, kind="regression")

    def __init__(self, noise: float = 0.0, dtype: torch.dtype = torch.float64) -> None:
        self.noise, self.dtype = noise, dtype
        self.samples: list[Task] = []

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        slope = torch.rand(tasks, 2, 1, generator=generator, dtype=self.dtype)
        x = torch.randn(tasks, 10, 2, generator=generator, dtype=self.dtype)
        y = x @ slope + self.noise * torch.randn(tasks, 10, 1, generator=generator, dtype=self.dtype)
        self.samples.append(Task(Examples(x[:, :5], y[:, :5]), Examples(x[:, 5:], y[:, 5:])))
        return self.samples[-1]


def small_net(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(7)
    return MAML().build(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), *layers), Lines.spec).double()


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in net.state_dict().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def config(**changes: Any) -> FitConfig:
    return replace(FitConfig(steps=4, meta_batch=3, validate_every=0, seed=1), **changes)
