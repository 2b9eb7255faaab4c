"""Neural Turing machine (Graves, Wayne & Danihelka 2014, arXiv:1410.5401).

A controller with a memory M of slots beside it. At every step it reads its input and what was read from the memory before,
puts out h, and steers write and read heads. A head has a weight for each slot, found by content and by place:

    content    w^c = softmax over slots of β cos(k, M),
    gate       w^g = g w^c + (1 - g) w_{t-1},                    g in (0, 1): back to where it was, or to what it looks for
    shift      w~(i) = Σ_j s(j) w^g(i - j),                      s a distribution over -1, 0, 1, around the end
    sharpen    w(i) = w~(i)^γ / Σ w~^γ,                          γ >= 1

    write      M_t = M_{t-1} Π over heads (1 - w e) + Σ over heads w a,       e in (0, 1) erases, a is added
    read       r_t = Σ w M_t,        predict  ŷ_t = W [h_t; r_t] + b.

Write heads look for content in M_{t-1}, read heads in M_t, which has what was just written. Trained on sequences of bits,

    minimise  E_T mean over bits of -log σ(±ŷ_t)    over the rows of the answer,

it learns programs that go on working for sequences longer than any it was trained on (sources ``ntm-copy``,
``ntm-repeat-copy``, ``ntm-associative-recall``, ``ntm-priority-sort``). On few-shot tasks it reads examples with their
labels one step late, as the other learners with a memory do.

What the paper leaves open is so here: the memory starts at 1e-6, all heads at its first slot; a feed-forward controller is
one layer of tanh; k and a are linear, β = softplus, γ = 1 + softplus. Entries of the meta-gradient are clamped to ±0.1, for
a loss that is a mean over bits; without it training falls back to nothing time and again.

Deviations: a memory and heads of one size serve for all tasks by default (the recipes have sizes for each); a meta-batch of
sequences of one length instead of single sequences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.objectives import Metrics
from ...core.readers.external_memory import (
    add_to_slots,
    cosine_weights,
    erase_from_slots,
    read_slots,
    sharpened,
    shifted,
)
from ...core.readers.recurrent import Feedforward, LSTMMemory
from ...core.readers.sequence import Seen, SequenceNet, ask, measurable, read, sequence_loss
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Kind, Task, TaskSpec
from ...errors import ConfigError

Controller = Literal["lstm", "feedforward"]


class Tape(NamedTuple):
    """All that is carried from one step to the next."""

    slots: Tensor  # [slots, width]
    controller: Any  # output and cell of the LSTM, [cells] each; nothing where it is feed-forward
    vectors: Tensor  # [heads * width], what was read last
    writing: Tensor  # [heads, slots], where it was written
    reading: Tensor  # [heads, slots], and read


class Addressing(nn.Module):
    """Where ``heads`` heads go: from the controller's output to a weight of each for every slot."""

    def __init__(self, inputs: int, *, heads: int, width: int, reach: int) -> None:
        super().__init__()
        self.heads, self.sizes = heads, (width, 1, 1, 2 * reach + 1, 1)
        self.linear = nn.Linear(inputs, heads * sum(self.sizes))

    def forward(self, output: Tensor, slots: Tensor, before: Tensor) -> Tensor:
        """``output`` [..., inputs], the memory [..., slots, width], the weights before: those now ``[..., heads, slots]``."""
        told = self.linear(output).unflatten(-1, (self.heads, -1)).split(self.sizes, -1)
        key, strength, gate, shift, power = told
        gate = gate.sigmoid()
        found = gate * cosine_weights(key, slots, F.softplus(strength)) + (1 - gate) * before
        return sharpened(shifted(found, shift.softmax(-1)), 1 + F.softplus(power))


class TuringMachine(nn.Module):
    """The controller, its heads and the memory they share: a cell, as ``core/recurrent.py`` describes one."""

    def __init__(
        self, inputs: int, *, controller: Controller, cells: int, slots: int, width: int, heads: int, reach: int
    ) -> None:
        super().__init__()
        self.slots, self.width, self.heads = slots, width, heads
        self.outputs = cells + heads * width
        steering = LSTMMemory if controller == "lstm" else Feedforward
        self.controller: LSTMMemory | Feedforward = steering(inputs + heads * width, cells)
        self.writers = Addressing(cells, heads=heads, width=width, reach=reach)
        self.readers = Addressing(cells, heads=heads, width=width, reach=reach)
        self.erase = nn.Linear(cells, heads * width)
        self.add = nn.Linear(cells, heads * width)

    def start(self, like: Tensor) -> Tape:
        """Blank slots, all heads at the first one."""
        first = torch.eye(1, self.slots, dtype=like.dtype, device=like.device).expand(self.heads, -1)
        return Tape(
            slots=like.new_full((self.slots, self.width), 1e-6),
            controller=self.controller.start(like),
            vectors=like.new_zeros(self.heads * self.width),
            writing=first,
            reading=first,
        )

    def forward(self, inputs: Tensor, tape: Tape) -> tuple[Tensor, Tape]:
        """A step: ``inputs`` ``[..., inputs]``, of one example or of many with a tape each."""
        output, controller = self.controller(torch.cat([inputs, tape.vectors], -1), tape.controller)
        erase, add = (part(output).unflatten(-1, (self.heads, self.width)) for part in (self.erase, self.add))
        writing = self.writers(output, tape.slots, tape.writing)
        slots = add_to_slots(erase_from_slots(tape.slots, writing, erase.sigmoid()), writing, add)
        reading = self.readers(output, slots, tape.reading)
        vectors = read_slots(slots, reading).flatten(-2)
        return torch.cat([output, vectors], -1), Tape(slots, controller, vectors, writing, reading)


