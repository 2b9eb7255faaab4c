"""How *fast* a run learns: what the adaptation curve of an evaluation says, in a few numbers.

The curve is the mean over tasks of accuracy (or error) and loss after each step of adapting, before adapting included;
``evaluate`` measures the first steps each and later ones ever more rarely, so a number of steps is that of the first
measured one: 10 means more than 5 and at most 10.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

import torch
from torch import Tensor

from .scores import Difference, Evaluation, Score


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """What a curve comes to. A method that adapts in one forward pass has ``steps`` 0 and no ``before``."""

    measure: str
    """accuracy, mse or bits"""
    steps: int
    """steps of adapting in all"""
    before: Score | None
    """the measure before adapting"""
    after: Score
    """and after the last step"""
    area: Score
    """the mean height of the curve, by trapezoids over the steps: 1 would be all right from the start"""
    reach: float | None
    """the accuracy (or error) asked for"""
    reached: int | None
    """the first measured step at which the mean over tasks is that good; None if none is"""
    support: Score | None
    """the loss on the support set after the last step; None for sequences, of whose beginning nothing is asked"""
    settled: int | None
    """the first measured step at which the support loss has come 95 % of its way; None where it has not fallen"""
    gap: Difference | None
    """how much better tasks of the training split are learned than unseen ones"""


def adaptation(found: Evaluation, *, reach: float | None = None, seen: Evaluation | None = None) -> Adaptation:
    """Sum up an evaluation that has a curve; ``seen`` is one on tasks of the training split, for the gap.

    ``reach`` is an accuracy that counts as learned (an error, for real targets).
    """
    measure = found.measure
    steps = list(found.curve)
    means = [found.curve[step][measure].mean for step in steps]
    return Adaptation(
        measure=measure,
        steps=steps[-1],
        before=found.curve[0][measure] if steps[-1] > 0 else None,
        after=found[measure],
        area=Score.of(area(steps, found.per_step[measure])),
        reach=reach,
        reached=None if reach is None else _first(steps, means, reach, higher=measure == "accuracy"),
        support=found.scores.get("support_loss"),
        settled=_settled(steps, [row["support_loss"].mean for row in found.curve.values() if "support_loss" in row]),
        gap=None if seen is None else _gap(measure, seen.scores, found.scores),
    )


def area(steps: list[int], values: Tensor) -> Tensor:
    """The mean height of each task's curve: ``values`` [tasks, measured steps] -> [tasks], by trapezoids.

    >>> area([0, 1, 3], torch.tensor([[0.0, 1.0, 1.0]]))  # (1 x 0.5 + 2 x 1) / 3
    tensor([0.8333])
    """
    if len(steps) == 1:
        return values[:, 0]
    x = torch.tensor(steps, dtype=values.dtype)
    total: Tensor = torch.trapezoid(values, x, dim=1) / (x[-1] - x[0])
    return total


def _first(steps: list[int], means: list[float], wanted: float, *, higher: bool) -> int | None:
    good = (mean >= wanted if higher else mean <= wanted for mean in means)
    return next((step for step, is_good in zip(steps, good, strict=True) if is_good), None)


def _settled(steps: list[int], losses: list[float]) -> int | None:
    """Where a loss has come 95 % of the way from its first value to its last."""
    if len(losses) <= 1 or not losses[-1] < losses[0]:
        return None
    return _first(steps, losses, losses[0] - 0.95 * (losses[0] - losses[-1]), higher=False)


def _gap(measure: str, seen: Mapping[str, Score], unseen: Mapping[str, Score]) -> Difference:
    """Seen minus unseen (unseen minus seen for an error), so that a positive gap is knowledge that does not carry over.

    The tasks are different ones, so the intervals add up as independent ones do.
    """
    sign = 1 if measure == "accuracy" else -1
    a, b = seen[measure], unseen[measure]
    return Difference(sign * (a.mean - b.mean), hypot(a.ci95, b.ci95), min(a.tasks, b.tasks))
