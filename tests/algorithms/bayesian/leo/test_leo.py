"""LEO against its equation written out with plain autograd."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from tokay import LEO, ConfigError, Examples, Sizes, Task, TaskSpec, one_hot, over_tasks
from tokay.algorithms.bayesian.leo.latent_head import LatentHead, orthogonality
from tokay.core.probability.gaussians import class_noise
from tokay.core.probability.noise import task_seed, uniform

FEATURES, LATENTS, WAYS = 6, 3, 3
FREE = {"kl_weight": 0.0, "encoder_penalty": 0.0, "orthogonality": 0.0, "l2": 0.0}


def examples(shots: int = 2) -> Examples:
    labels = torch.arange(WAYS).repeat(shots)
    return Examples(torch.randn(len(labels), 4, dtype=torch.float64), one_hot(labels, WAYS))


def task() -> Task:
    return Task(examples(), examples(shots=3))


def method(**settings: Any) -> LEO:
    """All randomness is on, and every term of the cost is large enough to matter."""
    usual: dict[str, Any] = {
        "latents": LATENTS,
        "latent_steps": 3,
        "tuning_steps": 2,
        "inner_lr": 0.7,
        "tuning_lr": 0.3,
    }
    usual |= {"dropout": 0.4, "kl_weight": 0.5, "encoder_penalty": 2.0, "orthogonality": 0.9, "l2": 0.1}
    return LEO(**usual | settings)


def network(leo: LEO) -> LatentHead:
    backbone = nn.Sequential(nn.Linear(4, FEATURES), nn.Tanh())
    net = leo.build(backbone, TaskSpec(x_shape=(4,), y_dim=WAYS)).double()
    assert isinstance(net, LatentHead)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.rand_like(p))
    return net


def unit(net: LatentHead, x: Tensor) -> Tensor:
    return torch.stack([f / (f @ f) ** 0.5 for f in net.backbone(x)])


def by_hand(leo: LEO, net: LatentHead, task: Task, *, terms: bool = True) -> Tensor:
    (x, y), (query_x, query_y) = task
    labels, f = y.int().argmax(1).long(), unit(net, x)

    def mask(stream: int) -> Tensor:
        draw = uniform(task_seed(task.support), (FEATURES,), stream=stream, like=f)
        return torch.where(draw < leo.dropout, 0.0, torch.ones_like(draw) / (1 - leo.dropout))

    def support_loss(weight: Tensor, step: int) -> Tensor:
        return F.cross_entropy((f * mask(1 + step)) @ weight.T, labels)

    def decode(z: Tensor, step: int) -> Tensor:
        mean, u = (z @ net.decoder.weight.T).split(FEATURES, 1)
        spread = math.sqrt(2 / (WAYS + FEATURES)) * torch.where(u < 0, u.exp(), 1 + u)
        return mean + spread * class_noise(task.support, (FEATURES,), stream=1 + step, like=f)

    mean, log_std = net.codes(f, y)
    start = z = mean + log_std.exp() * class_noise(task.support, (LATENTS,), like=f)
    for step in range(leo.latent_steps):
        z = z - net.latent_rate * torch.autograd.grad(support_loss(decode(z, step), step), z, create_graph=True)[0]
    w = decode(z, leo.latent_steps)
    for step in range(leo.latent_steps, leo.latent_steps + leo.tuning_steps):
        w = w - net.tuning_rate * torch.autograd.grad(support_loss(w, step), w, create_graph=True)[0]
    cost = F.cross_entropy((unit(net, query_x) * mask(0)) @ w.T, query_y.int().argmax(1).long())
    if not terms:
        return cost
    rows = net.decoder.weight.T  # one vector per latent
    correlations = [F.cosine_similarity(a, b, dim=0) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    weights = [p for name, p in net.named_parameters() if name.endswith("weight") and "backbone" not in name]
    return (
        cost
        + leo.kl_weight * kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0)).mean()
        + leo.encoder_penalty * ((z.detach() - start) ** 2).mean()
        + leo.orthogonality * sum(c**2 for c in correlations) / LATENTS**2
        + leo.l2 * sum((p**2).sum() for p in weights) / 2
    )


def gradients(cost: Tensor, net: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(cost, list(net.parameters()), allow_unused=True, materialize_grads=True))


def test_cost_and_meta_gradient_are_those_of_the_equation() -> None:
    leo = method()
    net, one = network(leo), task()
    cost, report = leo.loss(net, one)
    torch.testing.assert_close(cost, by_hand(leo, net, one), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(report["loss"], by_hand(leo, net, one, terms=False), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradients(cost, net), gradients(by_hand(leo, net, one), net), rtol=1e-9, atol=1e-12)


def test_a_new_task_may_have_more_steps_on_its_head_than_a_training_task() -> None:
    leo = method(test_tuning_steps=4)
    net, support = network(leo), examples()
    codes = 1 + leo.latent_steps  # also the state before the first step
    assert len(list(leo.path(net, support))) == codes + 2
    longer, usual = (list(setting.at_test().path(net, support)) for setting in (leo, method()))
    assert (len(longer), len(usual)) == (codes + 4, codes + 2)
    torch.testing.assert_close(longer[: len(usual)], usual)


def test_without_its_penalties_it_minimises_the_query_loss() -> None:
    leo = method(**FREE)
    cost, report = leo.loss(network(leo), task())
    assert float(cost.detach()) == float(report["loss"].detach())


@pytest.mark.parametrize("name", ["kl_weight", "encoder_penalty", "orthogonality", "l2"])
def test_every_penalty_is_positive_and_in_proportion(name: str) -> None:
    free = method(**FREE)
    net, one = network(free), task()
    none, single, double = (float(method(**FREE | {name: w}).loss(net, one)[0].detach()) for w in (0.0, 0.5, 1.0))
    assert single > none
    assert double - none == pytest.approx(2 * (single - none), rel=1e-9)


def test_meta_gradient_by_finite_differences() -> None:
    """With steps too small to cross a kink. Those of the conformance suite are too large for LEO."""
    leo = method(encoder_penalty=0.0)
    net, one = network(leo), task()
    direction = [torch.randn_like(p) for p in net.parameters()]
    predicted = float(sum((g * d).sum() for g, d in zip(gradients(leo.loss(net, one)[0], net), direction, strict=True)))

    def cost(distance: float) -> float:
        with torch.no_grad():
            for p, d in zip(net.parameters(), direction, strict=True):
                p.add_(d, alpha=distance)
            value = float(leo.loss(net, one)[0])
            for p, d in zip(net.parameters(), direction, strict=True):
                p.sub_(d, alpha=distance)
        return value

    assert (cost(1e-6) - cost(-1e-6)) / 2e-6 == pytest.approx(predicted, rel=1e-6)


def test_new_tasks_are_learned_by_means_and_all_features() -> None:
    leo = method().at_test()
    assert leo == method(stochastic=False)
    net, one = network(leo), task()
    first, *rest = leo.path(net, one.support)
    mean, _ = net.codes(unit(net, one.support.x), one.support.y)
    torch.testing.assert_close(first.codes, mean)
    torch.testing.assert_close(first.weight, net.decode(mean)[0])
    assert all(bool((state.mask == 1).all()) for state in rest)
    again = replace(method(dropout=0.0), stochastic=False)
    for a, b in zip(leo.path(net, one.support), again.path(net, one.support), strict=True):
        torch.testing.assert_close(a.weight, b.weight)


def test_the_path_goes_down_first_on_codes_then_on_weights() -> None:
    leo = method(stochastic=False, inner_lr=0.2, tuning_lr=0.1)
    net, one = network(leo), task()
    path = list(leo.path(net, one.support))
    assert len(path) == 1 + 3 + 2
    losses = [float(F.cross_entropy(leo.predict(net, s, one.support.x), one.support.y.double()).detach()) for s in path]
    assert losses == sorted(losses, reverse=True)
    assert len({float(state.codes[0, 0].detach()) for state in path}) == 4  # then the codes stay constant
    assert len({float(state.weight[0, 0].detach()) for state in path}) == 6


def test_every_draw_of_a_task_is_another_one() -> None:
    leo = method(latent_steps=4, dropout=0.5)
    net, supports = network(leo), [examples() for _ in range(400)]
    parts = [torch.stack(column) for column in zip(*supports, strict=True)]
    masks = over_tasks(lambda one: leo.adapt(net, one.support).mask, Task(Examples(*parts), Examples(*parts)))
    assert set(masks.flatten().tolist()) == {0.0, 2.0}
    assert abs(float(masks.mean()) - 1) < 0.08
    one = supports[0]
    with torch.no_grad():
        net.latent_rate.zero_()  # the codes stay constant, so the steps differ only in their draws
    weights = [state.weight for state in leo.path(net, one)][:5]
    assert len({float(weight[0, 0].detach()) for weight in weights}) == 5


def test_a_code_is_no_longer_than_the_features() -> None:
    net = LEO().build(nn.Identity(), TaskSpec(x_shape=(5,), y_dim=2))
    assert isinstance(net, LatentHead)
    assert net.latent_rate.shape == (5,)
    assert net.tuning_rate.tolist() == pytest.approx([LEO().tuning_lr] * 5)
    assert float(orthogonality(torch.eye(4))) == 0.0


@pytest.mark.parametrize("shots", [1, 5])
def test_the_recipes_step_as_the_authors_do(shots: int) -> None:
    """The authors' step: a code for each example, the mean of their logits, the sum of the losses, rates 1 and 1e-3."""
    ways = 5
    words = LEO.recipes[0 if shots == 1 else 1].flags.split()
    rates = {
        name: float(words[words.index(flag) + 1])
        for name, flag in (("inner_lr", "--inner-lr"), ("tuning_lr", "--tuning-lr"))
    }
    assert f"--shots {shots}" in " ".join(words)
    leo = method(latent_steps=2, stochastic=False, **rates)
    net = leo.build(nn.Linear(4, FEATURES), TaskSpec(x_shape=(4,), y_dim=ways)).double()
    assert isinstance(net, LatentHead)
    labels = torch.arange(ways).repeat(shots)
    support = Examples(torch.randn(len(labels), 4, dtype=torch.float64), one_hot(labels, ways))

    f = unit(net, support.x)

    def summed_loss(weights: Tensor) -> Tensor:  # weights [ways, shots, features]
        logits = torch.stack([f @ weights[:, copy].T for copy in range(shots)]).mean(0)
        return F.cross_entropy(logits, labels, reduction="sum")

    def decode(z: Tensor) -> Tensor:
        return (z @ net.decoder.weight.T)[..., :FEATURES]

    mean, _ = net.codes(f, support.y)
    z = mean[:, None].expand(ways, shots, LATENTS)
    for _ in range(2):
        z = z - 1.0 * torch.autograd.grad(summed_loss(decode(z)), z)[0]
    w = decode(z)
    for _ in range(2):
        w = w - 1e-3 * torch.autograd.grad(summed_loss(w), w)[0]
    state = leo.adapt(net, support)
    torch.testing.assert_close(state.codes, z.mean(1), rtol=1e-6, atol=1e-9)  # rates are float32
    torch.testing.assert_close(state.weight, w.mean(1), rtol=1e-6, atol=1e-9)


