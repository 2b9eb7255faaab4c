"""Learning a task by reading it as a sequence: the network's memory is all there is to adapt.

At time t the network reads (x_t, y_{t-1}), with y_0 = 0, and predicts y_t; the label comes one step late, so that every
prediction is made before its answer is seen (Hochreiter et al. 2001; Santoro et al. 2016, arXiv:1605.06065). The support
set is read in its order. A query is one more step from where that ended, so no query ever sees another.

Where the task itself is a sequence (of kind ``sequence``: rows of bits) there are no labels to read: the support rows are
read, and the queries go on from there, one after the other.

With ``standardise`` features are measured against the support set (``standardise.py``) and labels read √F times as large, F
the number of features: so a class weighs as much as an input. It is of no paper here. An LSTM that reads ten classes had
28 % right after 100 seconds of training without, whatever its scales, rate and gates at the start, and 37 % with. What is
predicted on the way is then asked prefix by prefix, each input beside those before it: alone, batch norm of one picture would
be far from that of many, and a MANN that knew 67 % of classes at their second presentation knew 24 % so.

The memory is a cell: a module with ``outputs``, ``start`` and a step, as ``recurrent`` describes them.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..inner.wrapper import built_as
from ..network import feature_size
from ..objectives import Metrics, metrics, objective, only_of
from ..task import Examples, Kind, Task, TaskSpec, kind_of
from .recurrent import where_real
from .standardisation import Measure, as_it_is, measured_by


class Seen(NamedTuple):
    """What is left of the examples that were read."""

    memory: Any  # of the cell, a tensor or several: without an axis of examples
    label: Tensor  # [d], the last label, which is read along with the next input; [0] where there are none
    measure: Measure  # of the features


class SequenceNet(nn.Module):
    """``backbone``, a cell that reads its features and the label before, and a linear layer to the targets.

    ``cell`` makes the cell for a number of inputs. The module itself answers inputs ``[m, *x_shape]`` from nothing: as
    the first ones of a task. ``goes_on``: the queries are the rest of the sequence, and there are no labels.
    """

    def __init__(
        self, backbone: nn.Module, spec: TaskSpec, cell: Any, *, standardise: bool = False, label_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.backbone, self.standardise = backbone, standardise
        self.goes_on = spec.kind == "sequence"
        self.label_size = 0 if self.goes_on else spec.y_dim
        features = feature_size(backbone, spec)
        self.label_gain = label_scale * (math.sqrt(features) if standardise else 1.0)
        self.cell = cell(features + self.label_size)
        self.head = nn.Linear(self.cell.outputs, spec.y_dim)

    def start(self, like: Tensor) -> Seen:
        """Nothing seen yet, in the dtype and on the device of ``like``."""
        return Seen(self.cell.start(like), like.new_zeros(self.label_size), as_it_is(like))

    def step(self, features: Tensor, seen: Seen) -> tuple[Tensor, Any]:
        """Read ``features`` [..., features], in the measure of the task, and the label before: the answer ``[..., d]``, and the
        memory afterwards.
        """
        output, memory = self.cell(torch.cat([features, self.label_gain * seen.label], -1), seen.memory)
        return self.head(output), memory

    def forward(self, x: Tensor) -> Tensor:
        """What it answers before it has seen anything."""
        return ask(self, self.start(x), x)


def _parts(net: nn.Module) -> SequenceNet:
    return built_as(SequenceNet, net, "sequence: takes the network that the method's build made")


def _in_turn(parts: SequenceNet, seen: Seen, features: Tensor, y: Tensor | None) -> tuple[Seen, list[Tensor]]:
    """Read ``features`` row after row, each with the label before it (none without ``y``): what is seen then, and the answers."""
    answers = []
    for t in range(len(features)):
        answered, memory = parts.step(features[t], seen)
        following = Seen(memory, seen.label if y is None else y[t].to(features.dtype), seen.measure)
        if y is not None and kind_of(y) == "classification":
            following = where_real(y[t].any(), following, seen)
        seen = following
        answers.append(answered)
    return seen, answers


def read(net: nn.Module, support: Examples) -> tuple[Seen, Tensor]:
    """Read the support set: what is remembered of it, and what was predicted on the way ``[n, d]``.

    Row t is predicted from the examples before it alone, but for the measure of the features where the network is to
    ``standardise``: that is of all inputs of the support set (``along`` is without). Padding (all-false labels of
    classes) is skipped.
    """
    parts, (x, y) = _parts(net), support
    seen = parts.start(x)
    if not len(x):  # no network needs to stand an empty batch
        return seen, x.new_zeros(y.shape)
    features = parts.backbone(x)
    if parts.standardise:
        real = y.any(1) if kind_of(y) == "classification" else y.new_ones(len(y), dtype=torch.bool)
        seen = seen._replace(measure=measured_by(features, real))
        features = seen.measure.of(features)
    seen, answers = _in_turn(parts, seen, features, None if parts.goes_on else y)
    return seen, torch.stack(answers)


def ask(net: nn.Module, seen: Seen, x: Tensor) -> Tensor:
    """Answer inputs ``[m, *x_shape]`` with ``[m, d]``, each as if it came next; or, of a sequence, each after the other."""
    parts = _parts(net)
    if parts.goes_on:
        return torch.stack(_in_turn(parts, seen, parts.backbone(x), None)[1])
    each = tree_map(lambda tensor: tensor.expand(len(x), *tensor.shape), seen)
    return parts.step(seen.measure.of(parts.backbone(x)), each)[0]


def measurable(kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Those of ``kinds`` that can be standardised: a task that is itself a sequence has no support set to measure against."""
    return tuple(kind for kind in kinds if kind != "sequence")


def sequence_loss(net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
    """The mean loss of all predictions, those along the support set and those of the queries; the metrics of the queries.

    With one query it is the mean over the positions of one sequence, as in the papers. While a sequence of bits is read
    nothing is asked: there it is the mean over the queries alone. Of classes only those that occur in the task are a choice.
    """
    seen, along = read(net, task.support)
    answers = ask(net, seen, task.query.x)
    if kind_of(task.support.y) == "classification":
        along, answers = (only_of(part, task.support.y, task.query.y) for part in (along, answers))
    measured = metrics(answers, task.query.y)
    if _parts(net).goes_on:
        return measured["loss"], measured
    return objective(torch.cat([along, answers]), torch.cat([task.support.y, task.query.y])), measured
