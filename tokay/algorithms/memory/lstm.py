"""An LSTM that learns by reading (Hochreiter, Younger & Conwell 2001; for few shots, Santoro et al. 2016, arXiv:1605.06065).

The task is a sequence with each label one step late. Training the weights of the LSTM turns its recurrent activations
into a learning algorithm:

    h_t, c_t = LSTM([f(x_t); y_{t-1}], h_{t-1}, c_{t-1}),   y_0 = 0,      ŷ_t = W h_t + b,

    minimise  E_T mean_t L(ŷ_t, y_t)  over the support examples, in random order, and the query after them.

A new task needs no optimisation: adapting is one pass over the support set.

Deviations: Hochreiter et al. learn functions of two numbers by gradient descent, with one or two layers of few cells.
Santoro et al. read flattened 20x20 images. Here a convolutional backbone f reads images (``--network linear`` uses none),
the LSTM has one layer of 200 cells (as Santoro et al.'s controller), and Adam trains it. A task may have many queries:
each follows the support set alone, and has the same weight as any other prediction. Santoro et al. train on 50 examples
(``--train-shots 10 --train-queries 1``). The default here trains on the sizes of the test, which takes fewer episodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ...core.algorithm import Outer, require_positive
from ...core.cost import Cost
from ...core.readers.recurrent import LSTMMemory
from ...core.readers.sequence_reader import SequenceReader


@dataclass(frozen=True, kw_only=True)
class LSTM(SequenceReader, name="lstm"):
    """LSTM: a recurrent network reads the examples with their labels; its memory is what it learns of the task.

    State: ``ReaderState``: the memory (output and cell of the LSTM, [cells] each), the last label [d], and the
    standardiser of the features (centre [features] and spread []; 0 and 1 without ``standardise``).

    The most general learner, with the fewest assumptions. It must learn to bind labels to inputs, which takes many
    thousands of episodes. ``standardise`` (our own addition, see ``core/readers/sequence_net.py``) needs fewer. Prefer SNAIL or
    MANN for classes, and MAML if you can afford gradient steps.

    >>> net = LSTM().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = LSTM().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> LSTM().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Hochreiter, Younger & Conwell, 2001 (ICANN); Santoro et al., 2016, arXiv:1605.06065"
    summary = "an LSTM reads examples and labels as a sequence; its memory is what it learns of the task"
    cost = Cost("feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t from an LSTM that has read (x_1, y_1) ... (x_t, -)")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4"
    meta_batch = 16
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs with their own weights; only random labels make classes equal, on average",
        "learns[classification]": "binding labels to inputs takes at least ten thousand episodes, and the check has 960",
    }

    cells: int = 200
    """number of LSTM cells"""
    standardise: bool = False
    """standardise features over the support set, and scale labels to the same size"""

    def __post_init__(self) -> None:
        require_positive(self, "cells")

    def cell(self, inputs: int) -> nn.Module:
        return LSTMMemory(inputs, self.cells)
