"""The layer that lstm, gru, mann and ntm share: each of them adds only its cell, its settings and its texts."""

from abc import abstractmethod

from torch import Tensor, nn

from ..algorithm import Algorithm
from ..objectives import Metrics
from ..task import Examples, Kind, Task, TaskSpec
from .sequence_net import ReaderState, SequenceNet, predict_queries, read_support, sequence_loss, standardisable_kinds


class SequenceReader(Algorithm[ReaderState]):
    """A method that learns a task by reading it as a sequence, one example after the other.

    A subclass writes ``cell`` and has a field ``standardise``. This class has no name, so it is not registered. It is
    not a dataclass either, so the fields of a subclass keep their own order.
    """

    standardise: bool
    label_scale: float = 1.0  # factor on the labels that the cell reads
    kinds = ("classification", "regression", "sequence")
    ordered = True
    needs_training = "its memory is what meta-training teaches it to use"

    @abstractmethod
    def cell(self, inputs: int) -> nn.Module:
        """Builds the cell that reads ``inputs`` numbers per step. ``recurrent`` says what a cell is."""

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Builds the backbone, the cell that reads its features and a label, and a linear head."""
        return SequenceNet(backbone, spec, self.cell, standardise=self.standardise, label_scale=self.label_scale)

    def takes(self) -> tuple[Kind, ...]:
        """``kinds``, without ``sequence`` if ``standardise`` is on: such a task has no support set to standardise over."""
        return standardisable_kinds(self.kinds) if self.standardise else self.kinds

    def adapt(self, net: nn.Module, support: Examples) -> ReaderState:
        """Reads the support set once, in its order. Returns the memory afterwards."""
        return read_support(net, support)[0]

    def predict(self, net: nn.Module, state: ReaderState, x: Tensor) -> Tensor:
        """Reads each input as the next step after the support set. Returns ``[m, d]``."""
        return predict_queries(net, state, x)

    def predict_along(self, net: nn.Module, support: Examples) -> Tensor:
        """Predicts each support example from those before it ``[n, d]``.

        Without ``standardise`` one pass is enough. With it, every prefix has its own mean and spread, so the method
        reads each prefix again.
        """
        return super().predict_along(net, support) if self.standardise else read_support(net, support)[1]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The mean loss over the sequence (see ``sequence_loss``), and the metrics of the queries."""
        return sequence_loss(net, task)
