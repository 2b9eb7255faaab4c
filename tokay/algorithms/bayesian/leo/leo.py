"""Latent embedding optimisation (Rusu et al., 2019, arXiv:1807.05960).

Adapts few numbers: each class has a short code z_c, and a decoder maps the code to the row w_c of a linear head. The
features f have length 1. The encoder e and the decoder d are linear; the relation network r has three layers:

    μ_c, log σ_c = mean over x in class c, and over all x' in S, of r(e f(x), e f(x')),      z_c ~ N(μ_c, σ²_c),
    w_c ~ N(μ, s²σ²)  with  μ, log σ = d z_c,      logits = w·f(x),

    z <- z - α ∇_z L_S   (``latent_steps`` times, to z'),     w <- w - β ∇_w L_S   (``tuning_steps`` times, to w'),

    minimise  L_Q(w') + kl_weight KL(N(μ, σ²) || N(0, 1)) + encoder_penalty |sg(z') - z|²
              + orthogonality |C - 1|² + l2 |weights|²/2.

C holds the correlations of the decoder's vectors, one vector per latent. sg stops the gradient. |·|² and KL are means over
their entries, as in the authors' code; |weights|² is a sum. α (one per latent) and β (one per feature) are learned. On new
tasks, means replace draws and no feature is dropped, as in the code.

Deviations from the authors' code:
- The backbone is trained from scratch with the rest, so the outer rate is 1e-3. The authors use features of a pretrained
  WRN-28-10 and 2.7e-4.
- The authors give each example a code, average the logits of the K codes of a class, and sum the losses of all examples.
  So a step follows the sum over the N classes of their mean losses. Our loss is the mean over all examples, so our rates
  start N times larger at any K: 5 and 0.005 for five ways.
- One code is drawn per class, as in the paper. The code draws one per example and averages their logits.
- σ = exp(u); for weights it is 1 + u above u = 0, times Glorot's s. The authors use max(exp(u) - 1 + s, 1e-10), with s = 0
  for codes; this has no gradient if it is clipped. exp(u) alone can diverge for weights: a step on a code raises u, u
  raises the noise, and the noise raises the next step.
- The KL is in closed form. The authors estimate it with one sample.
- The authors also drop features before the encoder, by the same share. Here this is ``encoder_dropout``. The recipes set
  it; the default is 0.
- A dropped feature is dropped for all examples of a pass. The authors drop features for each example.
- A NaN stops training. The authors replace such a step by a pull towards 0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from torch import Tensor, nn

from ....core.algorithm import Algorithm, Outer, require_not_negative, require_positive
from ....core.cost import Cost
from ....core.inner.descent import last
from ....core.network import feature_size, require_network
from ....core.objectives import Metrics, metrics
from ....core.probability.gaussians import gaussian_kl
from ....core.probability.noise import task_seed
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Sizes, Task, TaskSpec
from ....errors import ConfigError
from .inner_loop import ENCODER, Classifier, InnerLoop, dropout_mask
from .latent_head import LatentHead, orthogonality

_WEIGHTS = ("dropout", "encoder_dropout", "kl_weight", "encoder_penalty", "orthogonality", "l2")


def _parts(net: nn.Module) -> LatentHead:
    return require_network(LatentHead, net, "leo: `net` must come from LEO().build(...)")


def _recipe(shots: int, flags: str) -> Recipe:
    return Recipe(
        name=f"leo-omniglot-5w{shots}s",
        source="omniglot",
        steps=100_000,
        flags=f"--shots {shots} --meta-batch 12 --clip-value 0.1 --clip-norm 0.1 --inner-lr 5 --tuning-lr 0.005 {flags}",
        checks=(Check(name=f"5w{shots}s"),),
        note="the authors' settings for mini-ImageNet; no figure on Omniglot was published",
    )


@dataclass(frozen=True, kw_only=True)
class LEO(Algorithm[Classifier], name="leo"):
    """LEO: gradient steps on a short code per class, from which the head is decoded; then a few steps on the head.

    State: a ``Classifier``: codes [ways, latents], rows of the head [ways, features], and the dropout mask [features]
    (all ones on a new task).

    Use it if there are many features and few examples: it adapts few numbers. It works with any number of classes.
    Prefer ProtoNet for speed, and MAML for regression or if the features themselves must change.

    >>> net = LEO(latents=2).build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = LEO().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> state.codes.shape, state.weight.shape
    (torch.Size([2, 2]), torch.Size([2, 3]))
    """

    reference = "Rusu, Rao, Sygnowski, Vinyals, Pascanu, Osindero & Hadsell, 2019, arXiv:1807.05960"
    summary = "gradient steps on a short code per class, from which the head is decoded"
    cost = Cost("gradient-based", "E_T L_Q(w'(z')) + β KL(q(z | S) || N(0, 1)) + γ |sg(z') - z|²,  z' = z - α ∇_z L_S")
    outer = Outer(optimizer="adam", lr=1e-3)
    needs_training = "the code of a class is learned"
    network = "conv4"  # strides instead of max-pooling: faster steps
    meta_batch = 12
    any_ways = True
    kinds = ("classification",)
    recipes = (
        _recipe(1, "--lr 2.739071e-4 --encoder-dropout 0.307651"),
        _recipe(
            5,
            "--lr 4.102361e-4 --dropout 0.300299 --encoder-dropout 0.300299 --kl-weight 0.466387 "
            "--encoder-penalty 2.661608e-7 --orthogonality 1.523998e-3 --l2 8.540338e-9",
        ),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys((f"refuses[{name}=0]" for name in _WEIGHTS), "0 switches it off"),
    }

    latents: int = 64
    """numbers in the code of a class (at most the number of features)"""
    latent_steps: int = 5
    """gradient steps on the codes"""
    inner_lr: float = 5.0
    """initial value of the learned rates of the codes (paper: 1.0 on a loss that is ways times ours)"""
    tuning_steps: int = 5
    """gradient steps on the weights of the head, after those on the codes"""
    test_tuning_steps: int | None = None
    """the same on a new task (default: as many as in training)"""
    tuning_lr: float = 5e-3
    """initial value of the learned rates of the head (paper: 1e-3 on a loss that is ways times ours)"""
    dropout: float = 0.307651
    """share of the features to drop in training"""
    encoder_dropout: float = 0.0
    """share of the features to drop before the encoder in training (authors' code: as --dropout)"""
    kl_weight: float = 0.756143
    """weight of the KL divergence of the codes from N(0, 1)"""
    encoder_penalty: float = 5.756821e-6
    """weight of the squared distance between the codes before and after the steps"""
    orthogonality: float = 0.188103
    """weight of the squared correlations between the vectors of the decoder"""
    l2: float = 3.623413e-10
    """weight of half the sum of squared weights of encoder, relation network and decoder"""
    stochastic: bool = True
    """draw codes, weights and dropped features in training; a new task always uses means and all features"""

    def __post_init__(self) -> None:
        require_positive(self, "latents", "latent_steps", "inner_lr", "tuning_steps", "test_tuning_steps", "tuning_lr")
        require_not_negative(self, *_WEIGHTS)
        for name, default in (("dropout", 0.307651), ("encoder_dropout", 0.0)):
            if getattr(self, name) >= 1:
                raise ConfigError(f"leo: {name} must be below 1, got {getattr(self, name)}. The default is {default}.")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Build the backbone, the networks of the codes, and the learned rates. Each task makes its own head."""
        features = feature_size(backbone, spec)
        latents = min(self.latents, features)
        return LatentHead(backbone, features, latents, latent_lr=self.inner_lr, tuning_lr=self.tuning_lr)

    def path(self, net: nn.Module, support: Examples) -> Iterator[Classifier]:
        """Yield the state before the first step, then after every step on the codes and on the head."""
        parts = _parts(net)
        features = parts.features(support.x)
        return self._steps(parts, features, support, self._codes(parts, features, support))

    def adapt(self, net: nn.Module, support: Examples) -> Classifier:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Classifier, x: Tensor) -> Tensor:
        return (_parts(net).features(x) * state.mask) @ state.weight.mT  # [m, ways]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The query loss of the tuned head, plus the penalties of the equation above."""
        parts = _parts(net)
        features = parts.features(task.support.x)
        q = self._codes(parts, features, task.support)
        states = list(self._steps(parts, features, task.support, q))
        report = metrics(self.predict(net, states[-1], task.query.x), task.query.y)
        sq_distance = (states[-1].codes.detach() - states[0].codes).square().mean()
        cost = (
            report["loss"]
            + self.kl_weight * gaussian_kl(*q, 0.0, 0.0).mean()
            + self.encoder_penalty * sq_distance
            + self.orthogonality * orthogonality(parts.decoder.weight.mT)
            + self.l2 * parts.penalty()
        )
        return cost, report

    def _codes(self, parts: LatentHead, features: Tensor, support: Examples) -> tuple[Tensor, Tensor]:
        """Mean and log σ ``[ways, latents]`` of the codes. In training, the encoder sees a part of the features."""
        if self.stochastic and self.encoder_dropout:
            features = features * dropout_mask(task_seed(support), features, self.encoder_dropout, stream=ENCODER)
        return parts.codes(features, support.y)

    def _steps(
        self, parts: LatentHead, features: Tensor, support: Examples, q: tuple[Tensor, Tensor]
    ) -> Iterator[Classifier]:
        loop = InnerLoop(
            parts=parts,
            support=support,
            features=features,
            seed=task_seed(support),
            stochastic=self.stochastic,
            dropout=self.dropout,
        )
        for state in loop.code_steps(q, self.latent_steps):
            yield state
        yield from loop.head_steps(state, range(self.latent_steps, self.latent_steps + self.tuning_steps))

    def at_test(self) -> Self:
        return replace(self, stochastic=False, tuning_steps=self.test_tuning_steps or self.tuning_steps)

    def training_sizes(self, test: Sizes) -> Sizes:
        """15 queries per class, as in the paper."""
        return replace(test, queries=15)
