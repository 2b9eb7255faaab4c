"""A gated recurrent unit that learns by reading (Hochreiter, Younger & Conwell 2001, with the unit of Cho et al. 2014,
arXiv:1406.1078; Duan et al. 2016, arXiv:1611.02779, learn reinforcement learning with it).

The task comes as a sequence, each label one step late, and the weights of a GRU are trained so that its activations become
a learning algorithm:

    h_t = GRU([f(x_t); y_{t-1}], h_{t-1}),   y_0 = 0,      ŷ_t = W h_t + b,

    minimise  E_T mean_t L(ŷ_t, y_t)  over the support examples, in random order, and the query that follows them.

Nothing is optimised on a new task: adapting is one pass over the support set.

Deviations: no paper has this very form; it is ``lstm`` (which names what differs from Hochreiter et al. and Santoro et al.,
arXiv:1605.06065) with another cell, that of Cho et al. (``core/recurrent.py``; torch's has its reset gate in another place).
A task may have many queries: each is alone behind the support set, and weighs as much as any other prediction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_not_negative, require_positive
from ...core.cost import Cost
from ...core.objectives import Metrics
from ...core.readers.recurrent import GRUMemory
from ...core.readers.sequence import Seen, SequenceNet, ask, measurable, read, sequence_loss
from ...core.task import Examples, Kind, Task, TaskSpec


@dataclass(frozen=True, kw_only=True)
class GRU(Algorithm[Seen], name="gru"):
    """GRU: a gated recurrent unit reads the examples with their labels; what it remembers is what it has learned.

    State: ``Seen``: the memory (the units' activations, [units]), the last label [d], and the measure of the
    features (centre [features] and spread, [] and 1 without ``standardise``).

    As ``lstm``, with three quarters of its weights. With ``standardise``, a ``label_scale`` of 0.5 and a ``keep_spread`` of 2
    learn a little sooner. Prefer SNAIL or MANN for classes, MAML where gradient steps can be afforded.

    >>> net = GRU().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = GRU().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> GRU().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Cho et al., 2014, arXiv:1406.1078; Hochreiter et al., 2001; Duan et al., 2016, arXiv:1611.02779"
    summary = "a gated recurrent unit reads examples and labels as a sequence; what it remembers is what it has learned"
    cost = Cost("feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t read off a GRU that has seen (x_1, y_1) ... (x_t, -)")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4"
    kinds = ("classification", "regression", "sequence")
    meta_batch = 16
    ordered = True
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs, each with weights of its own; random labels make them alike on average",
        "refuses[keep_spread=0]": "all units begin alike, as in torch",
        "learns[classification]": "binding labels to inputs takes ten thousand episodes and more, the check has 960",
    }

    units: int = 200
    """gated units"""
    standardise: bool = False
    """measure features against the support set, and read labels as large as them"""
    label_scale: float = 1.0
    """how many times as large labels are read"""
    keep_spread: float = 0.0
    """how far apart units begin in how much they keep: biases of that gate are uniform in plus and minus this"""

    def __post_init__(self) -> None:
        require_positive(self, "units", "label_scale")
        require_not_negative(self, "keep_spread")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, the GRU that reads its features and a label, and a linear layer."""
        cell = partial(GRUMemory, hidden=self.units, keep_spread=self.keep_spread)
        return SequenceNet(backbone, spec, cell, standardise=self.standardise, label_scale=self.label_scale)

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
