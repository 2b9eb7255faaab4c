"""Losses and metrics. All take predictions and targets ``[n, d]`` and return a scalar.

For classes, an all-false row of targets is padding; it does not count.
"""

import math
from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .task import Kind, kind_of

Metrics = Mapping[str, Tensor]


def mean_of_rows(values: Tensor, y: Tensor) -> Tensor:
    """Return the mean of ``values`` [n] over the rows of ``y`` [n, d] that are not padding; 0 if all rows are."""
    is_example = y.any(-1)
    return torch.where(is_example, values, 0).sum() / is_example.sum().clamp_min(1)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean of -log softmax(logits)[class] over the examples. ``y`` is boolean one-hot.

    >>> cross_entropy(torch.zeros(2, 4), torch.eye(4, dtype=torch.bool)[:2])  # log 4
    tensor(1.3863)
    """
    return mean_of_rows(-torch.where(y, F.log_softmax(logits, -1), 0).sum(-1), y)


def mean_squared_error(predictions: Tensor, y: Tensor) -> Tensor:
    """Return the mean of (prediction - target)² over examples and outputs."""
    return (predictions - y).square().mean()


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Return the share of examples whose largest logit is that of their class."""
    hits = (logits.argmax(-1) == y.int().argmax(-1)).to(logits.dtype)
    return mean_of_rows(hits, y)


def bit_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean of -log σ(±logit) over all bits, in nats. ``y`` is uint8, 0 or 1.

    >>> bit_loss(torch.zeros(3, 8), torch.ones(3, 8, dtype=torch.uint8))  # log 2
    tensor(0.6931)
    """
    return F.binary_cross_entropy_with_logits(logits, y.to(logits.dtype))


def cost_in_bits(logits: Tensor, y: Tensor) -> Tensor:
    """Return the sum of the losses of all bits of a sequence, in bits: its code length under the predictions.

    >>> cost_in_bits(torch.zeros(3, 8), torch.ones(3, 8, dtype=torch.uint8))
    tensor(24.0000)
    """
    return bit_loss(logits, y) * (y.numel() / math.log(2))


def wrong_bits(logits: Tensor, y: Tensor) -> Tensor:
    """Return the number of wrong bits in a sequence."""
    return ((logits > 0) != y.bool()).sum().to(logits.dtype)


def mask_absent_classes(logits: Tensor, *labels: Tensor) -> Tensor:
    """Set ``logits`` ``[n, d]`` to a very low value for all classes that are in none of ``labels`` (each ``[m, d]``).

    Use it if a task has fewer classes than outputs (``GrowingWays``). Otherwise a recurrent network may learn only
    which outputs are unused, because that is easier than to connect labels with inputs.

    >>> support_y, query_y = torch.tensor([[True, False, False]]), torch.tensor([[False, False, True]])
    >>> mask_absent_classes(torch.zeros(1, 3), support_y, query_y).softmax(-1)
    tensor([[0.5000, 0.0000, 0.5000]])
    """
    is_present = torch.cat(labels).any(0)
    lowest = torch.finfo(logits.dtype).min / 2  # finite: the loss multiplies it by 0
    return torch.where(is_present, logits, lowest)


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
    """Return the loss of a task: cross-entropy for classes and bits, mean squared error for real targets."""
    return _LOSS[kind_of(y)](predictions, y)


def metrics(predictions: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Return ``loss`` and the metrics of the kind of task.

    These are ``accuracy`` for classes, ``mse`` for real targets, and ``bits`` (see ``cost_in_bits``) and ``wrong_bits``
    for sequences.
    """
    scores = _SCORES[kind_of(y)]
    return {"loss": objective(predictions, y), **{name: measure(predictions, y) for name, measure in scores.items()}}


def errors_in_units(predictions: Tensor, y: Tensor, scale: float) -> dict[str, Tensor]:
    """Return the mean absolute error (``mae``) and the root of the mean squared error (``rmse``), both times ``scale``.

    >>> errors_in_units(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [0.0]]), 10.0)["mae"]
    tensor(5.)
    """
    return {
        "mae": (predictions - y).abs().mean() * scale,
        "rmse": mean_squared_error(predictions, y).sqrt() * scale,
    }


MAIN_MEASURES = ("accuracy", "mse", "bits")
"""the main metric of each kind of task; accuracy is better if it is higher, the others if they are lower"""


def main_measure(names: Iterable[str]) -> str:
    """Return the main metric among ``names``: ``accuracy`` (higher is better), ``mse`` or ``bits`` (lower is better).

    >>> main_measure(["loss", "bits", "wrong_bits"])
    'bits'
    """
    return next(name for name in MAIN_MEASURES if name in names)
