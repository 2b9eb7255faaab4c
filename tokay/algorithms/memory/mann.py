"""Memory-augmented neural network with least recently used access (Santoro et al. 2016, arXiv:1605.06065).

The task comes as a sequence, each label one step late. An LSTM reads (x_t, y_{t-1}) and what it read from its memory
before, and gives each of its heads a key k, a vector a to write and a gate α:

    write   w^w = σ(α) w^r_{t-1} + (1 - σ(α)) w^lu_{t-1},        M_t = M_{t-1}, its least used slot blanked,  + Σ w^w a
    read    w^r = softmax over slots of cos(k, M_t),             r_t = Σ w^r M_t
    wear    w^u_t = γ w^u_{t-1} + w^r_t + w^w_t,                 w^lu the slots where w^u is lowest
    predict ŷ_t = W [h_t; r_t] + b,

    minimise  E_T mean_t L(ŷ_t, y_t)  over the support examples, in random order, and the query that follows them.

A new label is so written either where it was just read (to update what is known) or where nothing is missed.

What the paper leaves open is as in tristandeleu/ntm-one-shot: the memory starts at 1e-6, the first reads and wear are
those of the first slot alone, head i writes to the i-th least used slot, keys and vectors pass through tanh, γ = 0.95.

Deviations from the paper: what is written is a vector of its own, as there (the paper writes the key); Adam at 1e-3, as
there (the paper: RMSProp); no small rotations and shifts of the pictures. A task may have many queries: each is alone behind
the support set, and weighs as much as any other prediction. The paper's sequences are of 50 examples (5 classes, 10 of each),
which the recipe asks for; the default trains on the sizes that it will be tested on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_positive
from ...core.cost import Cost
from ...core.objectives import Metrics
from ...core.readers.external_memory import add_to_slots, blank_slots, cosine_weights, least_used, read_slots, worn
from ...core.readers.recurrent import LSTMMemory
from ...core.readers.sequence import Seen, SequenceNet, ask, measurable, read, sequence_loss
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Kind, Task, TaskSpec
from ...errors import ConfigError


class Memory(NamedTuple):
    """All that is carried from one step to the next."""

    slots: Tensor  # [slots, width]
    controller: tuple[Tensor, Tensor]  # output and cell of the LSTM, [cells] each
    vectors: Tensor  # [heads * width], what was read last
    weights: Tensor  # [heads, slots], where it was read
    usage: Tensor  # [slots]


class LRUMemory(nn.Module):
    """The controller, its heads and the memory they share: a cell, as ``core/recurrent.py`` describes one."""

    def __init__(self, inputs: int, *, cells: int, slots: int, width: int, heads: int, decay: float) -> None:
        super().__init__()
        self.slots, self.width, self.heads, self.decay = slots, width, heads, decay
        self.outputs = cells + heads * width
        self.controller = LSTMMemory(inputs + heads * width, cells)
        self.keys = nn.Linear(cells, heads * width)
        self.vectors = nn.Linear(cells, heads * width)
        self.gates = nn.Linear(cells, heads)

    def start(self, like: Tensor) -> Memory:
        """Blank slots, of which the first counts as just read."""
        first = torch.eye(1, self.slots, dtype=like.dtype, device=like.device)  # [1, slots]
        return Memory(
            slots=like.new_full((self.slots, self.width), 1e-6),
            controller=self.controller.start(like),
            vectors=like.new_zeros(self.heads * self.width),
            weights=first.expand(self.heads, -1),
            usage=first[0],
        )

    def forward(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """A step: ``inputs`` ``[..., inputs]``, of one example or of many with a memory each."""
        output, controller = self.controller(torch.cat([inputs, memory.vectors], -1), memory.controller)
        keys, vectors = (
            part(output).tanh().unflatten(-1, (self.heads, self.width)) for part in (self.keys, self.vectors)
        )
        gate = self.gates(output).sigmoid()[..., None]  # [..., heads, 1]
        unused = least_used(memory.usage, self.heads)  # [..., heads, slots]
        write = gate * memory.weights + (1 - gate) * unused
        slots = add_to_slots(blank_slots(memory.slots, unused[..., 0, :]), write, vectors)
        weights = cosine_weights(keys, slots)
        found = read_slots(slots, weights).flatten(-2)
        usage = worn(memory.usage, weights, write, self.decay)
        return torch.cat([output, found], -1), Memory(slots, controller, found, weights, usage)


_PROTOCOL = "accuracy at this presentation of a class, 1,200 / 423 characters with rotations [T]"


def _check(instance: int, published: str = "") -> Check:
    flags = "--shots 10 --queries 1"
    protocol = _PROTOCOL if published else ""
    return Check(name=f"instance {instance}", flags=flags, instance=instance, published=published, protocol=protocol)


@dataclass(frozen=True, kw_only=True)
class MANN(Algorithm[Seen], name="mann"):
    """MANN: an LSTM with a memory beside it, written where it was last read or where it is least used.

    State: ``Seen``: a ``Memory`` (slots [slots, width], controller [cells] twice, what was read [heads * width] and where
    [heads, slots], usage [slots]), the last label [d], and the measure of the features (centre
    [features] and spread, [] and 1 without ``standardise``).

    Take it to learn from a stream of examples, a class at any number of instances: ``tokay evaluate --instances`` shows the
    accuracy at each. It takes 100,000 episodes, as in the paper, and fewer with ``standardise`` (of no paper;
    ``core/sequence.py``), which reads a stream anew for each of its examples; prefer ProtoNet, or SNAIL, with fewer.

    >>> net = MANN().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = MANN().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> state.memory.slots.shape, MANN().predict(net, state, torch.randn(7, 3)).shape
    (torch.Size([128, 40]), torch.Size([7, 2]))
    """

    reference = "Santoro, Bartunov, Botvinick, Wierstra & Lillicrap, 2016, arXiv:1605.06065"
    summary = "an LSTM with an external memory, written where it is least used; reads examples and labels as a sequence"
    cost = Cost(
        "feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t read off an LSTM and a memory that has seen (x_1, y_1) ..."
    )
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "linear"
    kinds = ("classification", "regression", "sequence")
    meta_batch = 16
    ordered = True
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs, each with weights of its own; random labels make them alike on average",
        "learns[classification]": "binding labels to inputs takes ten thousand episodes and more, the check has 960",
    }
    recipes = (
        Recipe(
            name="mann-omniglot",
            source="omniglot",
            steps=100_000,
            flags="--size 20 --ways 5 --shots 10 --queries 1 --train-shots 10 --train-queries 1",
            checks=(
                _check(1),
                _check(2, "82.8"),
                _check(3),
                _check(4),
                _check(5, "94.9"),
                _check(10),
            ),
            note="Adam, without the small rotations and shifts; ours hold out 100 of the 1,200 characters for validation",
        ),
    )

    cells: int = 200
    """cells of the LSTM that controls the memory"""
    slots: int = 128
    """slots of the memory"""
    width: int = 40
    """numbers in a slot"""
    heads: int = 4
    """how many slots are read, and written, at a time"""
    decay: float = 0.95
    """what is left of a slot's usage after a step"""
    standardise: bool = False
    """measure features against the support set, and read labels as large as them"""

    def __post_init__(self) -> None:
        require_positive(self, "cells", "slots", "width", "heads", "decay")
        if self.decay > 1:
            raise ConfigError(f"mann: decay must be at most 1, got {self.decay}. The default is 0.95.")
        if self.heads > self.slots:
            raise ConfigError(
                f"mann: heads must be no more than the {self.slots} slots, got {self.heads}. Lower it, or raise slots."
            )

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, the controller with its memory, and a linear layer."""
        sizes = {name: getattr(self, name) for name in ("cells", "slots", "width", "heads", "decay")}
        return SequenceNet(backbone, spec, partial(LRUMemory, **sizes), standardise=self.standardise)

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