def test_the_encoder_drops_features_in_training_alone() -> None:
    leo = method(encoder_dropout=0.5)
    net, one = network(leo), task()
    f = unit(net, one.support.x)
    draw = uniform(task_seed(one.support), (FEATURES,), stream=-1, like=f)
    mask = torch.where(draw < 0.5, 0.0, 2.0)
    assert 0 < int(mask.count_nonzero()) < FEATURES
    mean, log_std = net.codes(f * mask, one.support.y)
    initial = next(iter(leo.path(net, one.support)))
    torch.testing.assert_close(
        initial.codes, mean + log_std.exp() * class_noise(one.support, (LATENTS,), like=f), rtol=1e-12, atol=1e-12
    )
    kl = leo.loss(net, one)[0] - method(encoder_dropout=0.5, kl_weight=0.0).loss(net, one)[0]
    torch.testing.assert_close(kl, 0.5 * kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0)).mean())
    for a, b in zip(leo.at_test().path(net, one.support), method().at_test().path(net, one.support), strict=True):
        assert torch.equal(a.weight, b.weight)


def test_the_recipes_drop_the_same_share_before_the_encoder() -> None:
    for recipe, share in zip(LEO.recipes, ("0.307651", "0.300299"), strict=True):
        assert f"--encoder-dropout {share}" in recipe.flags
        assert LEO().dropout == 0.307651 if share == "0.307651" else f" --dropout {share}" in recipe.flags


def test_settings() -> None:
    assert LEO().training_sizes(Sizes(ways=5, shots=5, queries=3)) == Sizes(ways=5, shots=5, queries=15)
    for name in ("dropout", "encoder_dropout", "kl_weight", "encoder_penalty", "orthogonality", "l2"):
        with pytest.raises(ConfigError, match=rf"^leo: {name} must not be negative, got -0.1"):
            LEO(**{name: -0.1})
    for name in ("dropout", "encoder_dropout"):
        with pytest.raises(ConfigError, match=rf"^leo: {name} must be below 1, got 1.0"):
            LEO(**{name: 1.0})
    with pytest.raises(TypeError, match=r"^leo: `net` must come from LEO\(\)"):
        LEO().adapt(nn.Identity(), examples())


def test_large_steps_on_codes_do_not_run_away() -> None:
    """With exp(u) also for u > 0, the weights of one task went to infinity."""
    leo = method(inner_lr=100.0, latent_steps=10, dropout=0.0)
    net = network(leo)
    for seed in range(20):
        torch.manual_seed(seed)
        cost, _ = leo.loss(net, task())
        assert float(cost.detach()) < 1e6
        assert all(bool(torch.isfinite(g).all()) for g in gradients(cost, net))
