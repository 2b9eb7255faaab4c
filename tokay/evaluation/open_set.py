"""Open sets: queries of classes that are not in the support set, and a score that should tell them from the others.

The score is the largest logit of a query (Vaze et al., 2022, ICLR). For methods that compare distances, such as protonet,
it is minus the distance to the nearest class; for methods whose logits are log-probabilities (matching) it orders queries as
the largest probability does, the usual baseline (Hendrycks & Gimpel, 2017, ICLR).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.engine.batching import count_tasks
from ..core.task import Sizes, Split, Task, TaskSource
from ..errors import ConfigError
from ..learner.learner import Learner
from ..tasks.class_pool import Pooled
from ..tasks.source import Source
from .open_set_scores import OpenSetScores
from .task_blocks import task_blocks


class OpenTask(NamedTuple):
    """A task with some of its classes left out of the support set."""

    x: Tensor  # [n, *x_shape], the support set
    labels: Tensor  # [n], 0 ... known ways - 1
    members: Tensor  # [m, *x_shape], queries of these classes
    strangers: Tensor  # [k, *x_shape], queries of other classes


def open_set(
    learner: Learner,
    source: Source,
    sizes: Sizes,
    *,
    split: Split,
    tasks: int = 600,
    seed: int = 0,
    on_progress: Callable[[int], object] | None = None,
) -> OpenSetScores:
    """Scores ``tasks`` tasks of ``split`` with ``sizes.ways`` classes in the support set and queries of as many others.

    There are fewer other classes if the split has no more. ``learner`` answers each task as it answers a user: with its own
    settings, inductively by default. It learns nothing itself.

    Raises ``ConfigError`` as ``count_unknown_ways`` does.
    """
    unknown_ways = count_unknown_ways(source, split, sizes)
    drawn_tasks = source.tasks(split, replace(sizes, ways=sizes.ways + unknown_ways))
    known_scores: list[Tensor] = []
    unknown_scores: list[Tensor] = []
    for block in _blocks(drawn_tasks, sizes.ways, tasks, seed):
        for adapted, task in zip(learner.fit_many([(task.x, task.labels) for task in block]), block, strict=True):
            known_scores.append(max_logits(adapted, task.members))
            unknown_scores.append(max_logits(adapted, task.strangers))
        if on_progress:
            on_progress(len(known_scores))
    return OpenSetScores(
        known_scores=torch.stack(known_scores),
        unknown_scores=torch.stack(unknown_scores),
        known_ways=sizes.ways,
        unknown_ways=unknown_ways,
        shots=sizes.shots,
    )


def count_unknown_ways(source: Source, split: Split, sizes: Sizes) -> int:
    """The number of classes beside those of the support set: as many as ``sizes.ways`` if the split has them.

    Raises ``ConfigError`` if the tasks have no classes, or the same classes every time, or the split has too few.
    """
    classes = count_classes(source, split, sizes)
    if classes <= sizes.ways:
        raise ConfigError(
            f"open set: {sizes.ways} ways need at least one class more, of which a query is unknown; the {split} split of "
            f"{source.name} has {classes}. Ask for fewer ways, or hold out more classes."
        )
    return min(sizes.ways, classes - sizes.ways)


def count_classes(source: Source, split: Split, sizes: Sizes) -> int:
    """The number of classes of ``split`` from which a task may have its own; of the usual group, if there are groups.

    Raises ``ConfigError`` for tasks without classes, or with the same classes every time.
    """
    pooled = source.tasks(split, replace(sizes, ways=1))
    if not isinstance(pooled, Pooled):
        raise ConfigError(
            f"open set: a task must draw its classes from many, those of {source.name} have no classes, or always the same. "
            "Leave it out."
        )
    return pooled.common_ways


def max_logits(learner: Learner, x: Tensor) -> Tensor:
    """The score of each input ``[m]``: its largest logit. Large for an input like those of the support classes."""
    return torch.from_numpy(learner.predict_logits(x)).amax(-1)


def split_classes(tasks: Task, ways: int) -> list[OpenTask]:
    """Leaves all classes but the first ``ways`` out of the support sets of a batch of tasks."""
    open_tasks = []
    for i in range(count_tasks(tasks)):
        (x, y), (query_x, query_y) = ((part.x[i], part.y[i]) for part in tasks)
        labels, is_member = y.int().argmax(-1), y[:, :ways].any(-1)  # padding is neither member nor stranger
        strangers = query_x[query_y[:, ways:].any(-1)]
        open_tasks.append(OpenTask(x[is_member], labels[is_member], query_x[query_y[:, :ways].any(-1)], strangers))
    return open_tasks


def _blocks(source: TaskSource, ways: int, tasks: int, seed: int) -> Iterator[list[OpenTask]]:
    for _, block in task_blocks(source, tasks, seed):
        yield split_classes(block, ways)
