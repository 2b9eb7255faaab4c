"""VERSA against a loop over samples, classes and queries; VERSA without variance against a linear classifier."""

import math

import pytest
import torch
from torch import Tensor, nn

from tokay import VERSA, Examples, Sizes, Task, TaskSpec, one_hot, over_tasks
from tokay.core.probability.gaussians import class_noise

FEATURES = 4


def examples(ways: int = 3, shots: int = 2) -> Examples:
    labels = torch.arange(ways).repeat(shots)
    return Examples(torch.randn(len(labels), 5, dtype=torch.float64), one_hot(labels, ways))


def network() -> nn.Module:
    backbone = nn.Sequential(nn.Linear(5, FEATURES), nn.Tanh())
    net = VERSA().build(backbone, TaskSpec(x_shape=(5,), y_dim=3)).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return net


def dense(layers: nn.Module, h: Tensor) -> Tensor:
    """Three layers with ELU after the first two, written out."""
    assert isinstance(layers, nn.Sequential)
    first, _, second, _, third = layers
    for layer in (first, second):
        h = layer.weight @ h + layer.bias
        h = torch.where(h > 0, h, h.exp() - 1)
    h = third.weight @ h
    return h if third.bias is None else h + third.bias


def test_the_predictive_is_a_loop_over_samples() -> None:
    net, support, query = network(), examples(), examples(shots=3)
    versa = VERSA(samples=6)
    noise = class_noise(support, (6,), like=support.x)  # [ways, samples]
    total = 0.0
    for x, y in zip(*query, strict=True):
        f = net.backbone(x[None])[0]
        mean_probability = 0.0
        for sample in range(6):
            logits = []
            for c in range(3):
                members = [net.backbone(x[None])[0] for x, y in zip(*support, strict=True) if y[c]]
                h = sum(members) / len(members)
                mean = f @ dense(net.weight_mean, h) + dense(net.bias_mean, h)[0]
                variance = (f**2) @ dense(net.weight_log_variance, h).exp() + dense(net.bias_log_variance, h)[0].exp()
                logits.append(mean + variance**0.5 * noise[c, sample])
            powers = [logit.exp() for logit in logits]
            mean_probability += powers[int(y.int().argmax())] / sum(powers) / 6
        total -= mean_probability.log()
    cost, report = versa.loss(net, Task(support, query))
    expected = total / len(query.x)
    torch.testing.assert_close(cost, expected, rtol=1e-12, atol=1e-12)
    weights = list(net.parameters())
    gradient = torch.autograd.grad(expected, weights)
    torch.testing.assert_close(torch.autograd.grad(cost, weights), gradient, rtol=1e-9, atol=1e-12)
    assert report["loss"] is cost


def test_drawing_logits_is_drawing_weights() -> None:
    """Drawing weights from the posterior gives the same predictive distribution as drawing logits."""
    net, support, query = network(), examples(), examples(shots=1)
    state = VERSA().adapt(net, support)
    f, n = net.backbone(query.x), 100_000
    w = state.weight_mean + (state.weight_log_variance / 2).exp() * torch.randn(n, 3, FEATURES, dtype=torch.float64)
    b = state.bias_mean + (state.bias_log_variance / 2).exp() * torch.randn(n, 3, dtype=torch.float64)
    logits = torch.einsum("mf,ncf->nmc", f, w) + b[:, None]
    expected = logits.softmax(-1).mean(0)
    state = state._replace(noise=torch.randn(3, n, dtype=torch.float64))
    torch.testing.assert_close(VERSA().predict(net, state, query.x).exp(), expected, rtol=0, atol=0.01)


def test_without_variance_it_is_an_amortised_classifier() -> None:
    net, support, query = network(), examples(), examples()
    state = VERSA().adapt(net, support)
    narrow = state._replace(
        weight_log_variance=torch.full_like(state.weight_log_variance, -200.0),
        bias_log_variance=torch.full_like(state.bias_log_variance, -200.0),
    )
    logits = net.backbone(query.x) @ state.weight_mean.mT + state.bias_mean
    torch.testing.assert_close(VERSA().predict(net, narrow, query.x), logits.log_softmax(-1), rtol=1e-12, atol=1e-12)


def test_more_variance_is_less_certainty() -> None:
    net, support, query = network(), examples(), examples()
    state = VERSA(samples=200).adapt(net, support)
    entropies = []
    for log_variance in (-8.0, 0.0, 4.0, 8.0):
        wide = state._replace(weight_log_variance=torch.full_like(state.weight_log_variance, log_variance))
        log_p = VERSA().predict(net, wide, query.x)
        entropies.append(float(-(log_p.exp() * log_p).sum(-1).mean().detach()))
    assert entropies == sorted(entropies)
    assert entropies[-1] < math.log(3)


def test_shots_enter_by_their_mean() -> None:
    """Using every example twice, or the mean feature in its place, gives the same posterior."""
    net, support = network(), examples()
    posterior = VERSA().adapt(net, support)
    twice = VERSA().adapt(net, Examples(*(torch.cat([part, part]) for part in support)))
    identity = VERSA().build(nn.Identity(), TaskSpec(x_shape=(FEATURES,), y_dim=3)).double()
    identity.load_state_dict(
        {name: value for name, value in net.state_dict().items() if not name.startswith("backbone")}
    )
    means = torch.stack([net.backbone(support.x)[support.y[:, c]].mean(0) for c in range(3)])
    single = VERSA().adapt(identity, Examples(means.detach(), torch.eye(3, dtype=torch.bool)))
    for name in ("weight_mean", "weight_log_variance", "bias_mean", "bias_log_variance"):
        torch.testing.assert_close(getattr(twice, name), getattr(posterior, name), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(getattr(single, name), getattr(posterior, name), rtol=1e-12, atol=1e-12)


def test_a_class_is_inferred_from_its_own_examples_alone() -> None:
    net, (x, y) = network(), examples()
    changed_x = torch.where(y[:, :1], x + 1, x)
    initial, changed = (VERSA().adapt(net, Examples(inputs, y)) for inputs in (x, changed_x))
    for a, b in zip(initial, changed, strict=True):
        torch.testing.assert_close(a[1:], b[1:], rtol=1e-12, atol=1e-12)
        assert not torch.allclose(a[0], b[0])


def test_an_answer_does_not_depend_on_the_other_queries() -> None:
    net, support, query = network(), examples(), examples(shots=4)
    state = VERSA().adapt(net, support)
    batch = VERSA().predict(net, state, query.x)
    singles = torch.cat([VERSA().predict(net, state, x[None]) for x in query.x])
    torch.testing.assert_close(batch, singles, rtol=1e-12, atol=1e-12)


def test_every_task_has_its_own_draws() -> None:
    net = network()
    supports = [examples() for _ in range(4)]
    parts = [torch.stack(column) for column in zip(*supports, strict=True)]
    noise = over_tasks(lambda task: VERSA().adapt(net, task.support).noise, Task(Examples(*parts), Examples(*parts)))
    assert len(noise.flatten().unique()) == 4 * 3 * 10


def test_settings() -> None:
    assert VERSA().training_sizes(Sizes(ways=20, shots=5, queries=5)) == Sizes(ways=20, shots=5, queries=15)
    assert [recipe.name for recipe in VERSA.recipes] == [
        f"versa-omniglot-{s}" for s in ("5w1s", "5w5s", "20w1s", "20w5s")
    ]
    with pytest.raises(TypeError, match=r"^versa: `net` must come from VERSA\(\)"):
        VERSA().adapt(nn.Identity(), examples())
