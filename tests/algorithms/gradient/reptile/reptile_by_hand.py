"""A slow Reptile by hand, with torch's own optimizers on copies of the network."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from tokay import Examples, Reptile, Task, TaskSpec, one_hot
from tokay.core.inner.minibatches import cycle

SPEC = TaskSpec(x_shape=(4,), y_dim=3)
TASKS, N = 3, 6


def build_net(*, moments: bool = False) -> nn.Module:
    """A small network. Without moments every task starts with a new Adam, as in torch."""
    reptile = Reptile(inner="adam" if moments else "sgd")
    return reptile.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC).double()


def tasks(count: int = TASKS) -> Task:
    def examples() -> Examples:
        y = one_hot(torch.stack([torch.randperm(N) % 3 for _ in range(count)]), 3)
        return Examples(torch.randn(count, N, 4, dtype=torch.float64), y)

    return Task(examples(), examples())


def inner_batches(task: Task, reptile: Reptile) -> list[Examples]:
    """The mini-batches of the inner steps."""
    support, query = task
    rows = cycle(N, reptile.inner_batch, reptile.inner_steps)
    batches = [Examples(support.x[index], support.y[index]) for index in rows]
    return batches if reptile.tail == "shared" else [*batches[:-1], query]


def slow_path(net: nn.Module, task: Task, reptile: Reptile) -> list[list[Tensor]]:
    """The weights before and after every step of ordinary training of a copy on mini-batches."""
    copy = deepcopy(net)
    if reptile.inner == "adam":
        optimizer: Any = torch.optim.Adam(copy.parameters(), lr=reptile.inner_lr, betas=(0.0, 0.999))
    else:
        optimizer = torch.optim.SGD(copy.parameters(), lr=reptile.inner_lr)
    states = [[p.detach().clone() for p in copy.parameters()]]
    for x, y in inner_batches(task, reptile):
        optimizer.zero_grad()
        nn.functional.cross_entropy(copy(x), y.int().argmax(1)).backward()
        optimizer.step()
        states.append([p.detach().clone() for p in copy.parameters()])
    return states


def slow_end(net: nn.Module, support: Examples, reptile: Reptile) -> list[Tensor]:
    """The weights at the end of ``slow_path``."""
    return slow_path(net, Task(support, support), reptile)[-1]


def split_tasks(batch: Task) -> list[Task]:
    (sx, sy), (qx, qy) = batch
    return [Task(Examples(sx[i], sy[i]), Examples(qx[i], qy[i])) for i in range(len(sx))]


class FixedSource:
    """A source that always returns the same batch of tasks."""

    def __init__(self, batch: Task) -> None:
        self.batch, self.spec = batch, SPEC

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return self.batch
