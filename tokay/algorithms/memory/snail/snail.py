"""SNAIL, a simple neural attentive learner (Mishra, Rohaninejad, Chen & Abbeel 2018, arXiv:1707.03141).

The task is a sequence of examples with their labels, and a query without one behind it. Causal convolutions gather what
lies nearby, attention picks out what lies anywhere before; both add columns to what they were given:

    z_t = [f(x_t); y_t],   the query's label being 0
    attention(64, 32) - TC(128) - attention(256, 128) - TC(128) - attention(512, 256) - linear, to the ways,

    attention(K, V)  concat(z, softmax(q·k / sqrt(K)) v), no position seeing a later one
    TC(D)            ⌈log2 T⌉ times  concat(z, tanh(a) σ(b)), (a, b) causal convolutions of kernel 2 with D filters and
                     dilations 1, 2, 4, ...

    minimise  E_T L_Q,  each query alone at position n + 1.

What comes before the query does not depend on it, so the support set goes through the network once, and each query costs
one position. f is the backbone and a linear layer to 64 features.

Deviations: the sizes of the layers are those of the appendix as four reimplementations agree on them (eambutu/snail-pytorch
among them); the appendix itself could not be read here. The paper's pseudocode counts dilations from 2, with which no
convolution sees the example just before; here from 1, as in sagelywizard/snail. Keys have no bias, which would change
nothing. The paper draws the number of shots from 1 to 5 for every episode; here it is fixed. The rate of Adam and the
meta-batch are 1e-3 and 32 (eambutu: 1e-4 and 32). No reinforcement learning, and of its embeddings only that for Omniglot.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn

from ....core.algorithm import Algorithm, Outer, require_positive
from ....core.cost import Cost
from ....core.inner.wrapper import built_as
from ....core.network import feature_size
from ....core.objectives import Metrics, metrics, only_of
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Task, TaskSpec
from .causal_layers import CausalAttention, CausalDense, temporal_convolutions


class Past(NamedTuple):
    """The support set as all layers see it, padding first."""

    layers: Tensor  # [n, channels]: the inputs of every layer are the first columns of this
    real: Tensor  # [n], false for padding
    order: Tensor  # [n], the row of the support set at each position


class _Stack(nn.Module):
    """The embedding, the causal layers and the linear layer behind them."""

    def __init__(self, backbone: nn.Module, spec: TaskSpec, *, embedding: int, filters: int, length: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.embedding = nn.Linear(feature_size(backbone, spec), embedding)
        layers: list[CausalAttention | CausalDense] = [CausalAttention(embedding + spec.y_dim, keys=64, values=32)]
        for keys, values in ((256, 128), (512, 256)):
            layers += temporal_convolutions(layers[-1].outputs, filters, length=length)
            layers.append(CausalAttention(layers[-1].outputs, keys=keys, values=values))
        self.blocks = nn.ModuleList(layers)
        self.head = nn.Linear(layers[-1].outputs, spec.y_dim)

    def embed(self, x: Tensor) -> Tensor:
        if not len(x):  # no network needs to stand an empty batch
            return x.new_zeros(0, self.embedding.out_features)
        features: Tensor = self.embedding(self.backbone(x))
        return features

    def read(self, support: Examples) -> Past:
        z = torch.cat([self.embed(support.x), support.y.to(support.x.dtype)], -1)
        real = support.y.any(-1)
        order = (torch.arange(len(z), device=z.device) + len(z) * real).argsort()  # padding first, else as they were
        z, real = torch.where(real[:, None], z, 0)[order], real[order]
        for block in self.blocks:
            z = block(z, real)
        return Past(z, real, order)

    def ask(self, past: Past, features: Tensor) -> Tensor:
        """Answer embedded inputs ``[m, embedding]``, each as the position behind ``past``."""
        z = torch.cat([features, features.new_zeros(len(features), self.head.out_features)], -1)
        for block in cast(Iterable[CausalAttention | CausalDense], self.blocks):
            z = block.after(past.layers[:, : z.shape[-1]], past.real, z)
        answers: Tensor = self.head(z)
        return answers

    def forward(self, x: Tensor) -> Tensor:
        """What it answers before it has seen anything."""
        return self.ask(
            self.read(Examples(x[:0], x.new_zeros(0, self.head.out_features, dtype=torch.bool))), self.embed(x)
        )


def _parts(net: nn.Module) -> _Stack:
    return built_as(_Stack, net, "snail: takes the network that its build made")


def _recipe(ways: int, shots: int, published: str) -> Recipe:
    name = f"{ways}w{shots}s"
    check = Check(
        name=name,
        flags="--queries 1",
        published=published,
        protocol="random split of 1,200 characters with rotations, the last of each sequence [P]",
    )
    return Recipe(
        name=f"snail-omniglot-{name}",
        source="omniglot",
        steps=50_000,
        flags=f"--ways {ways} --shots {shots} --train-queries 1 --longest {5 * ways + 1}",
        checks=(check,),
        note="the paper trains one model per number of ways, on 1 to 5 shots, for a number of steps that it does not tell",
    )


@dataclass(frozen=True, kw_only=True)
class SNAIL(Algorithm[Past], name="snail"):
    """SNAIL: temporal convolutions and causal attention, in turns, over the examples, their labels and the query.

    State: ``Past``: what every layer makes of the support set [n, channels], which rows are real [n], and their order.

    The strongest of the methods that learn by reading, and quick to train next to an LSTM, for it sees every example
    directly. Prefer ProtoNet where the number of classes is to change or the network is to be small.

    >>> net = SNAIL().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = SNAIL().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> SNAIL().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Mishra, Rohaninejad, Chen & Abbeel, 2018, arXiv:1707.03141"
    summary = "temporal convolutions and causal attention over examples with their labels, and the query behind them"
    cost = Cost("feed-forward", "E_T L_Q(SNAIL((x_1, y_1), ..., (x_n, y_n), (x, -)))")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4-pool"
    meta_batch = 32
    kinds = ("classification",)
    ordered = True
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs, each with weights of its own; random labels make them alike on average",
        "every_weight_gets_a_gradient": "what the check adds to each weight saturates layers this wide; test_snail does without",
        "learns": "the check trains at a rate of 0.01, for tiny networks; this one is large and learns at a tenth of it",
    }
    recipes = (
        _recipe(5, 1, "99.07 ± 0.16"),
        _recipe(5, 5, "99.78 ± 0.09"),
        _recipe(20, 1, "97.64 ± 0.30"),
        _recipe(20, 5, "99.36 ± 0.18"),
    )

    embedding: int = 64
    """features of an example"""
    tc_filters: int = 128
    """filters of every causal convolution"""
    longest: int | None = None
    """positions, the query's included, that the convolutions look back over: enough for 5 shots if left out"""

    def __post_init__(self) -> None:
        require_positive(self, "embedding", "tc_filters", "longest")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, the causal layers, as many as ``longest`` asks for, and a linear layer."""
        length = self.longest or 5 * spec.y_dim + 1
        return _Stack(backbone, spec, embedding=self.embedding, filters=self.tc_filters, length=length)

    def adapt(self, net: nn.Module, support: Examples) -> Past:
        return _parts(net).read(support)

    def predict(self, net: nn.Module, state: Past, x: Tensor) -> Tensor:
        parts = _parts(net)
        return parts.ask(state, parts.embed(x))

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The loss of the queries, a choice between the classes that occur in the task."""
        answers = self.predict(net, self.adapt(net, task.support), task.query.x)
        measured = metrics(only_of(answers, task.support.y, task.query.y), task.query.y)
        return measured["loss"], measured

    def along(self, net: nn.Module, support: Examples) -> Tensor:
        """In one pass: what the layers make of the beginning of a sequence is the beginning of what they make of it."""
        parts = _parts(net)
        past = parts.read(support)
        features = past.layers[:, : parts.embedding.out_features]
        starts = (Past(past.layers[:t], past.real[:t], past.order[:t]) for t in range(len(features)))
        answers = torch.cat([parts.ask(start, features[t : t + 1]) for t, start in enumerate(starts)])
        return answers[past.order.argsort()]
