"""A gated recurrent unit that learns by reading (Hochreiter, Younger & Conwell 2001, with the unit of Cho et al. 2014,
arXiv:1406.1078; Duan et al. 2016, arXiv:1611.02779, learn reinforcement learning with it).

The task is a sequence with each label one step late. Training the weights of the GRU turns its activations into a
learning algorithm:

    h_t = GRU([f(x_t); y_{t-1}], h_{t-1}),   y_0 = 0,      ŷ_t = W h_t + b,

    minimise  E_T mean_t L(ŷ_t, y_t)  over the support examples, in random order, and the query after them.

A new task needs no optimisation: adapting is one pass over the support set.

Deviations: no paper has exactly this method. It is ``lstm`` with the cell of Cho et al. (``core/readers/recurrent.py``;
torch's GRU places the reset gate differently). ``lstm`` lists the differences to Hochreiter et al. and Santoro et al.,
arXiv:1605.06065. A task may have many queries: each follows the support set alone, and has the same weight as any other
prediction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ...core.algorithm import Outer, require_not_negative, require_positive
from ...core.cost import Cost
from ...core.readers.recurrent import GRUMemory
from ...core.readers.sequence_reader import SequenceReader


@dataclass(frozen=True, kw_only=True)
class GRU(SequenceReader, name="gru"):
    """GRU: a gated recurrent unit reads the examples with their labels; its memory is what it learns of the task.

    State: ``ReaderState``: the memory (activations of the units, [units]), the last label [d], and the standardiser of
    the features (centre [features] and spread []; 0 and 1 without ``standardise``).

    Like ``lstm``, with three quarters of its weights. With ``standardise``, a ``label_scale`` of 0.5 and a ``keep_spread``
    of 2 need slightly fewer episodes. Prefer SNAIL or MANN for classes, and MAML if you can afford gradient steps.

    >>> net = GRU().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = GRU().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> GRU().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Cho et al., 2014, arXiv:1406.1078; Hochreiter et al., 2001; Duan et al., 2016, arXiv:1611.02779"
    summary = "a gated recurrent unit reads examples and labels as a sequence; its memory is what it learns of the task"
    cost = Cost("feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t from a GRU that has read (x_1, y_1) ... (x_t, -)")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4"
    meta_batch = 16
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs with their own weights; only random labels make classes equal, on average",
        "refuses[keep_spread=0]": "0 is valid: all units then start with biases as in torch",
        "learns[classification]": "binding labels to inputs takes at least ten thousand episodes, and the check has 960",
    }

    units: int = 200
    """number of gated units"""
    standardise: bool = False
    """standardise features over the support set, and scale labels to the same size"""
    label_scale: float = 1.0
    """factor on the labels that the network reads"""
    keep_spread: float = 0.0
    """initial biases of the update gate are uniform between minus and plus this, so that some units forget slowly"""

    def __post_init__(self) -> None:
        require_positive(self, "units", "label_scale")
        require_not_negative(self, "keep_spread")

    def cell(self, inputs: int) -> nn.Module:
        return GRUMemory(inputs, self.units, keep_spread=self.keep_spread)
