"""Neural processes (Garnelo et al., 2018, arXiv:1807.01622).

One latent variable z says which function a task is, so that one draw of z gives one curve. C is the context (the support
set) and T ⊇ C all points of a task (support and query set together). Training maximises

    1/|T| ( E_q(z | T) log p(y_T | x_T, z, r) - KL( q(z | T) || q(z | C) ) ),      p(y | x, z, r) = N(μ, σ²),

where (μ, σ) = g(x, r, z). The latent has q(z | ·) = N(m, s²), computed from the mean of encoded pairs, with
s = 0.1 + 0.9 sigmoid(·). r is the mean of pairs from a second encoder: the deterministic path. The authors' code has this
path, the paper does not (``--paths latent`` leaves it out). z is drawn by reparametrisation; its noise depends on the
support set and on the key of the task (`tokay.core.current_task`).

A prediction is the mean over draws of z from q(z | C). Its log-likelihood is log 1/L Σ_l p(y | x, z_l, r), point by point.

Deviations from the authors' code (google-deepmind/neural-processes, attentive_neural_process.ipynb):
- z of the ELBO is drawn from q(z | T), as in the paper. One version of the notebook draws it from q(z | C).
- x goes through the backbone first (``--network``). The default backbone passes x on unchanged.
- ``--queries`` fixes the number of targets; the authors draw it for every meta-batch. The number of context points is
  drawn if the source is told to draw it (``--fewest-shots``).
- An empty context has r = 0; its q(z) is that of a mean encoding of 0.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from ...core.algorithm import Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.network import feature_size, require_network
from ...core.probability.latent_process import LatentNetwork, LatentProcess
from ...core.probability.neural_process import Decoder, Normal, PairEncoder, average
from ...core.recipe import Check, Recipe
from ...core.task import TaskSpec


class Context(NamedTuple):
    """The state of a task: the mean representation (empty without that path) and draws of the latent."""

    r: Tensor  # [width] or [0]
    z: Tensor  # [samples, width]


class _Parts(LatentNetwork[Context]):
    """The backbone of x, both encoders and the decoder."""

    def __init__(self, backbone: nn.Module, features: int, y_dim: int, width: int, *, deterministic: bool) -> None:
        super().__init__(backbone, features, y_dim, width)
        self.encoder = PairEncoder(features, y_dim, width) if deterministic else None
        self.decoder = Decoder(features, y_dim, 2 * width if deterministic else width, width)

    def condition(self, x: Tensor, y: Tensor, z: Tensor) -> Context:
        """Average the encoded pairs: features ``x`` [n, features] and targets ``y`` [n, d]."""
        r = x.new_zeros(0) if self.encoder is None else average(self.encoder(x, y))
        return Context(r, z)

    def decode(self, state: Context, x: Tensor) -> Normal:
        """Map features ``x`` [m, features] to the distribution of y for each draw of z: [samples, m, d]."""
        samples, m = len(state.z), len(x)
        representation = torch.cat([state.r.expand(samples, -1), state.z], 1)  # [samples, numbers]
        prediction: Normal = self.decoder(representation[:, None].expand(-1, m, -1), x)
        return prediction


@dataclass(frozen=True, kw_only=True)
class NP(LatentProcess[Context], name="np"):
    """NP: one latent variable, inferred from encoded (x, y) pairs, says which function a task is.

    State: a ``Context``: the mean representation r [width] and draws z [samples, width] of the latent.

    Use it for regression if you need whole curves that agree with a context: ``curves`` decodes one curve per draw.
    Prefer ``cnp`` if you need only a mean and a spread at each input: it is simpler and trains faster. Prefer ``anp`` if
    the curves must go through the support points.

    >>> method = NP(width=8, samples=3)
    >>> net = method.build(nn.Flatten(), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    >>> state = method.adapt(net, Examples(torch.randn(5, 1), torch.randn(5, 1)))
    >>> method.curves(net, state, torch.randn(7, 1)).mean.shape, method.predict(net, state, torch.randn(7, 1)).shape
    (torch.Size([3, 7, 1]), torch.Size([7, 1]))
    """

    reference = "Garnelo, Schwarz, Rosenbaum et al., 2018, arXiv:1807.01622"
    summary = "one latent variable, inferred from encoded (x, y) pairs, says which function a task is"
    cost = Cost("information-theoretic", "E_T [-E_q(z|S∪Q) log p(S ∪ Q | z) + KL(q(z | S ∪ Q) || q(z | S))]/n")
    outer = Outer(optimizer="adam", lr=1e-4)
    needs_training = "its network reads the examples, and untrained it reads nothing out of them"
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
            note="authors' notebook, with 12 query points (there 0 to 49 minus the context); only plots were published",
        ),
    )

    paths: Literal["both", "latent"] = "both"
    """both: a latent and a mean representation, as in the authors' code; latent: only the latent, as in the paper"""
    width: int = 128
    """units in every layer, and size of the latent and of the representation"""
    samples: int = 1
    """draws of the latent in training"""
    test_samples: int = 32
    """draws of the latent on a new task; predictions are averaged over them"""

    def __post_init__(self) -> None:
        require_choice(self, "paths", ("both", "latent"))
        require_positive(self, "width", "samples", "test_samples")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Build the backbone of x, the encoders and the decoder."""
        features = feature_size(backbone, spec)
        return _Parts(backbone, features, spec.y_dim, self.width, deterministic=self.paths == "both")

    def at_test(self) -> Self:
        return replace(self, samples=self.test_samples)

    def _parts(self, net: nn.Module) -> _Parts:
        return require_network(_Parts, net, "np: `net` must come from NP().build(...)")
