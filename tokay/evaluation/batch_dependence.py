"""A probe: does the answer to one input depend on the other inputs in the same call?

Batch norm makes it so, because it mixes statistics of all inputs. The probe asks for the answers twice and compares
them, so it also sees what a user's own module does with its batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.engine.batching import Mode, over_tasks, task_slice
from ..core.task import Task


def depends_on_batch(answers: Callable[[Task], tuple[Tensor, Tensor]], tasks: Task, *, mode: Mode) -> bool:
    """Probes the first of ``tasks``. ``answers`` gives two answers to the same inputs, as ``answer_twice`` does."""
    first, second = over_tasks(answers, task_slice(tasks, 0, 1), mode=mode)
    return answers_differ(first, second)


def answer_twice(predict: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """The answers to the first half of ``x`` ``[n, ...]``: once together with the second half, once with a copy of itself.

    ``predict`` maps ``[n, ...]`` to ``[n, d]``. The first half is rounded up. Its rows stand in for the others,
    so the inputs of the second call are real ones, too: token indices stay token indices.

    >>> answer_twice(lambda x: x - x.mean(), torch.tensor([1.0, 2.0, 3.0]))
    (tensor([-1.,  0.]), tensor([-0.3333,  0.6667]))
    """
    half = (len(x) + 1) // 2
    changed = torch.cat([x[:half], x[: len(x) - half]])
    return predict(x)[:half], predict(changed)[:half]


def is_small_batch(queries: int, support: int) -> bool:
    """Whether ``queries`` answered together are few, so that answers that depend on each other are poor.

    Batch norm then takes its statistics from fewer examples than when it adapted to the ``support`` ones.
    """
    return queries < support


def answers_differ(first: Tensor, second: Tensor) -> bool:
    """Whether two answers to the same inputs differ by more than rounding. NaN equals NaN: a divergence is no dependence.

    >>> answers_differ(torch.ones(1), torch.ones(1) + 1e-6), answers_differ(torch.ones(1), torch.zeros(1))
    (False, True)
    """
    return not torch.allclose(first, second, rtol=1e-3, atol=1e-4, equal_nan=True)
