"""The inner loop of LEO: gradient steps on the codes of the classes, then on the rows of the head."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from ....core.inner.descent import SGD, Params, descend
from ....core.objectives import cross_entropy
from ....core.probability.gaussians import class_noise
from ....core.probability.noise import uniform
from ....core.task import Examples
from .latent_head import LatentHead


class Classifier(NamedTuple):
    """The state of a task: its codes, the rows of its head, and the dropout mask for its queries."""

    codes: Tensor  # [ways, latents]
    weight: Tensor  # [ways, features]
    mask: Tensor  # [features], 0 or a factor that keeps the mean


ENCODER = -1
"""stream of the encoder's dropout mask; the steps of the inner loop count their streams from 0"""


def dropout_mask(seed: Tensor, features: Tensor, share: float, *, stream: int) -> Tensor:
    """One mask for all rows of ``features`` [n, features]: 0 for a ``share`` of the features, else 1 / (1 - share)."""
    draw = uniform(seed, (features.shape[1],), stream=stream, like=features)
    return (draw >= share).to(features.dtype) / (1 - share)


@dataclass(frozen=True, kw_only=True)
class InnerLoop:
    """One task and the settings of its inner loop.

    If ``stochastic`` is False, codes and weights are means and no feature is dropped.
    """

    parts: LatentHead
    support: Examples
    features: Tensor
    """of the support set, [n, features]"""
    seed: Tensor
    """of the support set"""
    stochastic: bool
    dropout: float
    """share of the features to drop"""

    def code_steps(self, codes: tuple[Tensor, Tensor], steps: int) -> Iterator[Classifier]:
        """Draw codes from their mean and log σ, then take gradient steps on them. Yields ``steps`` + 1 states."""
        initial = {"codes": self._draw(*codes, stream=0)}
        rate = SGD({"codes": self.parts.latent_rate})
        for step, params in enumerate(descend(self._code_loss, initial, range(steps), rate)):
            yield Classifier(params["codes"], self._decode(params["codes"], step), self._mask(0))

    def head_steps(self, classifier: Classifier, steps: range) -> Iterator[Classifier]:
        """Take gradient steps on the rows of the head. ``steps`` numbers them, after the steps on the codes."""
        rate = SGD({"weight": self.parts.tuning_rate})
        path = descend(self._weight_loss, {"weight": classifier.weight}, steps, rate)
        for params in islice(path, 1, None):  # the first one is ``classifier``
            yield classifier._replace(weight=params["weight"], mask=self._mask(0))

    def _code_loss(self, params: Params, step: int) -> Tensor:
        return self._loss(self._decode(params["codes"], step), step)

    def _weight_loss(self, params: Params, step: int) -> Tensor:
        return self._loss(params["weight"], step)

    def _loss(self, weight: Tensor, step: int) -> Tensor:
        return cross_entropy((self.features * self._mask(1 + step)) @ weight.mT, self.support.y)

    def _decode(self, codes: Tensor, step: int) -> Tensor:
        return self._draw(*self.parts.decode(codes), stream=1 + step)

    def _draw(self, mean: Tensor, log_std: Tensor, *, stream: int) -> Tensor:
        """Draw one row per class from N(mean, std²)."""
        if not self.stochastic:
            return mean
        return mean + log_std.exp() * class_noise(self.support, (mean.shape[1],), stream=stream, like=mean)

    def _mask(self, stream: int) -> Tensor:
        """Dropout mask of the features; all ones without randomness."""
        if not self.stochastic:
            return torch.ones_like(self.features[0])
        return dropout_mask(self.seed, self.features, self.dropout, stream=stream)
