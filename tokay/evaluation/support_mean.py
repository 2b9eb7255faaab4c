"""What a learner of regression tasks must beat: the mean of the support targets, whatever the inputs say."""

import torch

from ..core.objectives import errors_in_units
from ..core.source_abilities import ScaledTargets
from ..core.task import TaskSource
from .scores import Score
from .task_blocks import count_scored, task_blocks


def support_mean_error(source: TaskSource, *, tasks: int, seed: int) -> Score | None:
    """The mean absolute error, in units of the user, if every query is answered with the mean of the support targets.

    The tasks are those of ``evaluate`` with the same ``tasks`` and ``seed``. None if the source scales no targets.
    """
    if not isinstance(source, ScaledTargets) or source.spec.kind != "regression":
        return None
    errors = []
    for _, block in task_blocks(source, count_scored(source, tasks), seed):
        mean = block.support.y.mean(1, keepdim=True).expand_as(block.query.y)  # [tasks, queries, d]
        pairs = zip(mean, block.query.y, strict=True)
        errors += [errors_in_units(prediction, y, source.y_scale)["mae"] for prediction, y in pairs]
    return Score.of(torch.stack(errors))
