"""The names of the classes of an episode, found again by its pictures: a task itself holds only numbers of classes."""

import torch

from ..core.task import Task
from ..tasks.class_pool import ClassPool

_MOST_LETTERS = 18  # more are too long for a row of a figure


def class_names(task: Task, pool: ClassPool) -> list[str]:
    """The name of each class of ``task`` (no leading axis), drawn from ``pool``. "" for a class with unknown pictures.

    >>> pool = ClassPool(torch.tensor([0, 255]).byte().reshape(2, 1, 1, 1), torch.tensor([1, 1]), ("dark", "light"))
    >>> examples = Examples(torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1), one_hot(torch.tensor([0, 1]), 2))
    >>> class_names(Task(examples, examples), pool)
    ['light', 'dark']
    """
    class_of_row = torch.arange(len(pool.names)).repeat_interleave(pool.counts)  # [examples]
    names = []
    for number in range(task.support.y.shape[1]):
        pictures = task.support.x[task.support.y[:, number].bool()]
        if not len(pictures):
            names.append("")
            continue
        picture = (pictures[0].cpu() * 255).round().to(torch.uint8)
        is_same = (pool.stored().cpu() == picture).flatten(1).all(1)
        names.append(pool.names[int(class_of_row[int(is_same.int().argmax())])] if bool(is_same.any()) else "")
    return names


def short_name(name: str) -> str:
    """A name that fits beside a row of pictures: the last part of a path, and of that the last letters.

    >>> short_name("cats"), short_name("animals/of the world/cats"), short_name("a very long name of a class")
    ('cats', 'cats', '…name of a class')
    """
    if len(name) > _MOST_LETTERS:
        name = name.rpartition("/")[2] or name
    return name if len(name) <= _MOST_LETTERS else "…" + name[3 - _MOST_LETTERS :].lstrip()
