"""Matching networks (Vinyals, Blundell, Lillicrap, Kavukcuoglu & Wierstra, 2016, arXiv:1606.04080).

A nearest-neighbour vote whose weights are learned, trained in episodes like those of the test:

    p(y | x, S) = Σ_i a(x, x_i) y_i,     a(x, x_i) = softmax_i( cos(f(x, S), g(x_i, S)) ).

Without context f and g are the same network. With full context embeddings (``--context full``) the whole support set
changes how each example is embedded (the paper's appendix): g' and f' are the network, g adds what a bidirectional LSTM
read, and f is an LSTM that looks at the support set K times,

    g(x_i) = g'(x_i) + h→_i + h←_i,
    ĥ_k, c_k = LSTM(f'(x), [h_{k-1}, r_{k-1}], c_{k-1}),     h_k = ĥ_k + f'(x),     f(x) = h_K,
    r_{k-1} = Σ_i softmax_i( h_{k-1}·g(x_i) ) g(x_i).

``predict`` gives log p. It is computed from the logarithms of a, so that it is finite however sure the vote is.

Deviations from the paper, and what it leaves open:
- Negative squared distances in place of cosines are an option; so is a factor on both (``scale``), 1 in the paper. Of
  cosines between 0 and 1 the softmax never is sure: one of five classes gets at most e/(e + 4) = 40 %.
- h_0, r_0 and c_0: here h_0 = 0 and c_0 = 0, so that the first read is the plain mean of g. K is 3 (the baseline in the
  code of Ravi & Larochelle 2017); the paper does not give it, and its Omniglot figures are without context.
- Adam at 1e-3 and 16 tasks per step: as commonly given, the paper tells neither. No fine-tuning on the new task.
- The pooled network of four blocks; its batch norm uses the statistics of the set at hand, support and query by itself.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.geometry import cosines, sq_distances
from ...core.inner.wrapper import built_as
from ...core.network import feature_size
from ...core.readers.recurrent import LSTMMemory, read_through
from ...core.recipe import Check, Recipe
from ...core.task import Examples, TaskSpec


class Remembered(NamedTuple):
    """The support set as it is attended to."""

    embedded: Tensor  # [n, features], g(x_i, S)
    y: Tensor  # [n, ways]


class _InContext(nn.Module):
    """The backbone, the two LSTMs that read the support set and the one that reads for a query."""

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.onwards = LSTMMemory(features, features)
        self.backwards = LSTMMemory(features, features)
        self.attending = LSTMMemory(2 * features, features)  # of the hidden state [h, r], r comes with the input

    def support(self, z: Tensor, real: Tensor) -> Tensor:
        """g of embeddings ``z`` [n, features], of which the ``real`` ones count."""
        onwards = read_through(self.onwards, z, real)
        backwards = read_through(self.backwards, z.flip(0), real.flip(0)).flip(0)
        return z + onwards + backwards

    def query(self, z: Tensor, g: Tensor, real: Tensor, steps: int) -> Tensor:
        """f of embeddings ``z`` [m, features], which read ``steps`` times in ``g`` [n, features]."""
        h = c = torch.zeros_like(z)
        for _ in range(steps):
            read = _log_attention(h @ g.mT, real).exp() @ g  # [m, features]
            h, (_, c) = self.attending(torch.cat([z, read], -1), (h, c))
            h = h + z
        return h


def _log_attention(scores: Tensor, real: Tensor) -> Tensor:
    """log softmax over those of ``scores`` [m, n] that are no padding."""
    return scores.masked_fill(~real, torch.finfo(scores.dtype).min).log_softmax(-1)


def _in_context(net: nn.Module) -> _InContext:
    return built_as(_InContext, net, "matching: with context, takes the network that its build made")


_PUBLISHED = "cosine; alphabet-disjoint split, rotations, not transductive [T] Table 1 of arXiv:1703.03400"


def _recipe(ways: int, shots: int, figure: str) -> Recipe:
    name = f"{ways}w{shots}s"
    return Recipe(
        name=f"matching-omniglot-{name}",
        source="omniglot",
        steps=75_000,
        flags=f"--split vinyals --ways {ways} --shots {shots}",
        checks=(Check(name=name, published=figure, protocol=_PUBLISHED),),
        note="the paper tells neither steps nor queries; the split is in its style; batch norm sees the queries asked together",
    )


@dataclass(frozen=True, kw_only=True)
class MatchingNet(Algorithm[Remembered], name="matching"):
    """Matching networks: every support example votes for its class, as strongly as it is like the query.

    State: a ``Remembered``: the embedded support set [n, features] and its targets [n, ways].

    Take it over ProtoNet when a class has several modes, which its mean would blur, or (with ``context="full"``) when how
    to look at one example should depend on the others. With ``context="full"`` answers depend on the order of examples.

    >>> matching = MatchingNet(context="full")
    >>> net = matching.build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = matching.adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> matching.predict(net, state, torch.randn(7, 3)).exp().sum(1).allclose(torch.ones(7))
    True
    """

    reference = "Vinyals, Blundell, Lillicrap, Kavukcuoglu & Wierstra, 2016, arXiv:1606.04080"
    summary = "support examples vote, weighted by learned likeness (--context full: the set changes the embedding)"
    cost = Cost("feed-forward", "E_T -log Σ_i a(x, x_i) y_i on Q,  a the softmax of cos(f(x, S), g(x_i, S)) over S")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4-pool"
    meta_batch = 16
    any_ways = True
    kinds = ("classification",)
    recipes = (_recipe(5, 1, "98.1"), _recipe(5, 5, "98.9"), _recipe(20, 1, "93.8"), _recipe(20, 5, "98.5"))
    exceptions: ClassVar = {
        "support_order[context=full]": "the bidirectional LSTM reads the support set in the order it is given in",
    }

    metric: Literal["cosine", "euclidean"] = "cosine"
    """likeness: the cosine of two embeddings, or minus their squared distance"""
    scale: float = 1.0
    """what likenesses are multiplied by before the softmax (100 in the rerun of Chen et al. 2019, arXiv:1904.04232)"""
    context: Literal["none", "full"] = "none"
    """full: full context embeddings, the support set changes how every example is embedded"""
    context_steps: int = 3
    """how often the LSTM of a query reads the support set, with full context"""

    def __post_init__(self) -> None:
        require_choice(self, "metric", ("cosine", "euclidean"))
        require_choice(self, "context", ("none", "full"))
        require_positive(self, "scale", "context_steps")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The embedding; with full context, the three LSTMs beside it."""
        features = feature_size(backbone, spec)
        return _InContext(backbone, features) if self.context == "full" else backbone

    def adapt(self, net: nn.Module, support: Examples) -> Remembered:
        if self.context == "none":
            return Remembered(net(support.x), support.y)
        parts = _in_context(net)
        return Remembered(parts.support(parts.backbone(support.x), support.y.any(-1)), support.y)

    def predict(self, net: nn.Module, state: Remembered, x: Tensor) -> Tensor:
        """The logarithms of the probabilities."""
        g, y = state
        real = y.any(-1)
        if self.context == "none":
            f = net(x)
        else:
            parts = _in_context(net)
            f = parts.query(parts.backbone(x), g, real, self.context_steps)
        likeness = cosines(f, g) if self.metric == "cosine" else -sq_distances(f, g)  # [m, n]
        votes = _log_attention(self.scale * likeness, real)[:, None]  # [m, 1, n]
        return votes.masked_fill(~y.mT, torch.finfo(votes.dtype).min).logsumexp(-1)  # [m, ways]
