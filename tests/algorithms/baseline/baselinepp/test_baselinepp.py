"""Baseline++ against a loop with torch's own weight norm and SGD."""

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from tokay import BaselinePlusPlus, Examples, FitConfig, Sizes, Task, TaskSpec, fit, one_hot
from tokay.core.inner.minibatches import cycle
from tokay.core.probability.gaussians import class_noise
from tokay.tasks.class_pool import ClassPool
from tokay.tasks.joint_batches import JointBatches

FEATURES = 5


def network(classes: int = 7, **settings: Any) -> nn.Module:
    backbone = nn.Sequential(nn.Linear(4, FEATURES), nn.Tanh())
    return BaselinePlusPlus(**settings).build(backbone, TaskSpec(x_shape=(4,), y_dim=classes)).double()


def support(n: int = 6) -> Examples:
    return Examples(torch.randn(n, 4, dtype=torch.float64), one_hot(torch.arange(n) % 3, 3))


@pytest.mark.parametrize("n, batch, rounds", [(6, 4, 100), (6, 100, 7), (9, 4, 3)])
def test_adapting_is_training_a_new_head(n: int, batch: int, rounds: int) -> None:
    net, examples = network(), support(n)
    z = net.get_submodule("backbone")(examples.x).detach()
    z = z / z.norm(dim=1, keepdim=True)
    linear = nn.Linear(FEATURES, 3, bias=False).double()
    with torch.no_grad():
        linear.weight.copy_(class_noise(examples, (FEATURES,), like=z) / math.sqrt(3 * FEATURES))
    linear = parametrizations.weight_norm(linear)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.01, momentum=0.9, dampening=0.9, weight_decay=1e-3)
    for rows in cycle(n, batch, rounds * math.ceil(n / batch)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(2 * linear(z[rows]), examples.y[rows].int().argmax(1)).backward()
        optimizer.step()
    method = BaselinePlusPlus(test_rounds=rounds, test_batch=batch)
    path = list(method.path(net, examples))
    assert len(path) == 1 + rounds * math.ceil(n / batch)
    weights = linear.parametrizations.weight
    torch.testing.assert_close(path[-1]["length"], weights.original0.detach()[:, 0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(path[-1]["direction"], weights.original1.detach(), rtol=1e-9, atol=1e-12)
    x = torch.randn(3, 4, dtype=torch.float64)
    q = net.get_submodule("backbone")(x)
    expected = 2 * linear(q / q.norm(dim=1, keepdim=True))
    torch.testing.assert_close(method.predict(net, path[-1], x), expected, rtol=1e-9, atol=1e-12)


def test_a_new_head_starts_as_large_as_a_linear_layers() -> None:
    """Variance 1 / (3 features); the lengths are the norms of the directions; no two are equal."""
    net = BaselinePlusPlus().build(nn.Flatten(), TaskSpec(x_shape=(900,), y_dim=3))
    initial = next(BaselinePlusPlus().path(net, Examples(torch.randn(6, 900), one_hot(torch.arange(6) % 3, 3))))
    assert float(initial["direction"].std()) == pytest.approx(float(nn.Linear(900, 3).weight.detach().std()), rel=0.05)
    torch.testing.assert_close(initial["length"], initial["direction"].norm(dim=1))
    assert float((initial["direction"][0] - initial["direction"][1]).abs().max()) > 0.05


def test_the_initial_head_depends_only_on_the_task() -> None:
    net, a, b = network(), support(), support()
    initial_directions = [next(BaselinePlusPlus().path(net, examples))["direction"] for examples in (a, a, b)]
    assert torch.equal(initial_directions[0], initial_directions[1])
    assert not torch.equal(initial_directions[0], initial_directions[2])


@pytest.mark.parametrize("classes, scale", [(5, 2.0), (200, 2.0), (201, 10.0)])
def test_the_scale_of_the_code(classes: int, scale: float) -> None:
    """With length 1, an input along the direction of a class has the scale as its logit."""
    net = BaselinePlusPlus().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=classes))
    head = net.get_submodule("head")
    with torch.no_grad():
        head.get_parameter("length").fill_(1.0)
    x = head.get_parameter("direction").detach()[:1] * 4
    assert float(net(x)[0, 0].detach()) == pytest.approx(scale, rel=1e-5)


def test_a_given_scale_applies_in_training_and_adaptation() -> None:
    net = network(classes=300, scale=5.0)
    method = BaselinePlusPlus(scale=5.0, test_rounds=1)
    state = method.adapt(net, support())
    x = torch.randn(2, 4, dtype=torch.float64)
    other = BaselinePlusPlus(test_rounds=1)
    torch.testing.assert_close(
        method.predict(net, state, x) / other.predict(net, state, x), torch.full((2, 3), 2.5).double()
    )
    assert net.get_submodule("head").scale == 5.0


def test_the_features_are_frozen_and_need_no_gradient() -> None:
    net = network()
    state = BaselinePlusPlus(test_rounds=2).adapt(net, support())
    assert sorted(state) == ["direction", "length"]
    assert not any(p.requires_grad for p in state.values())


def test_training_is_joint() -> None:
    net, labels = network(), torch.randint(7, (9,))
    x, y = torch.randn(9, 4, dtype=torch.float64), one_hot(labels, 7)
    loss, _ = BaselinePlusPlus().loss(net, Task(Examples(x[:4], y[:4]), Examples(x[4:], y[4:])))
    torch.testing.assert_close(loss, nn.functional.cross_entropy(net(x), labels), rtol=1e-12, atol=1e-14)


def test_settings_of_the_code() -> None:
    train = BaselinePlusPlus().training_sizes(Sizes(ways=5, shots=5, queries=10))
    assert train.ways * (train.shots + train.queries) == 16
    assert (BaselinePlusPlus.outer.optimizer, BaselinePlusPlus.outer.lr) == ("adam", 1e-3)


def test_trains_on_mini_batches_that_lack_most_classes() -> None:
    images = torch.randint(256, (60, 1, 2, 2), dtype=torch.uint8)
    pool = ClassPool(images, torch.full((20,), 3), tuple("abcdefghijklmnopqrst"))
    source = JointBatches(pool, Sizes(ways=1, shots=1, queries=2))
    method = BaselinePlusPlus()
    net = method.build(nn.Flatten(), source.spec)
    assert [step.step for step in fit(method, net, source, FitConfig(steps=2, validate_every=0))] == [1, 2]
