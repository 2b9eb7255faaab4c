"""SimpleShot against NumPy, and the updates of its mean."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tokay import Examples, FitConfig, SimpleShot, Sizes, Task, TaskSpec, fit, one_hot
from tokay.tasks.class_pool import ClassPool
from tokay.tasks.joint_batches import JointBatches

POOL = 7


def network(mean: float = 0.03) -> nn.Module:
    net = SimpleShot().build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), TaskSpec(x_shape=(4,), y_dim=POOL)).double()
    with torch.no_grad():
        net.get_parameter("mean").copy_(mean * torch.arange(5).double())
    return net


def batch() -> Task:
    y = one_hot(torch.randint(POOL, (9,)), POOL)
    x = torch.randn(9, 4, dtype=torch.float64)
    return Task(Examples(x[:4], y[:4]), Examples(x[4:], y[4:]))


def test_the_mean_starts_at_zero() -> None:
    net = SimpleShot().build(nn.Linear(4, 5), TaskSpec(x_shape=(4,), y_dim=POOL))
    assert net.get_parameter("mean").tolist() == [0] * 5


@pytest.mark.parametrize("transform", ["un", "l2n", "cl2n"])
def test_everything_on_a_task_by_hand(transform: Any) -> None:
    net, labels = network(), np.array([2, 0, 1, 1, 0, 2, 0])
    support = Examples(torch.randn(7, 4).double(), one_hot(torch.from_numpy(labels), 3))
    x = torch.randn(4, 4).double()

    def transformed_features(inputs: torch.Tensor) -> Any:
        z = net.net.backbone(inputs).detach().numpy()  # type: ignore[union-attr, operator]
        if transform == "cl2n":
            z = z - 10 * 0.03 * np.arange(5)
        return z if transform == "un" else z / np.sqrt((z**2).sum(1, keepdims=True))

    z, q = transformed_features(support.x), transformed_features(x)
    means = np.stack([z[labels == c].mean(0) for c in range(3)])
    expected = -np.array([[((a - c) ** 2).sum() for c in means] for a in q])
    method = SimpleShot(transform=transform)
    state = method.adapt(net, support)
    np.testing.assert_allclose(state.detach().numpy(), means, rtol=1e-12)
    np.testing.assert_allclose(method.predict(net, state, x).detach().numpy(), expected, rtol=1e-12)


def test_the_gradient_is_that_of_joint_training_except_for_the_mean() -> None:
    """The extra loss term moves only the mean, not the features."""
    net, task = network(), batch()
    x, y = torch.cat([task.support.x, task.query.x]), torch.cat([task.support.y, task.query.y])
    loss, metrics = SimpleShot().loss(net, task)
    plain = nn.functional.cross_entropy(net(x), y.int().argmax(1))
    torch.testing.assert_close(metrics["loss"], plain, rtol=1e-12, atol=1e-14)
    names = [name for name, _ in net.named_parameters() if name != "mean"]
    weights = [net.get_parameter(name) for name in names]
    gradients = torch.autograd.grad(loss, [*weights, net.get_parameter("mean")])
    for name, a, b in zip(names, gradients, torch.autograd.grad(plain, weights), strict=False):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14, msg=name)
    z = net.net.backbone(x).detach()  # type: ignore[union-attr, operator]
    gap = net.get_parameter("mean") - z.mean(0) / 10
    torch.testing.assert_close(gradients[-1], gap.detach(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(loss, plain + gap.square().sum() / 2, rtol=1e-12, atol=1e-14)


def test_padding_does_not_change_the_mean() -> None:
    net, task = network(), batch()
    padded = Examples(task.query.x, task.query.y.clone())
    padded.y[2:] = False
    loss, _ = SimpleShot().loss(net, Task(task.support, padded))
    expected, _ = SimpleShot().loss(net, Task(task.support, Examples(padded.x[:2], padded.y[:2])))
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-14)


def pool() -> ClassPool:
    images = torch.randint(256, (60, 1, 2, 2), dtype=torch.uint8)
    return ClassPool(images, torch.full((20,), 3), tuple("abcdefghijklmnopqrst"))


def test_under_sgd_the_mean_is_a_running_mean() -> None:
    """m <- (1 - r) m + r mean of the batch, on constant features."""
    source = JointBatches(pool(), Sizes(ways=2, shots=1, queries=1))
    net = SimpleShot().build(nn.Flatten(), source.spec)
    batch_means: list[torch.Tensor] = []

    class RecordingSource:
        spec = source.spec

        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            task = source.sample(tasks, generator)
            batch_means.append(torch.cat([task.support.x[0], task.query.x[0]]).flatten(1).mean(0))
            return task

    config = FitConfig(steps=4, validate_every=0, meta_batch=1, optimizer="sgd", lr=0.3)
    for _ in fit(SimpleShot(), net, RecordingSource(), config):
        pass
    expected = torch.zeros(4)
    for mean in batch_means:
        expected = 0.7 * expected + 0.3 * mean
    torch.testing.assert_close(10 * net.get_parameter("mean").detach(), expected)


def test_under_adam_the_mean_converges() -> None:
    drawings = pool()
    source = JointBatches(drawings, Sizes(ways=20, shots=1, queries=3))
    net = SimpleShot().build(nn.Flatten(), source.spec)
    for _ in fit(SimpleShot(), net, source, FitConfig(steps=200, validate_every=0)):
        pass
    expected = drawings.images.flatten(1).float().mean(0) / 255
    torch.testing.assert_close(10 * net.get_parameter("mean").detach(), expected, rtol=0, atol=0.05)


def test_the_network_must_come_from_build() -> None:
    with pytest.raises(
        TypeError, match=r"^simpleshot: `net` must come from SimpleShot\(\)\.build\(\.\.\.\), got Flatten"
    ):
        SimpleShot().adapt(nn.Flatten(), batch().support)
