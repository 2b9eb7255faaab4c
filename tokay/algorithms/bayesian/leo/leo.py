"""Latent embedding optimisation (Rusu et al., 2019, arXiv:1807.05960).

Adapts in a space of few numbers: a code z_c per class, from which a decoder makes that class's row w_c of a linear head.
With features f of length 1, an encoder e (linear), a relation network r (three layers) and a decoder d (linear):

    μ_c, log σ_c = mean over x in class c, and over all x' in S, of r(e f(x), e f(x')),      z_c ~ N(μ_c, σ²_c),
    w_c ~ N(μ, s²σ²)  with  μ, log σ = d z_c,      logits = w·f(x),

    z <- z - α ∇_z L_S   (``latent_steps`` times, to z'),     w <- w - β ∇_w L_S   (``tuning_steps`` times, to w'),

    minimise  L_Q(w') + kl_weight KL(N(μ, σ²) || N(0, 1)) + encoder_penalty |sg(z') - z|²
              + orthogonality |C - 1|² + l2 |weights|²/2.

C are the correlations of the decoder's vectors, one per latent; sg stops the gradient; |·|² and KL are means over their
entries, as in the authors' code, and |weights|² is a sum. α (one per latent) and β (one per feature) are learned.
On new tasks means take the place of draws and nothing is dropped, as in the code.

Deviations from the authors' code:
- The backbone is trained with the rest, from scratch, hence the outer rate of 1e-3 (there 2.7e-4); there the features
  are those of a WRN-28-10 trained beforehand.
- Losses are means over the examples, there the inner ones are sums: rates start N·K times larger for the same step.
- One code is drawn per class, as in the paper (there one per example of the class, and their logits averaged).
- σ = exp(u), for weights 1 + u above u = 0, times the s of Glorot; there max(exp(u) - 1 + s, 1e-10), with s = 0 for codes,
  which has no gradient where it is cut off. With exp(u) throughout, one task of some 12,000 ran away here: steps on a code
  raise u, which raises the noise and the next step. The KL is in closed form, there by the one sample.
- A dropped feature is dropped for all examples of a pass; there each example drops its own.
- A NaN stops training; there such steps are replaced by a pull towards 0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from ....core.algorithm import Algorithm, Outer, require_not_negative, require_positive
from ....core.cost import Cost
from ....core.inner.descent import SGD, Params, descend, last
from ....core.inner.wrapper import built_as
from ....core.network import feature_size
from ....core.objectives import Metrics, cross_entropy, metrics
from ....core.probability.gaussians import class_noise, gaussian_kl
from ....core.probability.noise import task_seed, uniform
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Sizes, Task, TaskSpec
from ....errors import ConfigError
from .latent_head import LatentHead, orthogonality

_WEIGHTS = ("dropout", "kl_weight", "encoder_penalty", "orthogonality", "l2")


class Classifier(NamedTuple):
    """What a task has come to: its codes, the rows of its head, and which features its queries are answered from."""

    codes: Tensor  # [ways, latents]
    weight: Tensor  # [ways, features]
    kept: Tensor  # [features]


def _parts(net: nn.Module) -> LatentHead:
    return built_as(LatentHead, net, "leo: takes the network that its build made")


def _recipe(shots: int, flags: str) -> Recipe:
    return Recipe(
        name=f"leo-omniglot-5w{shots}s",
        source="omniglot",
        steps=100_000,
        flags=f"--shots {shots} --meta-batch 12 --clip-value 0.1 --clip-norm 0.1 {flags}",
        checks=(Check(name=f"5w{shots}s"),),
        note="the authors' settings for mini-ImageNet; no figure on Omniglot was published",
    )


@dataclass(frozen=True, kw_only=True)
class LEO(Algorithm[Classifier], name="leo"):
    """LEO: gradient steps on a short code per class, from which the head is decoded; then a few on the head itself.

    State: a ``Classifier``: codes [ways, latents], the head's rows [ways, features], and which features are kept
    [features] (all, on a new task).

    Take it when features are many and examples few: it adapts few numbers, and with any number of classes. Prefer
    ProtoNet for speed, and MAML for regression or when the features themselves must change.

    >>> net = LEO(latents=2).build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = LEO().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> state.codes.shape, state.weight.shape
    (torch.Size([2, 2]), torch.Size([2, 3]))
    """

    reference = "Rusu, Rao, Sygnowski, Vinyals, Pascanu, Osindero & Hadsell, 2019, arXiv:1807.05960"
    summary = "gradient steps on a short code per class, from which the head is decoded"
    cost = Cost("gradient-based", "E_T L_Q(w'(z')) + β KL(q(z | S) || N(0, 1)) + γ |sg(z') - z|²,  z' = z - α ∇_z L_S")
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4"  # a step takes a quarter of the time that it does behind the max-pooled one
    meta_batch = 12
    any_ways = True
    kinds = ("classification",)
    recipes = (
        _recipe(1, "--lr 2.739071e-4"),
        _recipe(
            5,
            "--lr 4.102361e-4 --inner-lr 25 --tuning-lr 0.025 --dropout 0.300299 --kl-weight 0.466387 "
            "--encoder-penalty 2.661608e-7 --orthogonality 1.523998e-3 --l2 8.540338e-9",
        ),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys((f"refuses[{name}=0]" for name in _WEIGHTS), "0 switches it off"),
    }

    latents: int = 64
    """numbers in the code of a class (never more than there are features)"""
    latent_steps: int = 5
    """steps on the codes"""
    inner_lr: float = 5.0
    """what their learned rates start from (paper: 1.0 for the sum over 5 examples)"""
    tuning_steps: int = 5
    """steps on the head's weights afterwards"""
    test_tuning_steps: int | None = None
    """the same on a new task, if not as many as while training"""
    tuning_lr: float = 5e-3
    """what their learned rates start from (paper: 1e-3 for the sum over 5 examples)"""
    dropout: float = 0.307651
    """share of the features that is dropped while training"""
    kl_weight: float = 0.756143
    """weight of the codes' divergence from N(0, 1)"""
    encoder_penalty: float = 5.756821e-6
    """weight of the squared distance between codes before and after the steps"""
    orthogonality: float = 0.188103
    """weight of the squared correlations between the decoder's vectors"""
    l2: float = 3.623413e-10
    """weight of half the squared weights of encoder, relation network and decoder"""
    stochastic: bool = True
    """draw codes, weights and what is dropped; on a new task means are taken and all is kept, whatever this says"""

    def __post_init__(self) -> None:
        require_positive(self, "latents", "latent_steps", "inner_lr", "tuning_steps", "test_tuning_steps", "tuning_lr")
        require_not_negative(self, *_WEIGHTS)
        if self.dropout >= 1:
            raise ConfigError(f"leo: dropout must be below 1, got {self.dropout}. The default is 0.307651.")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, the networks around the codes, and the rates; there is no head, each task makes its own."""
        features = feature_size(backbone, spec)
        latents = min(self.latents, features)
        return LatentHead(backbone, features, latents, latent_lr=self.inner_lr, tuning_lr=self.tuning_lr)

    def path(self, net: nn.Module, support: Examples) -> Iterator[Classifier]:
        """After every step on the codes, and then on the head."""
        parts = _parts(net)
        features = parts.features(support.x)
        return self._steps(parts, features, support, parts.codes(features, support.y))

    def adapt(self, net: nn.Module, support: Examples) -> Classifier:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Classifier, x: Tensor) -> Tensor:
        return (_parts(net).features(x) * state.kept) @ state.weight.mT  # [m, ways]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The query loss of the tuned head, and the penalties of the equation above."""
        parts = _parts(net)
        features = parts.features(task.support.x)
        q = parts.codes(features, task.support.y)
        states = list(self._steps(parts, features, task.support, q))
        measured = metrics(self.predict(net, states[-1], task.query.x), task.query.y)
        moved = (states[-1].codes.detach() - states[0].codes).square().mean()
        cost = (
            measured["loss"]
            + self.kl_weight * gaussian_kl(*q, 0.0, 0.0).mean()
            + self.encoder_penalty * moved
            + self.orthogonality * orthogonality(parts.decoder.weight.mT)
            + self.l2 * parts.penalty()
        )
        return cost, measured

    def _steps(
        self, parts: LatentHead, features: Tensor, support: Examples, q: tuple[Tensor, Tensor]
    ) -> Iterator[Classifier]:
        seed = task_seed(support)

        def drawn(mean: Tensor, log_std: Tensor, stream: int) -> Tensor:
            if not self.stochastic:
                return mean
            return mean + log_std.exp() * class_noise(support, (mean.shape[1],), stream=stream, like=mean)

        def kept(stream: int) -> Tensor:
            """By what every feature is multiplied: 0, or so much more that the mean stays."""
            if not self.stochastic:
                return torch.ones_like(features[0])
            draw = uniform(seed, (features.shape[1],), stream=stream, like=features)
            return (draw >= self.dropout).to(features.dtype) / (1 - self.dropout)

        def decoded(codes: Tensor, step: int) -> Tensor:
            return drawn(*parts.decode(codes), 1 + step)

        def loss(weight: Tensor, step: int) -> Tensor:
            return cross_entropy((features * kept(1 + step)) @ weight.mT, support.y)

        def loss_of_codes(params: Params, step: int) -> Tensor:
            return loss(decoded(params["codes"], step), step)

        def loss_of_weight(params: Params, step: int) -> Tensor:
            return loss(params["weight"], step)

        steps = range(self.latent_steps)
        codes, weight = drawn(*q, 0), features
        for step, params in enumerate(
            descend(loss_of_codes, {"codes": codes}, steps, SGD({"codes": parts.latent_rate}))
        ):
            codes = params["codes"]
            weight = decoded(codes, step)
            yield Classifier(codes, weight, kept(0))
        steps = range(self.latent_steps, self.latent_steps + self.tuning_steps)
        tuned = descend(loss_of_weight, {"weight": weight}, steps, SGD({"weight": parts.tuning_rate}))
        next(tuned)  # what was just decoded
        for params in tuned:
            yield Classifier(codes, params["weight"], kept(0))

    def at_test(self) -> Self:
        return replace(self, stochastic=False, tuning_steps=self.test_tuning_steps or self.tuning_steps)

    def training_sizes(self, test: Sizes) -> Sizes:
        """15 queries per class, as in the paper."""
        return replace(test, queries=15)
