"""How *fast* a run learns: a few numbers that sum up the adaptation curve of an evaluation.

The curve is accuracy (or error) and loss after each adaptation step, as means over tasks. Step 0 is before adapting.
``evaluate`` measures every step up to 5, and only some later ones. So a number of steps here is the first *measured*
step: 10 means more than 5 and at most 10.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

import torch
from torch import Tensor

from .scores import Difference, Evaluation, Score


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """The summary of an adaptation curve. A method that adapts in one forward pass has ``steps`` 0 and no ``initial``."""

    measure: str
    """accuracy, mse or bits"""
    steps: int
    """number of adaptation steps"""
    initial: Score | None
    """the measure before adapting"""
    final: Score
    """the measure after the last step"""
    area: Score
    """the mean height of the curve, by trapezoids over the steps; for accuracy 1 means all right from the start"""
    reach: float | None
    """the accuracy (or error) to reach, if one was given"""
    steps_to_reach: int | None
    """the first measured step at which the mean over tasks is that good; None if no step is"""
    support: Score | None
    """the loss on the support set after the last step; None for sequences, whose support set has no targets"""
    steps_to_settle: int | None
    """the first measured step at which the support loss has made 95 % of its fall; None if it does not fall"""
    gap: Difference | None
    """how much better the score is on tasks of the training split than on unseen tasks"""


def adaptation(evaluation: Evaluation, *, reach: float | None = None, training: Evaluation | None = None) -> Adaptation:
    """Sums up an evaluation with a curve.

    ``reach`` is the accuracy that counts as learned (for real targets: the error). ``training`` is an evaluation on tasks of
    the training split, for the gap.
    """
    measure = evaluation.measure
    steps = list(evaluation.curve)
    means = [evaluation.curve[step][measure].mean for step in steps]
    losses = [scores["support_loss"].mean for scores in evaluation.curve.values() if "support_loss" in scores]
    return Adaptation(
        measure=measure,
        steps=steps[-1],
        initial=evaluation.curve[0][measure] if steps[-1] > 0 else None,
        final=evaluation[measure],
        area=Score.of(area(steps, evaluation.per_step[measure])),
        reach=reach,
        steps_to_reach=None if reach is None else _first_step(steps, means, reach, higher=measure == "accuracy"),
        support=evaluation.scores.get("support_loss"),
        steps_to_settle=_settling_step(steps, losses),
        gap=None if training is None else _gap(measure, training.scores, evaluation.scores),
    )


def area(steps: list[int], values: Tensor) -> Tensor:
    """The mean height of each task's curve, by trapezoids: ``values`` ``[tasks, measured steps]`` -> ``[tasks]``.

    >>> area([0, 1, 3], torch.tensor([[0.0, 1.0, 1.0]]))  # (1 x 0.5 + 2 x 1) / 3
    tensor([0.8333])
    """
    if len(steps) == 1:
        return values[:, 0]
    x = torch.tensor(steps, dtype=values.dtype)
    total: Tensor = torch.trapezoid(values, x, dim=1) / (x[-1] - x[0])
    return total


def _first_step(steps: list[int], means: list[float], target: float, *, higher: bool) -> int | None:
    """The first of ``steps`` with a mean of at least ``target`` (if ``higher``), or at most ``target``."""
    good = (mean >= target if higher else mean <= target for mean in means)
    return next((step for step, is_good in zip(steps, good, strict=True) if is_good), None)


def _settling_step(steps: list[int], losses: list[float]) -> int | None:
    """The first step at which the loss has made 95 % of its fall from the first to the last value."""
    if len(losses) <= 1 or not losses[-1] < losses[0]:
        return None
    return _first_step(steps, losses, losses[0] - 0.95 * (losses[0] - losses[-1]), higher=False)


def _gap(measure: str, training: Mapping[str, Score], unseen: Mapping[str, Score]) -> Difference:
    """Training minus unseen tasks (for an error: unseen minus training). A positive gap is knowledge that does not transfer.

    The two have different tasks, so their intervals combine like those of independent means.
    """
    sign = 1 if measure == "accuracy" else -1
    a, b = training[measure], unseen[measure]
    return Difference(sign * (a.mean - b.mean), hypot(a.ci95, b.ci95), min(a.tasks, b.tasks))
