"""Memory-augmented neural network with least recently used access (Santoro et al. 2016, arXiv:1605.06065).

The task is a sequence with each label one step late. An LSTM reads (x_t, y_{t-1}) and the previous vectors from its
memory. It gives each head a key k, a vector a to write and a gate α:

    write   w^w = σ(α) w^r_{t-1} + (1 - σ(α)) w^lu_{t-1},        M_t = M_{t-1}, with its least used slot set to 0,  + Σ w^w a
    read    w^r = softmax over slots of cos(k, M_t),             r_t = Σ w^r M_t
    usage   w^u_t = γ w^u_{t-1} + w^r_t + w^w_t,                 w^lu the slots where w^u is lowest
    predict ŷ_t = W [h_t; r_t] + b,

    minimise  E_T mean_t L(ŷ_t, y_t)  over the support examples, in random order, and the query after them.

So a head writes a new label to the slot that it just read (an update), or to the least used slot.

Details that the paper does not give follow tristandeleu/ntm-one-shot: the memory starts at 1e-6, the initial read weights
and usage are 1 for the first slot, head i writes to the i-th least used slot, keys and vectors pass through tanh, γ = 0.95.

Deviations: heads write a separate vector, and Adam trains at 1e-3, both as in that code (the paper: the key; RMSProp). The
images get no small rotations and shifts. A task may have many queries: each follows the support set alone, and has the
same weight as any other prediction. The paper trains on 50 examples (5 classes, 10 of each), and so does the recipe. The
default trains on the sizes of the test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...core.algorithm import Outer, require_positive
from ...core.cost import Cost
from ...core.readers.external_memory import (
    add_to_slots,
    blank_slots,
    cosine_weights,
    least_used_slots,
    read_slots,
    update_usage,
)
from ...core.readers.recurrent import LSTMMemory
from ...core.readers.sequence_reader import SequenceReader
from ...core.recipe import Check, Recipe
from ...errors import ConfigError


class Memory(NamedTuple):
    """The memory between two steps."""

    slots: Tensor  # [slots, width]
    controller: tuple[Tensor, Tensor]  # output and cell of the LSTM, [cells] each
    vectors: Tensor  # [heads * width], the last vectors that were read
    weights: Tensor  # [heads, slots], the last read weights
    usage: Tensor  # [slots]


class LRUMemory(nn.Module):
    """A controller and heads that share a memory. It is a cell, see ``core/readers/recurrent.py``."""

    def __init__(self, inputs: int, *, cells: int, slots: int, width: int, heads: int, decay: float) -> None:
        super().__init__()
        self.slots, self.width, self.heads, self.decay = slots, width, heads, decay
        self.outputs = cells + heads * width
        self.controller = LSTMMemory(inputs + heads * width, cells)
        self.keys = nn.Linear(cells, heads * width)
        self.vectors = nn.Linear(cells, heads * width)
        self.gates = nn.Linear(cells, heads)

    def start(self, like: Tensor) -> Memory:
        """An empty memory. The read weights and the usage are 1 for the first slot."""
        first = torch.eye(1, self.slots, dtype=like.dtype, device=like.device)  # [1, slots]
        return Memory(
            slots=like.new_full((self.slots, self.width), 1e-6),
            controller=self.controller.start(like),
            vectors=like.new_zeros(self.heads * self.width),
            weights=first.expand(self.heads, -1),
            usage=first[0],
        )

    def forward(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Reads ``inputs`` ``[..., inputs]``, of one example, or of many with one memory each."""
        output, controller = self.controller(torch.cat([inputs, memory.vectors], -1), memory.controller)
        keys, vectors = (
            layer(output).tanh().unflatten(-1, (self.heads, self.width)) for layer in (self.keys, self.vectors)
        )
        gate = self.gates(output).sigmoid()[..., None]  # [..., heads, 1]
        unused = least_used_slots(memory.usage, self.heads)  # [..., heads, slots]
        write = gate * memory.weights + (1 - gate) * unused
        slots = add_to_slots(blank_slots(memory.slots, unused[..., 0, :]), write, vectors)
        weights = cosine_weights(keys, slots)
        read_vectors = read_slots(slots, weights).flatten(-2)
        usage = update_usage(memory.usage, weights, write, self.decay)
        return torch.cat([output, read_vectors], -1), Memory(slots, controller, read_vectors, weights, usage)


_PROTOCOL = "accuracy at this presentation of a class, 1,200 / 423 characters with rotations [T]"


def _check(instance: int, published: str = "") -> Check:
    flags = "--shots 10 --queries 1"
    protocol = _PROTOCOL if published else ""
    return Check(name=f"instance {instance}", flags=flags, instance=instance, published=published, protocol=protocol)


@dataclass(frozen=True, kw_only=True)
class MANN(SequenceReader, name="mann"):
    """MANN: an LSTM with an external memory; it writes to the slots that it last read or to the least used ones.

    State: ``ReaderState``: a ``Memory`` (slots [slots, width], controller [cells] twice, vectors [heads * width] and weights
    [heads, slots] of the last read, usage [slots]), the last label [d], and the standardiser of the features (centre
    [features] and spread []; 0 and 1 without ``standardise``).

    Use it to learn from a stream of examples, with any number of examples per class. ``tokay evaluate --instances`` shows the
    accuracy at each presentation of a class. Training takes 100,000 episodes, as in the paper. ``standardise`` (our own
    addition, see ``core/readers/sequence_net.py``) needs fewer, but reads a stream again for each of its examples. Prefer
    ProtoNet or SNAIL if you have fewer episodes.

    >>> net = MANN().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = MANN().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> state.memory.slots.shape, MANN().predict(net, state, torch.randn(7, 3)).shape
    (torch.Size([128, 40]), torch.Size([7, 2]))
    """

    reference = "Santoro, Bartunov, Botvinick, Wierstra & Lillicrap, 2016, arXiv:1605.06065"
    summary = (
        "an LSTM with an external memory, which writes to the least used slots; reads examples and labels as a sequence"
    )
    cost = Cost("feed-forward", "E_T mean_t L(ŷ_t, y_t),  ŷ_t from an LSTM and a memory that have read (x_1, y_1) ...")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "linear"
    meta_batch = 16
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs with their own weights; only random labels make classes equal, on average",
        "learns[classification]": "binding labels to inputs takes at least ten thousand episodes, and the check has 960",
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
            note="Adam, without the small rotations and shifts; here 100 of the 1,200 characters are held out for validation",
        ),
    )

    cells: int = 200
    """LSTM cells of the controller"""
    slots: int = 128
    """number of memory slots"""
    width: int = 40
    """numbers per slot"""
    heads: int = 4
    """number of read heads, and of write heads"""
    decay: float = 0.95
    """factor on the usage of a slot after each step"""
    standardise: bool = False
    """standardise features over the support set, and scale labels to the same size"""

    def __post_init__(self) -> None:
        require_positive(self, "cells", "slots", "width", "heads", "decay")
        if self.decay > 1:
            raise ConfigError(f"mann: decay must be at most 1, got {self.decay}. The default is 0.95.")
        if self.heads > self.slots:
            raise ConfigError(
                f"mann: heads must be no more than the {self.slots} slots, got {self.heads}. Lower it, or raise slots."
            )

    def cell(self, inputs: int) -> nn.Module:
        return LRUMemory(
            inputs, cells=self.cells, slots=self.slots, width=self.width, heads=self.heads, decay=self.decay
        )