def _recipe(task: str, length: int, flags: str) -> Recipe:
    """The sizes of the paper for a feed-forward controller, a million sequences; scored at its length and at twice that."""
    once, twice = (
        Check(name=f"length {shots}", flags=f"--shots {shots}", measure="bits") for shots in (length, 2 * length)
    )
    return Recipe(
        name=f"ntm-{task}",
        source=f"ntm-{task}",
        steps=62_500,
        flags=f"--controller feedforward {flags}".strip(),
        checks=(once, twice) if task != "priority-sort" else (once,),
        note="the paper has learning curves, no figures; bits are the cost of a whole sequence",
    )


@dataclass(frozen=True, kw_only=True)
class NTM(Algorithm[Seen], name="ntm"):
    """NTM: a controller that learns to use a memory like a tape: write here, go on, find, read back.

    State: ``Seen``: a ``Tape`` (slots [slots, width], the controller's memory, what was read [heads * width], where it was
    written and read [heads, slots] each), the last label [d], and the measure of the features (centre [features]
    and spread, [] and 1 without ``standardise``).

    Take it where a task is an algorithm on a sequence. For few examples of classes prefer MANN, whose heads know which slots
    are free, or SNAIL; all of them take many thousands of tasks.

    >>> net = NTM().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2, kind="sequence"))
    >>> heard = Examples(torch.randn(5, 3), torch.zeros(5, 2, dtype=torch.uint8))
    >>> state = NTM().adapt(net, heard)
    >>> state.memory.slots.shape, NTM().predict(net, state, torch.zeros(7, 3)).shape
    (torch.Size([128, 20]), torch.Size([7, 2]))
    """

    reference = "Graves, Wayne & Danihelka, 2014, arXiv:1410.5401"
    summary = "a controller with read and write heads on a memory; learns programs such as copying, sorting, recalling"
    cost = Cost("feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t read off a controller and a memory, after x_1 ... x_t")
    outer = Outer(optimizer="rmsprop", lr=1e-4, clip_value=0.1)
    network = "linear"
    kinds = ("classification", "regression", "sequence")
    meta_batch = 16
    ordered = True
    recipes = (
        _recipe("copy", 20, ""),
        _recipe("repeat-copy", 10, ""),
        _recipe("associative-recall", 6, "--heads 4 --cells 256"),
        _recipe("priority-sort", 20, "--heads 8 --cells 512 --lr 3e-5"),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs, each with weights of its own; random labels make them alike on average",
        "learns[classification]": "binding labels to inputs takes ten thousand episodes and more, the check has 960",
    }

    controller: Controller = "lstm"
    """lstm, or feedforward, which leaves all remembering to the memory"""
    cells: int = 100
    """units of the controller"""
    slots: int = 128
    """slots of the memory"""
    width: int = 20
    """numbers in a slot"""
    heads: int = 1
    """how many slots are written, and then read, at a time"""
    reach: int = 1
    """how many slots a head can move in a step, to either side"""
    standardise: bool = False
    """measure features against the support set, and read labels as large as them"""

    def __post_init__(self) -> None:
        require_choice(self, "controller", ("lstm", "feedforward"))
        require_positive(self, "cells", "slots", "width", "heads", "reach")
        if 2 * self.reach + 1 > self.slots:
            raise ConfigError(
                f"ntm: reach must leave the {self.slots} slots apart, got {self.reach} to either side. "
                "Lower it, or raise slots."
            )

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, the controller with its memory, and a linear layer."""
        sizes = {name: getattr(self, name) for name in ("controller", "cells", "slots", "width", "heads", "reach")}
        return SequenceNet(backbone, spec, partial(TuringMachine, **sizes), standardise=self.standardise)

    def takes(self) -> tuple[Kind, ...]:
        return measurable(self.kinds) if self.standardise else self.kinds

    def adapt(self, net: nn.Module, support: Examples) -> Seen:
        return read(net, support)[0]

    def predict(self, net: nn.Module, state: Seen, x: Tensor) -> Tensor:
        return ask(net, state, x)

    def along(self, net: nn.Module, support: Examples) -> Tensor:
        return super().along(net, support) if self.standardise else read(net, support)[1]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The mean loss over the rows that are asked for, and the metrics of the queries."""
        return sequence_loss(net, task)
