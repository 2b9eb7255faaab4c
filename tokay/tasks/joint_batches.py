"""Ordinary mini-batches of all classes of a pool, with fixed labels: the training data of methods without tasks."""

import torch

from ..core.task import Examples, Sizes, Task, TaskSpec, one_hot
from .class_pool import ClassPool


class JointBatches:
    """A source in which every task is a mini-batch of one classification problem: all classes of the pool.

    Support and query are ``ways * shots`` and ``ways * queries`` examples, drawn uniformly from the whole pool.

    >>> pool = ClassPool(torch.zeros(60, 1, 28, 28, dtype=torch.uint8), torch.full((6,), 10), tuple("abcdef"))
    >>> JointBatches(pool, Sizes(ways=5, shots=1, queries=2)).sample(1, torch.Generator()).query.y.shape
    torch.Size([1, 10, 6])
    """

    def __init__(self, pool: ClassPool, sizes: Sizes) -> None:
        self.pool, self.sizes = pool, sizes
        self.spec = TaskSpec(x_shape=tuple(pool.images.shape[1:]), y_dim=len(pool.names), x_type=pool.x_type)
        self._labels = torch.arange(len(pool.names)).repeat_interleave(pool.counts)  # [examples]

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` mini-batches. The sample depends only on the state of ``generator`` (a CPU generator)."""
        shots, queries = self.sizes.ways * self.sizes.shots, self.sizes.ways * self.sizes.queries
        rows = torch.randint(len(self._labels), (tasks, shots + queries), generator=generator)
        x = self.pool.inputs(rows.flatten()).reshape(*rows.shape, *self.spec.x_shape)
        y = one_hot(self._labels[rows], self.spec.y_dim).to(x.device)
        return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]))
