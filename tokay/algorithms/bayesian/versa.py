"""VERSA: versatile and efficient amortised inference (Gordon et al., 2019, arXiv:1805.09921).

Learns features f, and networks that map the mean feature of a class to a distribution over the class's row of the linear
head. One forward pass gives the posterior of a task:

    h_c = mean of f(x) over the support of class c,    q(w_c) = N(μ_w(h_c), σ²_w(h_c)),    q(b_c) = N(μ_b(h_c), σ²_b(h_c)),

    minimise  -mean over Q of  log 1/L Σ_l p(y | f(x), ψ_l),     ψ_l ~ q  (L = ``samples``).

The logit of class c is then Gaussian too, N(f·μ_w + μ_b, f²·σ²_w + σ²_b). The method draws the logit, as in the authors'
code. Each of the four networks has three dense layers as wide as the features, two of them with ELU. ``predict`` gives the
log of the mean probability: logits whose softmax is the predictive distribution. The paper's regression (view
reconstruction) is left out.

Deviations from the authors' code:
- All queries share the draws of a class; in the authors' code every query has its own. The distribution of one prediction
  is the same, and here it does not depend on the other queries.
- The networks of the means end without a bias. A bias would move all logits by the same amount and change nothing.
- There is no dropout (the authors: 0.1 after every block, on Omniglot). The backbone uses strides (the authors:
  max-pooling) and has the same 2x2x64 = 256 features. Batch norm has a scale.
- The accuracy is that of the averaged probabilities (the authors: of the log-sum-exp of unnormalised logits).
- Hidden biases start at 0 (the authors: N(0, 0.001²)).
- The outer rate is 1e-3, for faster training. The authors use 1e-4, and so do the recipes.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_positive
from ...core.cost import Cost
from ...core.geometry import class_means
from ...core.network import feature_size, require_network
from ...core.probability.gaussians import class_noise, log_mean_probability
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Sizes, TaskSpec


class Posterior(NamedTuple):
    """The state of a task: q over the rows of the head, and standard normal numbers to draw logits with."""

    weight_mean: Tensor  # [ways, features]
    weight_log_variance: Tensor  # [ways, features]
    bias_mean: Tensor  # [ways]
    bias_log_variance: Tensor  # [ways]
    noise: Tensor  # [ways, samples]


class _Amortised(nn.Module):
    """The backbone, and the networks that map the mean feature of a class to the distribution of its row."""

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.weight_mean = _three_layers(features, features, bias=False)
        self.weight_log_variance = _three_layers(features, features, bias=True)
        self.bias_mean = _three_layers(features, 1, bias=False)
        self.bias_log_variance = _three_layers(features, 1, bias=True)


def _three_layers(width: int, outputs: int, *, bias: bool) -> nn.Sequential:
    layers = (nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, outputs, bias=bias))
    for layer in layers:
        nn.init.xavier_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ELU(), layers[1], nn.ELU(), layers[2])


def _parts(net: nn.Module) -> _Amortised:
    return require_network(_Amortised, net, "versa: `net` must come from VERSA().build(...)")


def _recipe(ways: int, shots: int, steps: int) -> Recipe:
    name = f"{ways}w{shots}s"
    check = Check(name=name, flags=f"--queries {shots}", tasks=600)
    return Recipe(
        name=f"versa-omniglot-{name}",
        source="omniglot",
        steps=steps,
        flags=f"--ways {ways} --shots {shots} --train-queries 15 --lr 1e-4",
        checks=(check,),
        note="authors' code without dropout; both train on 1,100 characters; its figures are not verified",
    )


@dataclass(frozen=True, kw_only=True)
class VERSA(Algorithm[Posterior], name="versa"):
    """VERSA: one forward pass gives a distribution over the weights of the head; predictions are averaged over it.

    State: a ``Posterior``: means and log-variances of the weights [ways, features] and of the biases [ways], and the
    draws [ways, samples].

    Use it if you need good probabilities and fast adaptation in one pass. It works with any number of classes, whatever
    it was trained with. Prefer ProtoNet if you need only the label, MAML for regression.

    >>> net = VERSA(samples=4).build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = VERSA(samples=4).adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> state.weight_mean.shape, state.noise.shape
    (torch.Size([2, 3]), torch.Size([2, 4]))
    >>> VERSA().predict(net, state, torch.randn(5, 3)).exp().sum(1).allclose(torch.ones(5))
    True
    """

    reference = "Gordon, Bronskill, Bauer, Nowozin & Turner, 2019, arXiv:1805.09921"
    summary = "one forward pass gives a distribution over the head's weights; predictions are averaged over it"
    cost = Cost("feed-forward", "E_T -log 1/L Σ_l p(Q | ψ_l),  ψ_l ~ q(ψ | S) made by one forward pass over S")
    outer = Outer(optimizer="adam", lr=1e-3)
    needs_training = "the network that makes the weights of a class is learned"
    network = "conv4"
    meta_batch = 16
    any_ways = True
    kinds = ("classification",)
    recipes = (_recipe(5, 1, 80_000), _recipe(5, 5, 80_000), _recipe(20, 1, 100_000), _recipe(20, 5, 60_000))

    samples: int = 10
    """draws L from the posterior, in training and on a new task"""

    def __post_init__(self) -> None:
        require_positive(self, "samples")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Build the backbone and the four networks. Each task makes its own head."""
        return _Amortised(backbone, feature_size(backbone, spec))

    def adapt(self, net: nn.Module, support: Examples) -> Posterior:
        parts = _parts(net)
        means = class_means(parts.backbone(support.x), support.y)  # [ways, features]
        return Posterior(
            weight_mean=parts.weight_mean(means),
            weight_log_variance=parts.weight_log_variance(means),
            bias_mean=parts.bias_mean(means)[:, 0],
            bias_log_variance=parts.bias_log_variance(means)[:, 0],
            noise=class_noise(support, (self.samples,), like=means),
        )

    def predict(self, net: nn.Module, state: Posterior, x: Tensor) -> Tensor:
        return log_mean_probability(self._logits(net, state, x))

    def distribution(self, net: nn.Module, state: Posterior, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the class probabilities over the draws: two ``[m, ways]``."""
        probabilities = self._logits(net, state, x).softmax(-1)
        return probabilities.mean(0), probabilities.std(0, correction=0)

    def _logits(self, net: nn.Module, state: Posterior, x: Tensor) -> Tensor:
        """The logits for every draw: ``[samples, m, ways]``."""
        features: Tensor = _parts(net).backbone(x)  # [m, features]
        mean = features @ state.weight_mean.mT + state.bias_mean  # [m, ways]
        variance = features.square() @ state.weight_log_variance.exp().mT + state.bias_log_variance.exp()
        return mean + variance.sqrt() * state.noise.mT[:, None]

    def training_sizes(self, test: Sizes) -> Sizes:
        """15 queries per class, as in the authors' code."""
        return replace(test, queries=15)
