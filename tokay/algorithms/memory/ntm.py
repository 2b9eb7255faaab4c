"""Neural Turing machine (Graves, Wayne & Danihelka 2014, arXiv:1410.5401).

A controller with an external memory M of slots. At every step it reads its input and the previous vectors from the memory,
outputs h, and controls write and read heads. A head has a weight for each slot, from its content and its position:

    content    w^c = softmax over slots of β cos(k, M),
    gate       w^g = g w^c + (1 - g) w_{t-1},                    g in (0, 1) chooses between content and the previous slot
    shift      w~(i) = Σ_j s(j) w^g(i - j),                      s a distribution over -1, 0, 1, in a circle
    sharpen    w(i) = w~(i)^γ / Σ w~^γ,                          γ >= 1

    write      M_t = M_{t-1} Π over heads (1 - w e) + Σ over heads w a,       e in (0, 1) erases, a is added
    read       r_t = Σ w M_t,        predict  ŷ_t = W [h_t; r_t] + b.

Write heads compare keys with M_{t-1}. Read heads compare them with M_t, after the write. On sequences of bits,

    minimise  E_T mean over bits of -log σ(±ŷ_t)    over the rows of the answer.

It learns programs that also work for sequences longer than those in training (sources ``ntm-copy``, ``ntm-repeat-copy``,
``ntm-associative-recall``, ``ntm-priority-sort``). On few-shot tasks it reads examples with their labels one step late,
as the other methods with a memory do.

Details that the paper does not give: the memory starts at 1e-6, and all heads start at the first slot; a feed-forward
controller is one tanh layer; k and a are linear, β = softplus, γ = 1 + softplus. Entries of the meta-gradient are clamped
to ±0.1, for a loss that is a mean over bits. Without clamping, training often loses what it has learned.

Deviations: all tasks use one default size of memory and heads (the recipes set the sizes of the paper). A meta-batch holds
several sequences of one length, instead of one sequence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.algorithm import Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.readers.external_memory import (
    add_to_slots,
    cosine_weights,
    erase_from_slots,
    read_slots,
    sharpen_weights,
    shift_weights,
)
from ...core.readers.recurrent import Feedforward, LSTMMemory
from ...core.readers.sequence_reader import SequenceReader
from ...core.recipe import Check, Recipe
from ...errors import ConfigError

Controller = Literal["lstm", "feedforward"]


class Tape(NamedTuple):
    """The memory between two steps."""

    slots: Tensor  # [slots, width]
    controller: Any  # output and cell of the LSTM, [cells] each; empty if feed-forward
    vectors: Tensor  # [heads * width], the last vectors that were read
    writing: Tensor  # [heads, slots], the last write weights
    reading: Tensor  # [heads, slots], the last read weights


class Addressing(nn.Module):
    """Computes the weights of ``heads`` heads over the slots, from the controller's output."""

    def __init__(self, inputs: int, *, heads: int, width: int, reach: int) -> None:
        super().__init__()
        self.heads, self.sizes = heads, (width, 1, 1, 2 * reach + 1, 1)
        self.linear = nn.Linear(inputs, heads * sum(self.sizes))

    def forward(self, output: Tensor, slots: Tensor, previous: Tensor) -> Tensor:
        """From ``output`` [..., inputs], memory [..., slots, width] and previous weights: the new ``[..., heads, slots]``."""
        parameters = self.linear(output).unflatten(-1, (self.heads, -1)).split(self.sizes, -1)
        key, strength, gate, shift, power = parameters
        gate = gate.sigmoid()
        weights = gate * cosine_weights(key, slots, F.softplus(strength)) + (1 - gate) * previous
        return sharpen_weights(shift_weights(weights, shift.softmax(-1)), 1 + F.softplus(power))


