"""Neural processes (Garnelo et al., 2018, arXiv:1807.01622).

One latent z stands for which function a task is, so that one draw of it is one curve. With C the context and T ⊇ C all
points of a task, maximises

    1/|T| ( E_q(z | T) log p(y_T | x_T, z, r) - KL( q(z | T) || q(z | C) ) ),      p(y | x, z, r) = N(μ, σ²),

where (μ, σ) = g(x, r, z); q(z | ·) = N(m, s²) is made from the mean of encoded pairs, s = 0.1 + 0.9 sigmoid(·); and r is
the mean of pairs encoded otherwise: the deterministic path, which the paper does not have and the authors' code has
(``--paths latent`` leaves it out). C is the support set, T the support and query set together; z is drawn by
reparametrisation, as a function of the support set.

An answer is the mean over draws of z from q(z | C), and its likelihood log 1/L Σ_l p(y | x, z_l, r) point by point.

Deviations from the authors' code (google-deepmind/neural-processes, attentive_neural_process.ipynb):
- z of the ELBO is drawn from q(z | T), as in the paper (one version of the notebook draws it from q(z | C)).
- x goes through the backbone first, where one is given (``--network``); the default passes it on as it is.
- The number of targets is fixed by ``--queries`` (there drawn for every meta-batch); that of context points is drawn where
  the source is told to (``--fewest-shots``).
- An empty context has r = 0, and q(z) of a mean encoding 0.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.inner.wrapper import built_as
from ...core.network import feature_size
from ...core.objectives import Metrics
from ...core.probability.neural_process import (
    Decoder,
    LatentEncoder,
    Normal,
    PairEncoder,
    average,
    drawn,
    elbo,
    mixture,
    mixture_log_likelihood,
    mixture_metrics,
)
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Task, TaskSpec


class Context(NamedTuple):
    """What is known of a task: the mean representation (of no numbers, without that path) and draws of the latent."""

    r: Tensor  # [width] or [0]
    z: Tensor  # [samples, width]


class _Parts(nn.Module):
    """The backbone of x, both encoders and the decoder. Called on inputs alone it answers without a context."""

    def __init__(self, backbone: nn.Module, features: int, y_dim: int, width: int, *, deterministic: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.latent = LatentEncoder(features, y_dim, width)
        self.encoder = PairEncoder(features, y_dim, width) if deterministic else None
        self.decoder = Decoder(features, y_dim, 2 * width if deterministic else width, width)
        self.features, self.y_dim = features, y_dim

    def represent(self, x: Tensor, y: Tensor) -> Tensor:
        """Features [n, features] and targets to r."""
        return x.new_zeros(0) if self.encoder is None else average(self.encoder(x, y))

    def decode(self, known: Context, x: Tensor) -> Normal:
        """Features [m, features] to distributions [samples, m, d]."""
        samples, m = len(known.z), len(x)
        both = torch.cat([known.r.expand(samples, -1), known.z], 1)  # [samples, numbers]
        found: Normal = self.decoder(both[:, None].expand(-1, m, -1), x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x)
        nothing = x.new_zeros(0, self.features), x.new_zeros(0, self.y_dim)
        known = Context(self.represent(*nothing), self.latent(*nothing).mean[None])
        return self.decode(known, x).mean[0]


def _parts(net: nn.Module) -> _Parts:
    return built_as(_Parts, net, "np: takes the network that its build made")


@dataclass(frozen=True, kw_only=True)
class NP(Algorithm[Context], name="np"):
    """NP: one latent variable, inferred from encoded (x, y) pairs, stands for which function a task is.

    State: a ``Context``: the mean representation r [width] and draws z [samples, width] of the latent.

    For regression where whole curves are to be drawn that agree with a context: `curves` decodes one for every draw.
    Prefer ``cnp`` where only each answer's own spread matters: it is simpler and trains faster; ``anp`` where the curves
    must go through the points that were seen.

    >>> method = NP(width=8, samples=3)
    >>> net = method.build(nn.Flatten(), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    >>> state = method.adapt(net, Examples(torch.randn(5, 1), torch.randn(5, 1)))
    >>> method.curves(net, state, torch.randn(7, 1)).mean.shape, method.predict(net, state, torch.randn(7, 1)).shape
    (torch.Size([3, 7, 1]), torch.Size([7, 1]))
    """

    reference = "Garnelo, Schwarz, Rosenbaum et al., 2018, arXiv:1807.01622"
    summary = "one latent variable, inferred from encoded (x, y) pairs, stands for which function a task is"
    cost = Cost("information-theoretic", "E_T [-E_q(z|S∪Q) log p(S ∪ Q | z) + KL(q(z | S ∪ Q) || q(z | S))]/n")
    outer = Outer(optimizer="adam", lr=1e-4)
    network = "linear"
    vector_network = "linear"
    meta_batch = 16
    kinds = ("regression",)
    recipes = (
        Recipe(
            name="np-gp",
            source="gp",
            steps=100_000,
            flags="--random --length-scale 0.6 --shots 50 --fewest-shots 3 --queries 12 --validate-every 0",
            checks=(Check(name="3 to 50 points", flags="--queries 100", measure="log_likelihood"),),
            note="authors' notebook; its further targets are 0 to 49 less the context, ours 12; figures, no numbers",
        ),
    )

    paths: Literal["both", "latent"] = "both"
    """both: the latent and a mean representation, as in the authors' code; latent: without the latter, as in the paper"""
    width: int = 128
    """units of every layer, and numbers in the latent and in the representation"""
    samples: int = 1
    """draws of the latent while training"""
    test_samples: int = 32
    """draws that answers and their likelihood are averaged over on a new task"""

    def __post_init__(self) -> None:
        require_choice(self, "paths", ("both", "latent"))
        require_positive(self, "width", "samples", "test_samples")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone of x, the encoders and the decoder."""
        features = feature_size(backbone, spec)
        return _Parts(backbone, features, spec.y_dim, self.width, deterministic=self.paths == "both")

    def adapt(self, net: nn.Module, support: Examples) -> Context:
        parts = _parts(net)
        x = parts.backbone(support.x)
        return Context(
            parts.represent(x, support.y), drawn(support, parts.latent(x, support.y), self.samples, stream=0)
        )

    def curves(self, net: nn.Module, state: Context, x: Tensor) -> Normal:
        """Mean and standard deviation of y at each input for every draw of the latent: two [samples, m, d]."""
        parts = _parts(net)
        return parts.decode(state, parts.backbone(x))

    def distribution(self, net: nn.Module, state: Context, x: Tensor) -> Normal:
        """Mean and standard deviation of y at each input, over the draws of the latent: two [m, d]."""
        return mixture(self.curves(net, state, x))

    def predict(self, net: nn.Module, state: Context, x: Tensor) -> Tensor:
        return self.distribution(net, state, x).mean

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """-ELBO per point of support and query set together; reports show the answers to the query set."""
        parts, (support, query) = _parts(net), task
        seen, asked = parts.backbone(support.x), parts.backbone(query.x)
        x, y = torch.cat([seen, asked]), torch.cat([support.y, query.y])
        prior, posterior = parts.latent(seen, support.y), parts.latent(x, y)
        known = Context(parts.represent(seen, support.y), drawn(support, prior, self.samples, stream=0))
        found = parts.decode(known._replace(z=drawn(support, posterior, self.samples, stream=1)), x)
        with torch.no_grad():  # what adapt and predict would answer
            shown = mixture_metrics(parts.decode(known, asked), query.y)
        return -elbo(found, y, posterior, prior) / len(y), shown

    def measures(self, net: nn.Module, state: Context, query: Examples) -> Metrics:
        """``log_likelihood``: the log of the mean of p(y) over draws of the latent, per output, in nats."""
        found = self.curves(net, state, query.x)
        return {"log_likelihood": mixture_log_likelihood(found, query.y) / query.y.shape[1]}

    def at_test(self) -> Self:
        return replace(self, samples=self.test_samples)
