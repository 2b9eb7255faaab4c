"""An LSTM that learns by reading (Hochreiter, Younger & Conwell 2001; on few shots Santoro et al. 2016, arXiv:1605.06065).

The task comes as a sequence, each label one step late, and the weights of an LSTM are trained so that its recurrent
activations become a learning algorithm:

    h_t, c_t = LSTM([f(x_t); y_{t-1}], h_{t-1}, c_{t-1}),   y_0 = 0,      ŷ_t = W h_t + b,

    minimise  E_T mean_t L(ŷ_t, y_t)  over the support examples, in random order, and the query that follows them.

Nothing is optimised on a new task: adapting is one pass over the support set.

Deviations: Hochreiter et al. learn functions of two numbers with one or two layers of few cells, by gradient descent;
Santoro et al. read flattened 20x20 images. Here a convolutional backbone f reads pictures (``--network linear`` does
without), there is one layer of 200 cells (the size of Santoro et al.'s controller), and Adam. A task may have many
queries: each is alone behind the support set, and weighs as much as any other prediction. Their sequences are of 50 examples,
``--train-shots 10 --train-queries 1``; the default trains on the sizes that it will be tested on, which is learned sooner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_positive
from ...core.cost import Cost
from ...core.objectives import Metrics
from ...core.readers.recurrent import LSTMMemory
from ...core.readers.sequence import Seen, SequenceNet, ask, measurable, read, sequence_loss
from ...core.task import Examples, Kind, Task, TaskSpec


@dataclass(frozen=True, kw_only=True)
class LSTM(Algorithm[Seen], name="lstm"):
    """LSTM: a recurrent network reads the examples with their labels; what it remembers is what it has learned.

    State: ``Seen``: the memory (output and cell of the LSTM, [cells] each), the last label [d], and the
    measure of the features (centre [features] and spread, [] and 1 without ``standardise``).

    The most general learner there is, and the one that assumes least: it learns to bind labels to inputs from nothing,
    which takes many thousands of episodes; ``standardise`` (of no paper; ``core/sequence.py``) takes fewer. Prefer SNAIL or
    MANN for classes, MAML where gradient steps can be afforded.

    >>> net = LSTM().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = LSTM().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> LSTM().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Hochreiter, Younger & Conwell, 2001 (ICANN); Santoro et al., 2016, arXiv:1605.06065"
    summary = "an LSTM reads examples and labels as a sequence; what it remembers is what it has learned"
    cost = Cost("feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t read off an LSTM that has seen (x_1, y_1) ... (x_t, -)")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4"
    kinds = ("classification", "regression", "sequence")
    meta_batch = 16
    ordered = True
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs, each with weights of its own; random labels make them alike on average",
        "learns[classification]": "binding labels to inputs takes ten thousand episodes and more, the check has 960",
    }

    cells: int = 200
    """LSTM cells"""
    standardise: bool = False
    """measure features against the support set, and read labels as large as them"""

    def __post_init__(self) -> None:
        require_positive(self, "cells")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, the LSTM that reads its features and a label, and a linear layer."""
        return SequenceNet(backbone, spec, partial(LSTMMemory, hidden=self.cells), standardise=self.standardise)

    def takes(self) -> tuple[Kind, ...]:
        return measurable(self.kinds) if self.standardise else self.kinds

    def adapt(self, net: nn.Module, support: Examples) -> Seen:
        return read(net, support)[0]

    def predict(self, net: nn.Module, state: Seen, x: Tensor) -> Tensor:
        return ask(net, state, x)

    def along(self, net: nn.Module, support: Examples) -> Tensor:
        return super().along(net, support) if self.standardise else read(net, support)[1]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The mean loss over the sequence, and the metrics of the queries."""
        return sequence_loss(net, task)
