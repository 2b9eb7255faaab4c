"""Learning a task by reading it as a sequence: adapting changes only the network's memory.

At step t the network reads (x_t, y_{t-1}), with y_0 = 0, and predicts y_t. Each label comes one step late, so the network
predicts before it reads the answer (Hochreiter et al. 2001; Santoro et al. 2016, arXiv:1605.06065). It reads the support
set in its order. Every query is one more step from the memory after the support set, so no query sees another.

A task of kind ``sequence`` (rows of bits) has no labels to read. There the network reads the support rows, and then the
query rows, one after the other.

With ``standardise``, features are standardised over the support set (``standardisation``), and the network reads labels
multiplied by √F, F the number of features, so that a label weighs as much as an input. This is our own addition, not in
the papers; with it training needs fewer episodes. Predictions along the support set then take one pass per prefix, because
each prefix has its own mean and spread.

The memory belongs to a cell: a module with ``outputs``, ``start`` and a step (see ``recurrent``).
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..network import feature_size, require_network
from ..objectives import Metrics, mask_absent_classes, metrics, objective
from ..task import Examples, Kind, Task, TaskSpec, kind_of
from .recurrent import where_real
from .standardisation import Standardiser, fit_standardiser, identity_standardiser


class ReaderState(NamedTuple):
    """The state of a reader after some examples."""

    memory: Any  # of the cell: one tensor or several, without an axis of examples
    label: Tensor  # [d], the last label, which the next step reads; [0] if the task has no labels
    standardiser: Standardiser  # of the features


class SequenceNet(nn.Module):
    """``backbone``, a cell that reads its features and the previous label, and a linear head to the targets.

    ``cell`` is a function that builds the cell for a number of inputs. ``label_scale`` multiplies the labels. A call of
    the module predicts inputs ``[m, *x_shape]`` from an empty memory, each as the first example of a task.
    ``is_sequence``: the queries continue the sequence, and there are no labels.
    """

    def __init__(
        self, backbone: nn.Module, spec: TaskSpec, cell: Any, *, standardise: bool = False, label_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.backbone, self.standardise = backbone, standardise
        self.is_sequence = spec.kind == "sequence"
        self.label_size = 0 if self.is_sequence else spec.y_dim
        features = feature_size(backbone, spec)
        self.label_gain = label_scale * (math.sqrt(features) if standardise else 1.0)
        self.cell = cell(features + self.label_size)
        self.head = nn.Linear(self.cell.outputs, spec.y_dim)

    def start(self, like: Tensor) -> ReaderState:
        """The state before the first example, with the dtype and device of ``like``; of the weights if it holds indices."""
        like = like if like.is_floating_point() else self.head.weight
        return ReaderState(self.cell.start(like), like.new_zeros(self.label_size), identity_standardiser(like))

    def step(self, features: Tensor, state: ReaderState) -> tuple[Tensor, Any]:
        """Reads standardised ``features`` ``[..., features]`` and the previous label.

        Returns the prediction ``[..., d]`` and the new memory.
        """
        output, memory = self.cell(torch.cat([features, self.label_gain * state.label], -1), state.memory)
        return self.head(output), memory

    def forward(self, x: Tensor) -> Tensor:
        """Predicts from an empty memory."""
        return predict_queries(self, self.start(x), x)


def _sequence_net(net: nn.Module) -> SequenceNet:
    return require_network(SequenceNet, net, "sequence: takes the network that the method's build made")


def _read_rows(
    net: SequenceNet, state: ReaderState, features: Tensor, y: Tensor | None
) -> tuple[ReaderState, list[Tensor]]:
    """Reads ``features`` row by row, each with the label before it (no label without ``y``).

    Returns the state afterwards and the predictions. Padding rows leave the state unchanged.
    """
    predictions = []
    for t in range(len(features)):
        prediction, memory = net.step(features[t], state)
        next_state = ReaderState(memory, state.label if y is None else y[t].to(features.dtype), state.standardiser)
        if y is not None and kind_of(y) == "classification":
            next_state = where_real(y[t].any(), next_state, state)
        state = next_state
        predictions.append(prediction)
    return state, predictions


def read_support(net: nn.Module, support: Examples) -> tuple[ReaderState, Tensor]:
    """Reads the support set. Returns the state afterwards, and a prediction for each example ``[n, d]``.

    Prediction t depends only on the examples before t, with one exception: with ``standardise``, the mean and spread
    come from all inputs of the support set. (``predict_along`` has no exception.) Padding rows (classes with all-false labels)
    are skipped.
    """
    parts, (x, y) = _sequence_net(net), support
    state = parts.start(x)
    if not len(x):  # the backbone may not accept an empty batch
        return state, state.label.new_zeros(y.shape)
    features = parts.backbone(x)
    if parts.standardise:
        is_real = y.any(1) if kind_of(y) == "classification" else y.new_ones(len(y), dtype=torch.bool)
        state = state._replace(standardiser=fit_standardiser(features, is_real))
        features = state.standardiser.apply(features)
    state, predictions = _read_rows(parts, state, features, None if parts.is_sequence else y)
    return state, torch.stack(predictions)


def predict_queries(net: nn.Module, state: ReaderState, x: Tensor) -> Tensor:
    """Predicts inputs ``[m, *x_shape]``: ``[m, d]``.

    Each input is the next step after ``state``, independent of the others. In a task of kind ``sequence`` they follow
    one another.
    """
    parts = _sequence_net(net)
    if parts.is_sequence:
        return torch.stack(_read_rows(parts, state, parts.backbone(x), None)[1])
    state_per_query = tree_map(lambda tensor: tensor.expand(len(x), *tensor.shape), state)
    return parts.step(state.standardiser.apply(parts.backbone(x)), state_per_query)[0]


def standardisable_kinds(kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """``kinds`` without ``sequence``: such a task has no support set to take a mean and a spread from."""
    return tuple(kind for kind in kinds if kind != "sequence")


def sequence_loss(net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
    """The mean loss of all predictions, of the support set and of the queries; and the metrics of the queries.

    With one query, this is the mean over the steps of one sequence, as in the papers. In a task of kind ``sequence``,
    only the queries count. Classes that do not occur in the task are left out of the softmax.
    """
    state, support_predictions = read_support(net, task.support)
    predictions = predict_queries(net, state, task.query.x)
    if kind_of(task.support.y) == "classification":
        support_predictions, predictions = (
            mask_absent_classes(logits, task.support.y, task.query.y) for logits in (support_predictions, predictions)
        )
    measured = metrics(predictions, task.query.y)
    if _sequence_net(net).is_sequence:
        return measured["loss"], measured
    return objective(torch.cat([support_predictions, predictions]), torch.cat([task.support.y, task.query.y])), measured
