"""A source with a fixed list of tasks, such as the official test set of a paper."""

import torch

from ..core.task import InputType, Task, TaskSpec, kind_of


class FixedTasks:
    """A source with the ``tasks`` [n, ...] and no others. ``evaluate`` scores each of them at most once, in their order.

    >>> from tokay import Examples, one_hot
    >>> examples = Examples(torch.arange(3.0).reshape(3, 1, 1), one_hot(torch.zeros(3, 1, dtype=torch.int64), 1))
    >>> source = FixedTasks(Task(examples, examples))
    >>> len(source), source.part(1, 3).support.x.flatten().tolist()
    (3, [1.0, 2.0])
    """

    def __init__(self, tasks: Task) -> None:
        x, y = tasks.support
        self.tasks = tasks
        x_type: InputType = "integer" if x.dtype in (torch.int64, torch.int32) else "float"
        self.spec = TaskSpec(x_shape=tuple(x.shape[2:]), y_dim=y.shape[2], kind=kind_of(y), x_type=x_type)

    def __len__(self) -> int:
        return len(self.tasks.support.x)

    def part(self, start: int, stop: int) -> Task:
        """The tasks from ``start`` up to, not including, ``stop``, in their order."""
        return self._at(torch.arange(start, stop))

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` of the list in random order. No task comes twice before all came once."""
        rounds = -(-tasks // len(self))
        order = torch.cat([torch.randperm(len(self), generator=generator) for _ in range(rounds)])
        return self._at(order[:tasks])

    def _at(self, index: torch.Tensor) -> Task:
        support, query = (type(part)(part.x[index], part.y[index]) for part in self.tasks)
        return Task(support, query)
