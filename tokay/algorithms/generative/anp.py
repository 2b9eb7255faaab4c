"""Attentive neural processes (Kim et al., 2019, arXiv:1901.05761).

A neural process whose mean representation gives way to one of each target's own, attended from the context:

    r(x) = Σ_h A_h(x) W_o^h,      A_h(x) = softmax_i( q_h(x) · k_h(x_i) / √d ) v_h(r_i),      (μ, σ) = g(x, r(x), z),

with r_i the encoded pairs, q_h and k_h linear maps of a network of two layers on x, v_h and W_o^h linear maps without
biases, in H = 8 heads of d = width/H numbers (rounded down). The latent z and the cost are those of the neural process:
with C the context (the support set) and T ⊇ C all points (support and query set together), maximises

    1/|T| ( E_q(z | T) log p(y_T | x_T, z, r) - KL( q(z | T) || q(z | C) ) ).

An answer is the mean over draws of z from q(z | C), and its likelihood log 1/L Σ_l p(y | x, z_l, r) point by point.

Left out: self-attention among the pairs, which the paper has for pictures and the authors' code (their 1-D regression) has
not; and the Laplace and dot-product attention, which the paper only compares with.

Deviations from the authors' code (google-deepmind/neural-processes, attentive_neural_process.ipynb):
- z of the ELBO is drawn from q(z | T), as in the paper (one version of the notebook draws it from q(z | C)).
- x goes through the backbone first, where one is given (``--network``); the default passes it on as it is.
- The number of targets is fixed by ``--queries`` (there drawn for every meta-batch); that of context points is drawn where
  the source is told to (``--fewest-shots``).
- An empty context has r(x) = 0, and q(z) of a mean encoding 0.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_positive
from ...core.cost import Cost
from ...core.inner.wrapper import built_as
from ...core.network import feature_size
from ...core.objectives import Metrics
from ...core.probability.neural_process import (
    Decoder,
    LatentEncoder,
    Normal,
    PairEncoder,
    drawn,
    elbo,
    mixture,
    mixture_log_likelihood,
    mixture_metrics,
    mlp,
)
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Task, TaskSpec


class Memory(NamedTuple):
    """What is known of a task: where its examples are, what they say, and draws of the latent."""

    keys: Tensor  # [n, width]
    values: Tensor  # [n, width]
    z: Tensor  # [samples, width]


class _CrossAttention(nn.Module):
    """Multi-head attention of targets to the context, without biases, initialised as in the authors' code."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, max(1, width // heads)
        self.q, self.k, self.v = (nn.Linear(width, heads * self.size, bias=False) for _ in range(3))
        self.o = nn.Linear(heads * self.size, width, bias=False)
        for layer in (self.q, self.k, self.v, self.o):
            nn.init.normal_(layer.weight, std=width**-0.5)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """``queries`` [m, width], ``keys`` and ``values`` [n, width] to [m, width]; 0 where there is no key."""
        q, k, v = self._split(self.q(queries)), self._split(self.k(keys)), self._split(self.v(values))
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)  # [heads, m, n]
        attended: Tensor = self.o((weights @ v).transpose(0, 1).flatten(1))
        return attended

    def _split(self, rows: Tensor) -> Tensor:
        """[n, heads * size] to [heads, n, size]"""
        return rows.reshape(len(rows), self.heads, self.size).transpose(0, 1)


