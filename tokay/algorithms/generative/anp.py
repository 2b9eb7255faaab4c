"""Attentive neural processes (Kim et al., 2019, arXiv:1901.05761).

A neural process in which each target has its own representation r(x), computed by attention to the context:

    r(x) = Σ_h A_h(x) W_o^h,      A_h(x) = softmax_i( q_h(x) · k_h(x_i) / √d ) v_h(r_i),      (μ, σ) = g(x, r(x), z),

Here r_i are the encoded pairs. q_h and k_h are linear maps of a two-layer network of x. v_h and W_o^h are linear maps.
None of these maps has a bias. There are H = 8 heads of d = width/H numbers (rounded down). The latent z and the cost are
those of the neural process. C is the context (the support set) and T ⊇ C all points of a task (support and query set
together). Training maximises

    1/|T| ( E_q(z | T) log p(y_T | x_T, z, r) - KL( q(z | T) || q(z | C) ) ).

A prediction is the mean over draws of z from q(z | C). Its log-likelihood is log 1/L Σ_l p(y | x, z_l, r), point by point.

Left out: self-attention among the pairs (the paper uses it for pictures; the authors' code for 1-D regression does not),
and the Laplace and dot-product attention that the paper compares with.

Deviations from the authors' code (google-deepmind/neural-processes, attentive_neural_process.ipynb):
- z of the ELBO is drawn from q(z | T), as in the paper. One version of the notebook draws it from q(z | C).
- x goes through the backbone first (``--network``). The default backbone passes x on unchanged.
- ``--queries`` fixes the number of targets; the authors draw it for every meta-batch. The number of context points is
  drawn if the source is told to draw it (``--fewest-shots``).
- An empty context has r(x) = 0; its q(z) is that of a mean encoding of 0.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from ...core.algorithm import Outer, require_positive
from ...core.cost import Cost
from ...core.network import feature_size, require_network
from ...core.probability.latent_process import LatentNetwork, LatentProcess
from ...core.probability.neural_process import Decoder, Normal, PairEncoder, mlp
from ...core.recipe import Check, Recipe
from ...core.task import TaskSpec


class Memory(NamedTuple):
    """The state of a task: a key and a value for each support example, and draws of the latent."""

    keys: Tensor  # [n, width]
    values: Tensor  # [n, width]
    z: Tensor  # [samples, width]


class _CrossAttention(nn.Module):
    """Multi-head attention from targets to the context. It has no biases and starts as in the authors' code."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, max(1, width // heads)
        self.q, self.k, self.v = (nn.Linear(width, heads * self.size, bias=False) for _ in range(3))
        self.o = nn.Linear(heads * self.size, width, bias=False)
        for layer in (self.q, self.k, self.v, self.o):
            nn.init.normal_(layer.weight, std=width**-0.5)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend: ``queries`` [m, width], ``keys`` and ``values`` [n, width] -> [m, width]. Without keys it is 0."""
        q, k, v = self._split(self.q(queries)), self._split(self.k(keys)), self._split(self.v(values))
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)  # [heads, m, n]
        representation: Tensor = self.o((weights @ v).transpose(0, 1).flatten(1))
        return representation

    def _split(self, rows: Tensor) -> Tensor:
        """Split rows into heads: [n, heads * size] -> [heads, n, size]."""
        return rows.reshape(len(rows), self.heads, self.size).transpose(0, 1)


class _Parts(LatentNetwork[Memory]):
    """The backbone of x, both encoders, the attention and the decoder."""

    def __init__(self, backbone: nn.Module, features: int, y_dim: int, width: int, heads: int) -> None:
        super().__init__(backbone, features, y_dim, width)
        self.encoder = PairEncoder(features, y_dim, width)
        self.place = mlp(features, width, width)
        self.attention = _CrossAttention(width, heads)
        self.decoder = Decoder(features, y_dim, 2 * width, width)

    def condition(self, x: Tensor, y: Tensor, z: Tensor) -> Memory:
        """Make a key of each row of features ``x`` [n, features], and a value of each pair (x, y)."""
        return Memory(self.place(x), self.encoder(x, y), z)

    def decode(self, state: Memory, x: Tensor) -> Normal:
        """Map features ``x`` [m, features] to the distribution of y for each draw of z: [samples, m, d]."""
        samples, m = len(state.z), len(x)
        r = self.attention(self.place(x), state.keys, state.values)  # [m, width]
        representation = torch.cat([r.expand(samples, -1, -1), state.z[:, None].expand(-1, m, -1)], 2)
        prediction: Normal = self.decoder(representation, x)  # from [samples, m, 2 width]
        return prediction


@dataclass(frozen=True, kw_only=True)
class ANP(LatentProcess[Memory], name="anp"):
    """ANP: a neural process in which every prediction attends to the support examples near it.

    State: a ``Memory``: keys and values of the examples, [n, width] each, and draws z [samples, width] of the latent.

    Use it for regression if the curve must go through the support points; ``cnp`` and ``np`` smooth over them. The work
    grows with examples times queries, so prefer ``cnp`` or ``np`` for large contexts.

    >>> method = ANP(width=8, samples=3)
    >>> net = method.build(nn.Flatten(), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    >>> state = method.adapt(net, Examples(torch.randn(5, 1), torch.randn(5, 1)))
    >>> method.curves(net, state, torch.randn(7, 1)).mean.shape, method.predict(net, state, torch.randn(7, 1)).shape
    (torch.Size([3, 7, 1]), torch.Size([7, 1]))
    """

    reference = "Kim, Mnih, Schwarz et al., 2019, arXiv:1901.05761"
    summary = "a neural process in which every prediction attends to the support examples near it"
    cost = Cost("information-theoretic", "E_T [-E_q(z|S∪Q) log p(S ∪ Q | z, r(x)) + KL(q(z | S ∪ Q) || q(z | S))]/n")
    outer = Outer(optimizer="adam", lr=1e-4)
    needs_training = "its network reads the examples, and untrained it reads nothing out of them"
    network = "linear"
    vector_network = "linear"
    meta_batch = 16
    kinds = ("regression",)
    recipes = (
        Recipe(
            name="anp-gp",
            source="gp",
            steps=100_000,
            flags="--random --length-scale 0.6 --shots 50 --fewest-shots 3 --queries 12 --validate-every 0",
            checks=(Check(name="3 to 50 points", flags="--queries 100", measure="log_likelihood"),),
            note="authors' notebook, with 12 query points (there 0 to 49 minus the context); only plots were published",
        ),
    )

    width: int = 128
    """units in every layer, and size of the latent and of the representation"""
    heads: int = 8
    """attention heads; each has width/heads numbers"""
    samples: int = 1
    """draws of the latent in training"""
    test_samples: int = 32
    """draws of the latent on a new task; predictions are averaged over them"""

    def __post_init__(self) -> None:
        require_positive(self, "width", "heads", "samples", "test_samples")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Build the backbone of x, the encoders, the attention and the decoder."""
        return _Parts(backbone, feature_size(backbone, spec), spec.y_dim, self.width, self.heads)

    def at_test(self) -> Self:
        return replace(self, samples=self.test_samples)

    def _parts(self, net: nn.Module) -> _Parts:
        return require_network(_Parts, net, "anp: `net` must come from ANP().build(...)")
