"""How well predictions answer targets. All take ``[n, d]`` and give a scalar; an all-false row of classes is padding."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .task import kind_of

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


def objective(predictions: Tensor, y: Tensor) -> Tensor:
    """The loss of a task: cross-entropy for classes, mean squared error for real targets."""
    return cross_entropy(predictions, y) if kind_of(y) == "classification" else mean_squared_error(predictions, y)


def metrics(predictions: Tensor, y: Tensor) -> dict[str, Tensor]:
    """What reports show: ``loss``, and ``accuracy`` for classes or ``mse`` for real targets."""
    score = {"accuracy": accuracy} if kind_of(y) == "classification" else {"mse": mean_squared_error}
    return {"loss": objective(predictions, y), **{name: measure(predictions, y) for name, measure in score.items()}}
