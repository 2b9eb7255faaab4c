"""Matching networks (Vinyals, Blundell, Lillicrap, Kavukcuoglu & Wierstra, 2016, arXiv:1606.04080).

Every support example votes for its class. The embeddings that weigh the votes are trained in episodes like the test's:

    p(y | x, S) = Σ_i a(x, x_i) y_i,     a(x, x_i) = softmax_i( cos(f(x, S), g(x_i, S)) ).

Without context, f and g are the same network. With full context embeddings (``--context full``, the paper's appendix),
the embedding of an example depends on the whole support set. g' and f' are the network. g adds the outputs of a
bidirectional LSTM over the support set. f is an LSTM that reads the support set K times:

    g(x_i) = g'(x_i) + h→_i + h←_i,
    ĥ_k, c_k = LSTM(f'(x), [h_{k-1}, r_{k-1}], c_{k-1}),     h_k = ĥ_k + f'(x),     f(x) = h_K,
    r_{k-1} = Σ_i softmax_i( h_{k-1}·g(x_i) ) g(x_i).

``predict`` returns log p. It sums the votes in log space, so the result is finite even if one vote has all the weight.

Deviations from the paper, and choices that it leaves open:
- Two options are our own: negative squared distances instead of cosines, and a factor on both (``scale``). The paper's
  factor is 1. With it the softmax of cosines between 0 and 1 is flat: one of five classes gets at most e/(e + 4) = 40 %.
- The paper does not give h_0, r_0 and c_0. Here h_0 = 0 and c_0 = 0, so the first read is the mean of g.
- The paper does not give K. Here K is 3, as in the baseline in the code of Ravi & Larochelle (2017). The paper's Omniglot
  figures use no context.
- The paper gives neither the optimizer nor the batch size. Here: Adam at 1e-3 and 16 tasks per step, the usual choice.
- No fine-tuning on the new task.
- The network is the pooled one of four blocks. Its batch norm uses the statistics of the current set, separately for
  support and query.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.geometry import cosines, sq_distances
from ...core.network import feature_size, require_network
from ...core.readers.recurrent import LSTMMemory, read_through
from ...core.recipe import Check, Recipe
from ...core.task import Examples, TaskSpec


class EmbeddedSupport(NamedTuple):
    """The embedded support set and its targets."""

    embedded: Tensor  # [n, features], g(x_i, S)
    y: Tensor  # [n, ways]


class _ContextNet(nn.Module):
    """The backbone, two LSTMs that embed the support set, and one LSTM that embeds a query."""

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.onwards = LSTMMemory(features, features)
        self.backwards = LSTMMemory(features, features)
        self.attending = LSTMMemory(2 * features, features)  # its input is [x, r]

    def support(self, z: Tensor, real: Tensor) -> Tensor:
        """g of the support: embeddings ``z`` [n, features]. ``real`` [n] is False for padding."""
        onwards = read_through(self.onwards, z, real)
        backwards = read_through(self.backwards, z.flip(0), real.flip(0)).flip(0)
        return z + onwards + backwards

    def query(self, z: Tensor, g: Tensor, real: Tensor, steps: int) -> Tensor:
        """f of the queries: embeddings ``z`` [m, features]. The LSTM reads ``g`` [n, features] ``steps`` times."""
        h = c = torch.zeros_like(z)
        for _ in range(steps):
            read = _log_attention(h @ g.mT, real).exp() @ g  # [m, features]
            h, (_, c) = self.attending(torch.cat([z, read], -1), (h, c))
            h = h + z
        return h


def _log_attention(scores: Tensor, real: Tensor) -> Tensor:
    """log softmax of ``scores`` [m, n] over the columns where ``real`` [n] is True."""
    return scores.masked_fill(~real, torch.finfo(scores.dtype).min).log_softmax(-1)


def _context_net(net: nn.Module) -> _ContextNet:
    return require_network(_ContextNet, net, 'matching: `net` must come from MatchingNet(context="full").build(...)')


_PUBLISHED = "cosine; vinyals split, rotations, not transductive [T] Table 1 of arXiv:1703.03400"


def _recipe(ways: int, shots: int, figure: str) -> Recipe:
    name = f"{ways}w{shots}s"
    return Recipe(
        name=f"matching-omniglot-{name}",
        source="omniglot",
        steps=75_000,
        flags=f"--split vinyals --ways {ways} --shots {shots} --norm running",
        checks=(Check(name=name, published=figure, protocol=_PUBLISHED),),
        note="the paper gives neither steps nor queries, nor the characters of its split: they are those of the authors of "
        "prototypical networks",
    )


@dataclass(frozen=True, kw_only=True)
class MatchingNet(Algorithm[EmbeddedSupport], name="matching"):
    """Matching networks: every support example votes for its class; a more similar example has a stronger vote.

    State: an ``EmbeddedSupport``: the embedded support set [n, features] and its targets [n, ways].

    Use it instead of ProtoNet if a class has several modes: the mean of the class would blur them. Use ``context="full"``
    if the embedding of one example should depend on the others. The predictions then depend on the order of the examples.

    >>> matching = MatchingNet(context="full")
    >>> net = matching.build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = matching.adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> matching.predict(net, state, torch.randn(7, 3)).exp().sum(1).allclose(torch.ones(7))
    True
    """

    reference = "Vinyals, Blundell, Lillicrap, Kavukcuoglu & Wierstra, 2016, arXiv:1606.04080"
    summary = "support examples vote, weighted by learned similarity (--context full: the set changes the embedding)"
    cost = Cost("feed-forward", "E_T -log Σ_i a(x, x_i) y_i on Q,  a the softmax of cos(f(x, S), g(x_i, S)) over S")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4-pool"
    meta_batch = 16
    any_ways = True
    compares_inputs = True
    kinds = ("classification",)
    recipes = (_recipe(5, 1, "98.1"), _recipe(5, 5, "98.9"), _recipe(20, 1, "93.8"), _recipe(20, 5, "98.5"))
    exceptions: ClassVar = {
        "support_order[context=full]": "the bidirectional LSTM reads the support set in order",
    }

    metric: Literal["cosine", "euclidean"] = "cosine"
    """similarity: the cosine of two embeddings, or minus their squared distance"""
    scale: float = 1.0
    """factor on similarities before the softmax (100 in the rerun of Chen et al. 2019, arXiv:1904.04232)"""
    context: Literal["none", "full"] = "none"
    """full: the embedding of an example depends on the whole support set"""
    context_steps: int = 3
    """number of times the LSTM of a query reads the support set (with --context full)"""

    def __post_init__(self) -> None:
        require_choice(self, "metric", ("cosine", "euclidean"))
        require_choice(self, "context", ("none", "full"))
        require_positive(self, "scale", "context_steps")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The embedding; with full context also the three LSTMs."""
        features = feature_size(backbone, spec)
        return _ContextNet(backbone, features) if self.context == "full" else backbone

    def adapt(self, net: nn.Module, support: Examples) -> EmbeddedSupport:
        if self.context == "none":
            return EmbeddedSupport(net(support.x), support.y)
        parts = _context_net(net)
        return EmbeddedSupport(parts.support(parts.backbone(support.x), support.y.any(-1)), support.y)

    def predict(self, net: nn.Module, state: EmbeddedSupport, x: Tensor) -> Tensor:
        """Log-probabilities ``[m, ways]``."""
        g, y = state
        real = y.any(-1)
        if self.context == "none":
            f = net(x)
        else:
            parts = _context_net(net)
            f = parts.query(parts.backbone(x), g, real, self.context_steps)
        similarity = cosines(f, g) if self.metric == "cosine" else -sq_distances(f, g)  # [m, n]
        votes = _log_attention(self.scale * similarity, real)[:, None]  # [m, 1, n]
        return votes.masked_fill(~y.mT, torch.finfo(votes.dtype).min).logsumexp(-1)  # [m, ways]
