"""ABML without spreads against MAML; ABML against its equation, with autograd and a loop over draws."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Gamma, Normal, kl_divergence
from torch.func import functional_call

from tokay import ABML, MAML, ConfigError, Examples, Task, TaskSpec, one_hot
from tokay.core.probability.gaussians import WithSpreads
from tokay.core.probability.noise import gaussian, task_seed

ONLY_QUERY: dict[str, Any] = {"kl_weight": 0.0, "hyper_weight": 0.0}


def task(kind: str) -> Task:
    def examples(n: int) -> Examples:
        x = torch.randn(n, 4, dtype=torch.float64)
        y = one_hot(torch.arange(n) % 3, 3) if kind == "classification" else torch.randn(n, 3, dtype=torch.float64)
        return Examples(x, y)

    return Task(examples(6), examples(9))


def network(abml: ABML, std: float | None = None) -> WithSpreads:
    backbone = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
    net = abml.build(backbone, TaskSpec(x_shape=(4,), y_dim=3)).double()
    assert isinstance(net, WithSpreads)
    with torch.no_grad():
        for rho in net.each:
            rho.copy_(math.log(std) if std else -2 + 0.3 * torch.randn_like(rho))
    return net


def objective(outputs: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(outputs, y.int().argmax(1).long()) if y.dtype == torch.bool else F.mse_loss(outputs, y)


each_kind = pytest.mark.parametrize("kind", ["classification", "regression"])


@each_kind
def test_without_spreads_it_is_maml(kind: str) -> None:
    """Values, state and meta-gradients of the means are equal."""
    abml = ABML(inner_lr=0.3, inner_steps=3, samples=2, **ONLY_QUERY)
    maml = MAML(inner_lr=0.3, inner_steps=3)
    net, one = network(abml, std=1e-30), task(kind)
    state, fast = abml.adapt(net, one.support), maml.adapt(net.net, one.support)
    torch.testing.assert_close(dict(state.mean), dict(fast), rtol=1e-12, atol=1e-14)
    (cost, report), (expected, maml_report) = abml.loss(net, one), maml.loss(net.net, one)
    torch.testing.assert_close(cost, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(dict(report), dict(maml_report), rtol=1e-12, atol=1e-14)
    weights = list(net.net.parameters())
    gradient = torch.autograd.grad(cost, weights)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, weights), rtol=1e-10, atol=1e-14)
    outputs, logits = abml.predict(net, state, one.query.x), maml.predict(net.net, fast, one.query.x)
    torch.testing.assert_close(outputs, logits.log_softmax(-1) if kind == "classification" else logits)


def by_hand(abml: ABML, net: WithSpreads, task: Task) -> tuple[Tensor, Tensor]:
    """The cost in the docstring of the module, and the outputs for the queries."""
    names = list(net.names)
    prior, prior_rho = [dict(net.net.named_parameters())[n] for n in names], list(net.each)
    numbers, seed = sum(p.numel() for p in prior), task_seed(task.support)

    def outputs(mu: list[Tensor], rho: list[Tensor], x: Tensor, streams: list[int]) -> list[Tensor]:
        values = []
        for stream in streams:
            eps, start, draw = gaussian(seed, (numbers,), stream=stream, like=x), 0, {}
            for name, m, r in zip(names, mu, rho, strict=True):
                draw[name] = m + r.exp() * eps[start : start + m.numel()].reshape(m.shape)
                start += m.numel()
            values.append(functional_call(net.net, draw, (x,)))
        return values

    def divergence(mu: list[Tensor], rho: list[Tensor]) -> Tensor:
        pairs = zip(mu, rho, prior, prior_rho, strict=True)
        return sum(kl_divergence(Normal(m, r.exp()), Normal(pm, pr.exp())).sum() for m, r, pm, pr in pairs)

    def variational(mu: list[Tensor], rho: list[Tensor], part: Examples, streams: list[int]) -> Tensor:
        losses = [objective(output, part.y) for output in outputs(mu, rho, part.x, streams)]
        return sum(losses) / len(streams) + abml.kl_weight * divergence(mu, rho)

    mu, rho = prior, prior_rho
    for step in range(abml.inner_steps):
        cost = variational(mu, rho, task.support, [1, 3, 5] if step == 0 else [7, 9, 11])
        grads = torch.autograd.grad(cost, [*mu, *rho], create_graph=True)
        stepped = [p - abml.inner_lr * g for p, g in zip([*mu, *rho], grads, strict=True)]
        mu, rho = stepped[: len(mu)], stepped[len(mu) :]
    # Densities up to a constant: the density of N(0, 1) at 0 and of Gamma at 0.
    one, rate = torch.tensor([1.0, 0.01], dtype=torch.float64)
    hyper = sum(-(Normal(0 * one, one).log_prob(p) + math.log(math.sqrt(2 * math.pi))).sum() for p in prior)
    hyper -= sum((Gamma(one, rate).log_prob((-2 * r).exp()) - math.log(0.01)).sum() for r in prior_rho)
    cost = variational(mu, rho, task.query, [0, 2, 4, 6]) + abml.hyper_weight * hyper
    return cost, torch.stack(outputs(mu, rho, task.query.x, [0, 2, 4, 6]))


@each_kind
def test_cost_and_meta_gradient_are_those_of_the_equation(kind: str) -> None:
    abml = ABML(inner_lr=0.1, inner_steps=2, samples=3, query_samples=4, kl_weight=0.02, hyper_weight=0.03)
    net, one = network(abml), task(kind)
    cost, report = abml.loss(net, one)
    expected, outputs = by_hand(abml, net, one)
    torch.testing.assert_close(cost, expected, rtol=1e-11, atol=1e-13)
    weights = list(net.parameters())
    gradient = torch.autograd.grad(expected, weights)
    torch.testing.assert_close(torch.autograd.grad(cost, weights), gradient, rtol=1e-8, atol=1e-11)
    mean = outputs.softmax(-1).mean(0).log() if kind == "classification" else outputs.mean(0)
    prediction = abml.predict(net, abml.adapt(net, one.support), one.query.x)
    torch.testing.assert_close(prediction, mean, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(report["loss"], objective(mean, one.query.y), rtol=1e-11, atol=1e-13)


def test_a_step_is_the_slope_of_the_support_sets_cost() -> None:
    """Finite differences in the means and the spreads, for one inner step."""
    abml = ABML(inner_lr=0.1, inner_steps=1, samples=3, kl_weight=0.02)
    net, one = network(abml), task("classification")
    initial, adapted = abml.path(net, one.support)

    def cost(shift: float, spreads: bool, name: str) -> float:
        total = 0.0
        for stream in (1, 3, 5):
            eps, start, draw = gaussian(initial.seed, (43,), stream=stream, like=one.support.x), 0, {}
            for n, m in initial.mean.items():
                mean, rho = m.detach().clone(), initial.log_std[n].detach().clone()
                if n == name:
                    (rho if spreads else mean).view(-1)[1] += shift
                draw[n] = mean + rho.exp() * eps[start : start + m.numel()].view_as(m)
                start += m.numel()
            total += float(objective(functional_call(net.net, draw, (one.support.x,)), one.support.y)) / 3
        return total  # the KL and its gradient are 0 at the prior

    for name in initial.mean:
        for spreads, part in ((False, "mean"), (True, "log_std")):
            slope = (cost(1e-5, spreads, name) - cost(-1e-5, spreads, name)) / 2e-5
            change = (getattr(adapted, part)[name] - getattr(initial, part)[name]).detach().view(-1)[1]
            assert float(change) == pytest.approx(-0.1 * slope, rel=1e-5, abs=1e-10)


def test_the_divergence_holds_the_posterior_back() -> None:
    one, distances = task("classification"), []
    for weight in (0.0, 1e-3, 1e-2):
        abml = ABML(inner_lr=0.1, inner_steps=4, kl_weight=weight)
        torch.manual_seed(0)
        net = network(abml)
        first, *_, end = abml.path(net, one.support)
        distances.append(sum(float((end.mean[n] - first.mean[n]).detach().square().sum()) for n in end.mean))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.9 * distances[0]


def test_wider_spreads_are_less_certain() -> None:
    one, entropies = task("classification"), []
    for std in (1e-3, 3.0):
        abml = ABML(inner_lr=1e-6, inner_steps=1, query_samples=30, **ONLY_QUERY)
        torch.manual_seed(0)
        net = network(abml, std=std)
        with torch.no_grad():
            net.net.head.weight.mul_(20)  # confident without spreads
        log_p = abml.predict(net, abml.adapt(net, one.support), one.query.x)
        torch.testing.assert_close(log_p.exp().sum(1), torch.ones(9, dtype=torch.float64))
        entropies.append(float(-(log_p.exp() * log_p).sum(1).mean().detach()))
    assert entropies[0] < 0.5 < 0.8 < entropies[1]


def test_every_draw_is_another_one() -> None:
    abml = ABML(samples=3, query_samples=4, inner_steps=2, inner_lr=1e-12, **ONLY_QUERY)
    net, one = network(abml), task("regression")
    outputs = abml._outputs(net, abml.adapt(net, one.support), one.query.x)
    assert len(outputs[:, 0, 0].unique()) == 4
    streams = [set(abml._streams(step)) for step in range(3)]
    assert set.union(*streams) == {1, 3, 5, 7, 9, 11, 13, 15, 17}
    assert [len(s) for s in streams] == [3, 3, 3]


def test_settings() -> None:
    abml = ABML(inner_steps=2, test_steps=7, samples=3, query_samples=4, test_samples=9)
    assert abml.at_test() == ABML(inner_steps=7, test_steps=7, samples=3, query_samples=9, test_samples=9)
    assert len(list(abml.at_test().path(network(abml), task("regression").support))) == 8
    for name in ("kl_weight", "hyper_weight"):
        with pytest.raises(ConfigError, match=rf"^abml: {name} must not be negative, got -1"):
            ABML(**{name: -1.0})
    net = abml.build(nn.Linear(4, 5), TaskSpec(x_shape=(4,), y_dim=3))
    assert isinstance(net, WithSpreads)
    assert all(torch.allclose(rho.exp(), torch.tensor(ABML().std)) for rho in net.each)
    with pytest.raises(TypeError, match="must be a WithSpreads network"):
        abml.adapt(nn.Linear(4, 3), task("regression").support)


@pytest.mark.parametrize("kind, rate", [("classification", 0.5), ("regression", 0.01)])
def test_a_rate_that_is_left_out_is_of_the_kind(kind: str, rate: float) -> None:
    net, support = network(ABML()), task(kind).support
    default, explicit = ABML().adapt(net, support), ABML(inner_lr=rate).adapt(net, support)
    assert all(torch.equal(default.mean[name], explicit.mean[name]) for name in explicit.mean)
