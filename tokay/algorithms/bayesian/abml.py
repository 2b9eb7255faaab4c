"""Amortised Bayesian meta-learning (Ravi & Beatson, ICLR 2019, openreview rkgpy3C5tX).

Learns a prior over the weights of a network: p(φ | θ) = N(μ_θ, σ²_θ), with a mean and a spread for every weight. The
posterior of a task, q = N(μ, σ²), starts at the prior and takes ``inner_steps`` gradient steps on the variational cost of S:

    (μ, ρ) <- (μ, ρ) - α ∇ [ E_q L_S(φ) + kl_weight KL(q || p(φ | θ)) ],     σ = exp ρ,     φ = μ + σ ε,

    minimise  E_q L_Q(φ) + kl_weight KL(q || p(φ | θ)) + hyper_weight [ Σ μ_θ²/2 + b/σ_θ² - (a - 1) log 1/σ_θ² ].

E_q is a mean over ``samples`` draws, new ones at every step, and over ``query_samples`` draws for Q. The gradient flows
through φ, and the meta-gradient through the inner steps. The last term is -log of N(0, 1) on means and of
Gamma(a = 1, b = 0.01) on precisions, up to a constant. A prediction is the mean over draws of the class probabilities (or of
the values).

We know of no code by the authors. Deviations from the paper:
- The cost uses the likelihood of Q; the paper uses that of S and Q together.
- L is a mean over examples, so ``kl_weight`` contains the 1/N of the variational bound and the paper's re-weighting.
  N(0, 1) and Gamma count once per task, weighted by ``hyper_weight`` only.
- Spreads, rates, steps and numbers of samples are our own defaults. With spread σ the KL has curvature kl_weight/σ², and
  steps of α > 2 σ²/kl_weight diverge. So ``kl_weight`` is small.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_not_negative, require_positive
from ...core.cost import Cost
from ...core.inner.descent import SGD, Params, descend, forward, last, trainable
from ...core.network import with_head
from ...core.objectives import Metrics, metrics, objective
from ...core.probability.gaussians import WithSpreads, log_mean_probability, sampled_weights, split_spreads, weights_kl
from ...core.probability.noise import task_seed
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Kind, Task, TaskSpec, kind_of

RATE: dict[Kind, float] = {"classification": 0.5, "regression": 0.01}
# b of the paper's hyper-prior on precisions, Gamma(a, b). With a = 1 its density has no logarithm.
GAMMA_RATE = 0.01


class Posterior(NamedTuple):
    """The state of a task: N(mean, exp(log_std)²) over its weights, and what is needed to draw from it."""

    mean: Params
    log_std: Params
    seed: Tensor  # of the support set
    kind: Kind  # draws are averaged as probabilities or as values


def _merge(mean: Params, log_std: Params) -> Params:
    """Put means and log standard deviations in one mapping, for the inner optimizer."""
    return {f"mean.{n}": m for n, m in mean.items()} | {f"log_std.{n}": s for n, s in log_std.items()}


def _split(params: Params) -> tuple[Params, Params]:
    """Undo ``_merge``."""
    mean = {name.removeprefix("mean."): p for name, p in params.items() if name.startswith("mean.")}
    return mean, {name: params[f"log_std.{name}"] for name in mean}


def _average(outputs: Tensor, kind: Kind) -> Tensor:
    """Average draws ``[samples, m, d]`` to ``[m, d]``: the log of the mean probability, or the mean value."""
    return log_mean_probability(outputs) if kind == "classification" else outputs.mean(0)


@dataclass(frozen=True, kw_only=True)
class ABML(Algorithm[Posterior], name="abml"):
    """ABML: MAML with a mean and a spread for each weight; a few steps on both give the posterior of a task.

    State: a ``Posterior``: means and log standard deviations, one tensor per parameter of the network.

    Use it if you need the uncertainty of a prediction, for classes or real targets: probabilities and values are averages
    over draws. Prefer MAML if you need only the prediction: it is much cheaper.

    >>> net = ABML().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = ABML().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(rho.shape) for name, rho in state.log_std.items()}
    {'head.weight': (2, 3), 'head.bias': (2,)}
    """

    reference = "Ravi & Beatson, 2019, ICLR, openreview rkgpy3C5tX"
    summary = "a prior over weights from which a few variational steps give a task's posterior"
    cost = Cost(
        "information-theoretic", "E_T [E_q L_Q(φ) + β KL(q || p(φ | θ))],  q a few steps from p on the same cost of S"
    )
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4-mean"
    meta_batch = 4
    recipes = (
        Recipe(
            name="abml-omniglot-5w1s",
            source="omniglot",
            steps=60_000,
            checks=(Check(name="5w1s"),),
            note="our own setting on Omniglot; the paper uses mini-ImageNet and CIFAR-100",
        ),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "class_permutation": "the draws belong to the rows of the head, and do not follow the classes",
        "refuses[kl_weight=0]": "with 0 only the likelihood counts",
        "refuses[hyper_weight=0]": "with 0 there is no hyper-prior",
    }

    inner_lr: float | None = None
    """step size α of the inner steps (default: 0.5 for classes, 0.01 for real targets)"""
    inner_steps: int = 3
    """inner steps in training"""
    test_steps: int = 5
    """inner steps on a new task"""
    samples: int = 2
    """draws per inner step"""
    query_samples: int = 2
    """draws for the queries in training"""
    test_samples: int = 10
    """draws for the queries of a new task"""
    kl_weight: float = 1e-5
    """weight of the KL divergence from the prior, summed over all network weights"""
    hyper_weight: float = 1e-8
    """weight of the hyper-prior, summed over all network weights"""
    std: float = 0.01
    """initial standard deviation of the prior"""

    def __post_init__(self) -> None:
        require_positive(
            self, "inner_lr", "inner_steps", "test_steps", "samples", "query_samples", "test_samples", "std"
        )
        require_not_negative(self, "kl_weight", "hyper_weight")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Build the backbone and a linear head, whose weights are the means, and a spread for each weight."""
        return WithSpreads(with_head(backbone, spec), self.std)

    def path(self, net: nn.Module, support: Examples) -> Iterator[Posterior]:
        """Yield the posterior after every inner step. The first one is the prior."""
        network, prior_log_std = split_spreads(net)
        prior, seed, kind = trainable(network), task_seed(support), kind_of(support.y)

        def cost(params: Params, step: int) -> Tensor:
            mean, log_std = _split(params)
            draws = [sampled_weights(mean, log_std, seed, stream=s) for s in self._streams(step)]
            losses = torch.stack([objective(forward(network, draw, support.x), support.y) for draw in draws])
            return losses.mean() + self.kl_weight * weights_kl(mean, log_std, prior, prior_log_std)

        rate = SGD(self.inner_lr or RATE[kind])
        for params in descend(cost, _merge(prior, prior_log_std), range(self.inner_steps), rate):
            yield Posterior(*_split(params), seed, kind)

    def adapt(self, net: nn.Module, support: Examples) -> Posterior:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Posterior, x: Tensor) -> Tensor:
        return _average(self._outputs(net, state, x), state.kind)

    def distribution(self, net: nn.Module, state: Posterior, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over the draws, two ``[m, d]``: of the class probabilities, or of the values.

        The spread of values is that of the weights alone: it does not contain the noise of the targets.
        """
        outputs = self._outputs(net, state, x)
        values = outputs.softmax(-1) if state.kind == "classification" else outputs
        return values.mean(0), values.std(0, correction=0)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The variational cost of the query set plus the hyper-prior. The metrics are those of the averaged draws."""
        state = self.adapt(net, task.support)
        outputs = self._outputs(net, state, task.query.x)
        expected_loss = torch.stack([objective(output, task.query.y) for output in outputs.unbind()]).mean()
        network, prior_log_std = split_spreads(net)
        prior = trainable(network)
        kl = weights_kl(state.mean, state.log_std, prior, prior_log_std)
        hyper = [prior[n].square().sum() / 2 + GAMMA_RATE * (-2 * rho).exp().sum() for n, rho in prior_log_std.items()]
        cost = expected_loss + self.kl_weight * kl + self.hyper_weight * torch.stack(hyper).sum()
        return cost, metrics(_average(outputs, state.kind), task.query.y)

    def _streams(self, step: int) -> range:
        """The random streams of an inner step: odd numbers. The queries use the even ones."""
        return range(2 * step * self.samples + 1, 2 * (step + 1) * self.samples + 1, 2)

    def _outputs(self, net: nn.Module, state: Posterior, x: Tensor) -> Tensor:
        """The output of the network for every draw: ``[query_samples, m, d]``."""
        network, _ = split_spreads(net)
        draws = [
            sampled_weights(state.mean, state.log_std, state.seed, stream=2 * i) for i in range(self.query_samples)
        ]
        return torch.stack([forward(network, draw, x) for draw in draws])

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps, query_samples=self.test_samples)
