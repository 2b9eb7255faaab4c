"""SNAIL, a simple neural attentive learner (Mishra, Rohaninejad, Chen & Abbeel 2018, arXiv:1707.03141).

The task is a sequence of examples with their labels, and then a query without a label. Causal convolutions read nearby
positions, and attention reads any earlier position. Both add columns to their input:

    z_t = [f(x_t); y_t],   with label 0 for the query
    attention(64, 32) - TC(128) - attention(256, 128) - TC(128) - attention(512, 256) - linear, to the ways,

    attention(K, V)  concat(z, softmax(q·k / sqrt(K)) v), where no position sees a later one
    TC(D)            ⌈log2 T⌉ times  concat(z, tanh(a) σ(b)), (a, b) causal convolutions of kernel 2 with D filters and
                     dilations 1, 2, 4, ...

    minimise  E_T L_Q,  each query alone at position n + 1.

The support set does not depend on the query. So it passes through the network once, and each query costs one position.
f is the backbone and a linear layer to 64 features.

Deviations: layer sizes are those of four reimplementations, which agree (eambutu/snail-pytorch is one of them); we have not
read the appendix of the paper. The paper's pseudocode counts dilations from 2, so that no convolution sees the previous
example; here they start at 1, as in sagelywizard/snail. Keys have no bias, because it has no effect. The paper draws the
number of shots from 1 to 5 for every episode; here it is fixed. Adam's rate and the meta-batch are 1e-3 and 32 (eambutu:
1e-4 and 32). There is no reinforcement learning, and only the embedding for Omniglot.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn

from ....core.algorithm import Algorithm, Outer, require_positive
from ....core.cost import Cost
from ....core.network import feature_size, require_network
from ....core.objectives import Metrics, mask_absent_classes, metrics
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Task, TaskSpec
from .causal_layers import CausalAttention, CausalDense, temporal_convolutions


class Past(NamedTuple):
    """The support set as the layers compute it, with padding first."""

    layers: Tensor  # [n, channels]; its first columns are the inputs of every layer
    real: Tensor  # [n], false for padding
    order: Tensor  # [n], the row of the support set at each position


class _Stack(nn.Module):
    """The embedding, the causal layers and the linear head."""

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
        """The embedding ``[m, embedding]`` of inputs ``[m, *x_shape]``."""
        if not len(x):  # the backbone may not accept an empty batch
            return self.head.weight.new_zeros(0, self.embedding.out_features)
        features: Tensor = self.embedding(self.backbone(x))
        return features

    def read(self, support: Examples) -> Past:
        """Passes the support set through all layers."""
        z = self.embed(support.x)
        z = torch.cat([z, support.y.to(z.dtype)], -1)
        real = support.y.any(-1)
        order = (
            torch.arange(len(z), device=z.device) + len(z) * real
        ).argsort()  # padding first; other rows keep their order
        z, real = torch.where(real[:, None], z, 0)[order], real[order]
        for block in self.blocks:
            z = block(z, real)
        return Past(z, real, order)

    def predict(self, past: Past, features: Tensor) -> Tensor:
        """Predicts embedded inputs ``[m, embedding]``, each as the position after ``past``."""
        z = torch.cat([features, features.new_zeros(len(features), self.head.out_features)], -1)
        for block in cast(Iterable[CausalAttention | CausalDense], self.blocks):
            z = block.step(past.layers[:, : z.shape[-1]], past.real, z)
        logits: Tensor = self.head(z)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Predicts from an empty support set."""
        no_examples = Examples(x[:0], x.new_zeros(0, self.head.out_features, dtype=torch.bool))
        return self.predict(self.read(no_examples), self.embed(x))


def _stack(net: nn.Module) -> _Stack:
    return require_network(_Stack, net, "snail: takes the network that its build made")


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
        note="the paper trains one model per number of ways, on 1 to 5 shots, and does not give the number of steps",
    )


@dataclass(frozen=True, kw_only=True)
class SNAIL(Algorithm[Past], name="snail"):
    """SNAIL: alternating temporal convolutions and causal attention over the examples, their labels and the query.

    State: ``Past``: the outputs of all layers for the support set [n, channels], which rows are real [n], and their order.

    The strongest method that learns by reading. It trains faster than an LSTM, because it sees every example directly.
    Prefer ProtoNet if the number of classes changes, or if the network must be small.

    >>> net = SNAIL().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = SNAIL().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> SNAIL().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Mishra, Rohaninejad, Chen & Abbeel, 2018, arXiv:1707.03141"
    summary = "temporal convolutions and causal attention over examples with their labels, and the query after them"
    cost = Cost("feed-forward", "E_T L_Q(SNAIL((x_1, y_1), ..., (x_n, y_n), (x, -)))")
    outer = Outer(optimizer="adam", lr=1e-3)
    needs_training = "its attention is what meta-training teaches it to use"
    network = "conv4-pool"
    meta_batch = 32
    kinds = ("classification",)
    ordered = True
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "labels are inputs with their own weights; only random labels make classes equal, on average",
        "every_weight_gets_a_gradient": "the check shifts each weight, which saturates layers this wide; test_snail uses none",
        "learns": "the check trains tiny networks at a rate of 0.01; this network is large and needs 0.001",
    }
    recipes = (
        _recipe(5, 1, "99.07 ± 0.16"),
        _recipe(5, 5, "99.78 ± 0.09"),
        _recipe(20, 1, "97.64 ± 0.30"),
        _recipe(20, 5, "99.36 ± 0.18"),
    )

    embedding: int = 64
    """embedding features per example"""
    tc_filters: int = 128
    """filters per causal convolution"""
    longest: int | None = None
    """number of positions, with the query, that the convolutions cover (default: enough for 5 shots)"""

    def __post_init__(self) -> None:
        require_positive(self, "embedding", "tc_filters", "longest")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, enough causal layers for ``longest`` positions, and a linear head."""
        length = self.longest or 5 * spec.y_dim + 1
        return _Stack(backbone, spec, embedding=self.embedding, filters=self.tc_filters, length=length)

    def adapt(self, net: nn.Module, support: Examples) -> Past:
        return _stack(net).read(support)

    def predict(self, net: nn.Module, state: Past, x: Tensor) -> Tensor:
        stack = _stack(net)
        return stack.predict(state, stack.embed(x))

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The loss of the queries, over the classes that occur in the task."""
        logits = self.predict(net, self.adapt(net, task.support), task.query.x)
        measured = metrics(mask_absent_classes(logits, task.support.y, task.query.y), task.query.y)
        return measured["loss"], measured

    def predict_along(self, net: nn.Module, support: Examples) -> Tensor:
        """Takes one pass: the layers compute a prefix of a sequence as the prefix of the whole sequence."""
        stack = _stack(net)
        past = stack.read(support)
        features = past.layers[:, : stack.embedding.out_features]
        prefixes = (Past(past.layers[:t], past.real[:t], past.order[:t]) for t in range(len(features)))
        logits = torch.cat([stack.predict(prefix, features[t : t + 1]) for t, prefix in enumerate(prefixes)])
        return logits[past.order.argsort()]
