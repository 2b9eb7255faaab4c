"""How well predictions answer targets. All take ``[n, d]`` and give a scalar; an all-false row of classes is padding."""

import math
from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .task import Kind, kind_of

Metrics = Mapping[str, Tensor]


def mean_of_rows(values: Tensor, y: Tensor) -> Tensor:
    """Mean of ``values`` [n] over the rows of ``y`` [n, d] that are no padding; 0 where all are (a mini-batch may be)."""
    real = y.any(-1)
    return torch.where(real, values, 0).sum() / real.sum().clamp_min(1)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[class] over the examples; ``y`` is boolean one-hot.

    >>> cross_entropy(torch.zeros(2, 4), torch.eye(4, dtype=torch.bool)[:2])  # log 4
    tensor(1.3863)
    """
    return mean_of_rows(-torch.where(y, F.log_softmax(logits, -1), 0).sum(-1), y)


def mean_squared_error(predictions: Tensor, y: Tensor) -> Tensor:
    """Mean of (prediction - target)² over examples and outputs."""
    return (predictions - y).square().mean()


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Share of examples whose largest logit is at their class."""
    hit = (logits.argmax(-1) == y.int().argmax(-1)).to(logits.dtype)
    return mean_of_rows(hit, y)


def bit_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Mean of -log σ(±logit) over all bits, in nats; ``y`` is of bytes, 0 or 1.

    >>> bit_loss(torch.zeros(3, 8), torch.ones(3, 8, dtype=torch.uint8))  # log 2
    tensor(0.6931)
    """
    return F.binary_cross_entropy_with_logits(logits, y.to(logits.dtype))


def cost_in_bits(logits: Tensor, y: Tensor) -> Tensor:
    """What it takes to write down a sequence for somebody who has the predictions: the loss of all its bits, in bits.

    >>> cost_in_bits(torch.zeros(3, 8), torch.ones(3, 8, dtype=torch.uint8))
    tensor(24.0000)
    """
    return bit_loss(logits, y) * (y.numel() / math.log(2))


def wrong_bits(logits: Tensor, y: Tensor) -> Tensor:
    """How many bits of a sequence are guessed wrongly."""
    return ((logits > 0) != y.bool()).sum().to(logits.dtype)


def only_of(logits: Tensor, *labels: Tensor) -> Tensor:
    """``logits`` ``[n, d]`` without hope for the classes that are in none of ``labels`` ``[m, d]``, which may be of any length.

    A task of a few of the classes (``FewerWays``) would teach which do not occur, and that is so much easier than to bind
    labels to inputs that an LSTM learned nothing else: five labels of twenty outputs were at chance when five of five were not.

    >>> only_of(torch.zeros(1, 3), torch.tensor([[True, False, False]]), torch.tensor([[False, False, True]])).softmax(-1)
    tensor([[0.5000, 0.0000, 0.5000]])
    """
    occur = torch.cat(labels).any(0)
    never = torch.finfo(logits.dtype).min / 2  # finite, for what is no target is 0 times it
    return torch.where(occur, logits, never)


_Measure = Callable[[Tensor, Tensor], Tensor]
_LOSS: dict[Kind, _Measure] = {
    "classification": cross_entropy,
    "regression": mean_squared_error,
    "sequence": bit_loss,
}
_SCORES: dict[Kind, dict[str, _Measure]] = {
    "classification": {"accuracy": accuracy},
    "regression": {"mse": mean_squared_error},
    "sequence": {"bits": cost_in_bits, "wrong_bits": wrong_bits},
}


def objective(predictions: Tensor, y: Tensor) -> Tensor:
    """The loss of a task: cross-entropy for classes and for bits, mean squared error for real targets."""
    return _LOSS[kind_of(y)](predictions, y)


def metrics(predictions: Tensor, y: Tensor) -> dict[str, Tensor]:
    """What reports show: ``loss``, and ``accuracy`` for classes, ``mse`` for real targets, or ``bits`` (the loss of a
    whole sequence) and ``wrong_bits``."""
    scores = _SCORES[kind_of(y)]
    return {"loss": objective(predictions, y), **{name: measure(predictions, y) for name, measure in scores.items()}}


def measure_among(names: Iterable[str]) -> str:
    """By which of the measures ``names`` tasks are judged: ``accuracy``, where more is better, ``mse`` or ``bits``.

    >>> measure_among(["loss", "bits", "wrong_bits"])
    'bits'
    """
    return next(first for first in ("accuracy", "mse", "bits") if first in names)