class _Parts(nn.Module):
    """The backbone of x, both encoders, the attention and the decoder. Called on inputs alone: without a context."""

    def __init__(self, backbone: nn.Module, features: int, y_dim: int, width: int, heads: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.latent = LatentEncoder(features, y_dim, width)
        self.encoder = PairEncoder(features, y_dim, width)
        self.place = mlp(features, width, width)
        self.attention = _CrossAttention(width, heads)
        self.decoder = Decoder(features, y_dim, 2 * width, width)
        self.features, self.y_dim = features, y_dim

    def decode(self, known: Memory, x: Tensor) -> Normal:
        """Features [m, features] to distributions [samples, m, d]."""
        samples, m = len(known.z), len(x)
        r = self.attention(self.place(x), known.keys, known.values)  # [m, width]
        both = torch.cat([r.expand(samples, -1, -1), known.z[:, None].expand(-1, m, -1)], 2)  # [samples, m, 2 width]
        found: Normal = self.decoder(both, x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x)
        nothing = x.new_zeros(0, self.features), x.new_zeros(0, self.y_dim)
        known = Memory(self.place(nothing[0]), self.encoder(*nothing), self.latent(*nothing).mean[None])
        return self.decode(known, x).mean[0]


def _parts(net: nn.Module) -> _Parts:
    return built_as(_Parts, net, "anp: takes the network that its build made")


@dataclass(frozen=True, kw_only=True)
class ANP(Algorithm[Memory], name="anp"):
    """ANP: a neural process in which every answer attends to the examples near it.

    State: a ``Memory``: keys and values of the examples, [n, width] each, and draws z [samples, width] of the latent.

    For regression where answers must go through the points that were seen, which ``cnp`` and ``np`` smooth over; a task
    costs as many products as it has examples times queries. Prefer those two where contexts are large.

    >>> method = ANP(width=8, samples=3)
    >>> net = method.build(nn.Flatten(), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    >>> state = method.adapt(net, Examples(torch.randn(5, 1), torch.randn(5, 1)))
    >>> method.curves(net, state, torch.randn(7, 1)).mean.shape, method.predict(net, state, torch.randn(7, 1)).shape
    (torch.Size([3, 7, 1]), torch.Size([7, 1]))
    """

    reference = "Kim, Mnih, Schwarz et al., 2019, arXiv:1901.05761"
    summary = "a neural process in which every answer attends to the examples near it"
    cost = Cost("information-theoretic", "E_T [-E_q(z|S∪Q) log p(S ∪ Q | z, r(x)) + KL(q(z | S ∪ Q) || q(z | S))]/n")
    outer = Outer(optimizer="adam", lr=1e-4)
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
            note="authors' notebook; its further targets are 0 to 49 less the context, ours 12; figures, no numbers",
        ),
    )

    width: int = 128
    """units of every layer, and numbers in the latent and in the representation"""
    heads: int = 8
    """of the attention, which share the width"""
    samples: int = 1
    """draws of the latent while training"""
    test_samples: int = 32
    """draws that answers and their likelihood are averaged over on a new task"""

    def __post_init__(self) -> None:
        require_positive(self, "width", "heads", "samples", "test_samples")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone of x, the encoders, the attention and the decoder."""
        return _Parts(backbone, feature_size(backbone, spec), spec.y_dim, self.width, self.heads)

    def adapt(self, net: nn.Module, support: Examples) -> Memory:
        parts = _parts(net)
        x = parts.backbone(support.x)
        return self._memory(parts, support, x, parts.latent(x, support.y))

    def _memory(self, parts: _Parts, support: Examples, x: Tensor, q: Normal) -> Memory:
        """What is known of the support set, whose features are ``x`` and whose latent is distributed as ``q``."""
        return Memory(parts.place(x), parts.encoder(x, support.y), drawn(support, q, self.samples, stream=0))

    def curves(self, net: nn.Module, state: Memory, x: Tensor) -> Normal:
        """Mean and standard deviation of y at each input for every draw of the latent: two [samples, m, d]."""
        parts = _parts(net)
        return parts.decode(state, parts.backbone(x))

    def distribution(self, net: nn.Module, state: Memory, x: Tensor) -> Normal:
        """Mean and standard deviation of y at each input, over the draws of the latent: two [m, d]."""
        return mixture(self.curves(net, state, x))

    def predict(self, net: nn.Module, state: Memory, x: Tensor) -> Tensor:
        return self.distribution(net, state, x).mean

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """-ELBO per point of support and query set together; reports show the answers to the query set."""
        parts, (support, query) = _parts(net), task
        seen, asked = parts.backbone(support.x), parts.backbone(query.x)
        x, y = torch.cat([seen, asked]), torch.cat([support.y, query.y])
        prior, posterior = parts.latent(seen, support.y), parts.latent(x, y)
        known = self._memory(parts, support, seen, prior)
        found = parts.decode(known._replace(z=drawn(support, posterior, self.samples, stream=1)), x)
        with torch.no_grad():  # what adapt and predict would answer
            shown = mixture_metrics(parts.decode(known, asked), query.y)
        return -elbo(found, y, posterior, prior) / len(y), shown

    def measures(self, net: nn.Module, state: Memory, query: Examples) -> Metrics:
        """``log_likelihood``: the log of the mean of p(y) over draws of the latent, per output, in nats."""
        found = self.curves(net, state, query.x)
        return {"log_likelihood": mixture_log_likelihood(found, query.y) / query.y.shape[1]}

    def at_test(self) -> Self:
        return replace(self, samples=self.test_samples)
