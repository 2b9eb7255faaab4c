"""A source that is a list: these tasks and no others, as the official test sets of some papers are."""

import torch

from ..core.task import Task, TaskSpec, kind_of


class FixedTasks:
    """``tasks`` [n, ...] and no others. ``evaluate`` scores each once, in their order, and never more than there are.

    >>> from tokay import Examples, one_hot
    >>> examples = Examples(torch.arange(3.0).reshape(3, 1, 1), one_hot(torch.zeros(3, 1, dtype=torch.int64), 1))
    >>> source = FixedTasks(Task(examples, examples))
    >>> len(source), source.part(1, 3).support.x.flatten().tolist()
    (3, [1.0, 2.0])
    """

    def __init__(self, tasks: Task) -> None:
        x, y = tasks.support
        self.tasks = tasks
        self.spec = TaskSpec(x_shape=tuple(x.shape[2:]), y_dim=y.shape[2], kind=kind_of(y))

    def __len__(self) -> int:
        return len(self.tasks.support.x)

    def part(self, start: int, stop: int) -> Task:
        """Those from ``start`` to before ``stop``, in their order."""
        return self._at(torch.arange(start, stop))

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """``tasks`` of them in random order: none twice before all were drawn. A pure function of ``generator``."""
        rounds = -(-tasks // len(self))
        order = torch.cat([torch.randperm(len(self), generator=generator) for _ in range(rounds)])
        return self._at(order[:tasks])

    def _at(self, index: torch.Tensor) -> Task:
        support, query = (type(part)(part.x[index], part.y[index]) for part in self.tasks)
        return Task(support, query)