class TuringMachine(nn.Module):
    """A controller and heads that share a memory. It is a cell, see ``core/readers/recurrent.py``."""

    def __init__(
        self, inputs: int, *, controller: Controller, cells: int, slots: int, width: int, heads: int, reach: int
    ) -> None:
        super().__init__()
        self.slots, self.width, self.heads = slots, width, heads
        self.outputs = cells + heads * width
        controller_type = LSTMMemory if controller == "lstm" else Feedforward
        self.controller: LSTMMemory | Feedforward = controller_type(inputs + heads * width, cells)
        self.writers = Addressing(cells, heads=heads, width=width, reach=reach)
        self.readers = Addressing(cells, heads=heads, width=width, reach=reach)
        self.erase = nn.Linear(cells, heads * width)
        self.add = nn.Linear(cells, heads * width)

    def start(self, like: Tensor) -> Tape:
        """An empty memory, with all heads at the first slot."""
        first = torch.eye(1, self.slots, dtype=like.dtype, device=like.device).expand(self.heads, -1)
        return Tape(
            slots=like.new_full((self.slots, self.width), 1e-6),
            controller=self.controller.start(like),
            vectors=like.new_zeros(self.heads * self.width),
            writing=first,
            reading=first,
        )

    def forward(self, inputs: Tensor, tape: Tape) -> tuple[Tensor, Tape]:
        """Reads ``inputs`` ``[..., inputs]``, of one example, or of many with one tape each."""
        output, controller = self.controller(torch.cat([inputs, tape.vectors], -1), tape.controller)
        erase, add = (layer(output).unflatten(-1, (self.heads, self.width)) for layer in (self.erase, self.add))
        writing = self.writers(output, tape.slots, tape.writing)
        slots = add_to_slots(erase_from_slots(tape.slots, writing, erase.sigmoid()), writing, add)
        reading = self.readers(output, slots, tape.reading)
        vectors = read_slots(slots, reading).flatten(-2)
        return torch.cat([output, vectors], -1), Tape(slots, controller, vectors, writing, reading)


def _recipe(task: str, length: int, flags: str) -> Recipe:
    """The paper's sizes for a feed-forward controller, with a million sequences. Tests ``length`` and twice that length."""
    single, double = (
        Check(name=f"length {shots}", flags=f"--shots {shots}", measure="bits") for shots in (length, 2 * length)
    )
    return Recipe(
        name=f"ntm-{task}",
        source=f"ntm-{task}",
        steps=62_500,
        flags=f"--controller feedforward {flags}".strip(),
        checks=(single, double) if task != "priority-sort" else (single,),
        note="the paper has learning curves, no figures; bits are the cost of a whole sequence",
    )


@dataclass(frozen=True, kw_only=True)
class NTM(SequenceReader, name="ntm"):
    """NTM: a controller that learns to use a memory like a tape: to write, move, search and read.

    State: ``ReaderState``: a ``Tape`` (slots [slots, width], the controller's memory, the last read vectors [heads * width],
    the last write and read weights [heads, slots] each), the last label [d], and the standardiser of the features (centre
    [features] and spread []; 0 and 1 without ``standardise``).

    Use it if a task is an algorithm on a sequence. For few-shot classes prefer MANN, whose heads know the free slots, or
    SNAIL. All of them need many thousands of tasks.

    >>> net = NTM().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2, kind="sequence"))
    >>> support = Examples(torch.randn(5, 3), torch.zeros(5, 2, dtype=torch.uint8))
    >>> state = NTM().adapt(net, support)
    >>> state.memory.slots.shape, NTM().predict(net, state, torch.zeros(7, 3)).shape
    (torch.Size([128, 20]), torch.Size([7, 2]))
    """

    reference = "Graves, Wayne & Danihelka, 2014, arXiv:1410.5401"
    summary = "a controller with read and write heads on a memory; learns programs such as copying, sorting, recalling"
    cost = Cost("feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t from a controller and a memory, after x_1 ... x_t")
    outer = Outer(optimizer="rmsprop", lr=1e-4, clip_value=0.1)
    network = "linear"
    meta_batch = 16
    recipes = (
        _recipe("copy", 20, ""),
        _recipe("repeat-copy", 10, ""),
        _recipe("associative-recall", 6, "--heads 4 --cells 256"),
        _recipe("priority-sort", 20, "--heads 8 --cells 512 --lr 3e-5"),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs with their own weights; only random labels make classes equal, on average",
        "learns[classification]": "binding labels to inputs takes at least ten thousand episodes, and the check has 960",
    }

    controller: Controller = "lstm"
    """lstm, or feedforward, which has no memory except the slots"""
    cells: int = 100
    """number of controller units"""
    slots: int = 128
    """number of memory slots"""
    width: int = 20
    """numbers per slot"""
    heads: int = 1
    """number of write heads, and of read heads"""
    reach: int = 1
    """largest number of slots that a head moves per step, in either direction"""
    standardise: bool = False
    """standardise features over the support set, and scale labels to the same size"""

    def __post_init__(self) -> None:
        require_choice(self, "controller", ("lstm", "feedforward"))
        require_positive(self, "cells", "slots", "width", "heads", "reach")
        if 2 * self.reach + 1 > self.slots:
            raise ConfigError(
                f"ntm: reach must be at most (slots - 1) / 2 with {self.slots} slots, got {self.reach}. "
                "Lower it, or raise slots."
            )

    def cell(self, inputs: int) -> nn.Module:
        sizes = {name: getattr(self, name) for name in ("cells", "slots", "width", "heads", "reach")}
        return TuringMachine(inputs, controller=self.controller, **sizes)
