"""The scores of one task: adapt to the support set, answer the queries, measure the answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.adaptation_states import curve_states, over_states
from ..core.engine.batching import Mode
from ..core.objectives import errors_in_units, metrics
from ..core.predictions import extra_measures, predict_queries
from ..core.task import Examples, Task, kind_of
from .ranking import Ranking


class TaskScores(NamedTuple):
    """The scores of one task with ``m`` queries. After ``over_tasks`` every tensor has a leading axis of tasks."""

    measures: dict[str, Tensor]  # each [points]: one number per point of the adaptation curve
    confidences: Tensor  # [m], the probability of the chosen class after the last step; NaN for padding
    hits: Tensor  # [m], whether the chosen class is right
    steps: Tensor  # [points], the number of adaptation steps at each point; the same for every task


@dataclass(frozen=True, eq=False)
class TaskScorer:
    """How to score one task. ``over_tasks`` maps ``score`` over many."""

    algorithm: Algorithm[Any]
    net: nn.Module
    inductive: bool
    curve: bool
    mode: Mode
    y_scale: float | None = None  # one unit of y in units of the user; None: targets are not scaled
    ranking: Ranking | None = None  # how the queries are ranked; None: they are no candidates

    def score(self, task: Task) -> TaskScores:
        """Adapts to ``task.support`` and scores ``task.query``: at each point of the curve, or only at the end."""
        states = AdaptationStates(self.algorithm, self.net, task.support, curve=self.curve)
        measures, predictions = over_states(partial(self._score_state, task), states, mode=self.mode)
        return TaskScores(measures, *confidences_and_hits(predictions[-1], task.query.y), torch.tensor(states.steps))

    def _score_state(self, task: Task, state: Any) -> tuple[dict[str, Tensor], Tensor]:
        """The measures of one state, each a scalar, and its predictions ``[m, d]``."""
        predictions = predict_queries(
            self.algorithm, self.net, state, task.support.x, task.query.x, inductive=self.inductive
        )
        measures = metrics(predictions, task.query.y)
        if self.y_scale is not None:
            measures |= errors_in_units(predictions, task.query.y, self.y_scale)
        if self.ranking is not None:
            measures |= self.ranking.score(predictions, task.query.y)
        measures |= extra_measures(self.algorithm, self.net, state, task, inductive=self.inductive)
        if self.curve and kind_of(task.query.y) != "sequence":
            support = metrics(self.algorithm.predict(self.net, state, task.support.x), task.support.y)
            measures |= {f"support_{name}": value for name, value in support.items()}
        return measures, predictions


class AdaptationStates:
    """Iterates over the states of one adaptation. Afterwards ``steps`` holds the step number of each state.

    The states come one by one, because whole networks may not fit in memory together.
    """

    def __init__(self, algorithm: Algorithm[Any], net: nn.Module, support: Examples, *, curve: bool) -> None:
        self._pairs = curve_states(algorithm, net, support, curve=curve)
        self.steps: list[int] = []

    def __iter__(self) -> Iterator[Any]:
        for step, state in self._pairs:
            self.steps.append(step)
            yield state


def confidences_and_hits(predictions: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The probability of each chosen class ``[m]`` (NaN for padding), and whether the class is right ``[m]``.

    >>> confidences_and_hits(torch.zeros(2, 4), torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0]]).bool())
    (tensor([0.2500,    nan]), tensor([True, True]))
    """
    confidences = torch.where(y.any(-1).bool(), predictions.softmax(-1).max(-1).values, torch.nan)
    return confidences, predictions.argmax(-1) == y.int().argmax(-1)
