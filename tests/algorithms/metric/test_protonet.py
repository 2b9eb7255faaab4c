"""Prototypical networks against NumPy."""

import numpy as np
import pytest
import torch
from torch import nn

from tokay import Examples, NetworkError, ProtoNet, Sizes, Task, TaskSpec, one_hot


def example() -> tuple[nn.Module, Task, np.ndarray, np.ndarray]:
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh()).double()
    labels, query_labels = np.array([2, 0, 1, 1, 0, 2, 0]), np.array([1, 1, 2, 0])  # classes of different sizes
    support = Examples(torch.randn(7, 4, dtype=torch.float64), one_hot(torch.from_numpy(labels), 3))
    query = Examples(torch.randn(4, 4, dtype=torch.float64), one_hot(torch.from_numpy(query_labels), 3))
    return net, Task(support, query), labels, query_labels


def test_everything_by_hand() -> None:
    net, task, labels, query_labels = example()
    z, q = (net(part.x).detach().numpy() for part in task)
    prototypes = np.stack([z[labels == c].mean(0) for c in range(3)])
    logits = -np.array([[np.sum((a - c) ** 2) for c in prototypes] for a in q])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    state = ProtoNet().adapt(net, task.support)
    np.testing.assert_allclose(state.detach().numpy(), prototypes, rtol=1e-12)
    np.testing.assert_allclose(ProtoNet().predict(net, state, task.query.x).detach().numpy(), logits, rtol=1e-12)
    loss, metrics = ProtoNet().loss(net, task)
    np.testing.assert_allclose(float(loss.detach()), -np.log(p[np.arange(4), query_labels]).mean(), rtol=1e-12)
    assert float(metrics["accuracy"]) == (logits.argmax(1) == query_labels).mean()


def test_the_cosine_by_hand() -> None:
    net, task, _, _ = example()
    method = ProtoNet(metric="cosine", scale=3.0)
    prototypes, q = method.adapt(net, task.support).detach(), net(task.query.x).detach()
    assert torch.equal(prototypes, ProtoNet().adapt(net, task.support)), "one set of weights serves either metric"
    expected = [[3 * float(a @ c / (a.norm() * c.norm())) for c in prototypes] for a in q]
    logits = method.predict(net, prototypes, task.query.x).detach()
    torch.testing.assert_close(logits, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    assert ProtoNet(metric="cosine").scale == 10


def test_feature_maps_raise_an_error() -> None:
    with pytest.raises(NetworkError, match=r"^backbone: .* got \(2, 3, 4, 4\)\. Flatten its output"):
        ProtoNet().build(nn.Conv2d(1, 3, 3), TaskSpec(x_shape=(1, 6, 6), y_dim=3))


def test_one_shot_is_the_nearest_neighbour() -> None:
    x, queries = torch.randn(5, 3), torch.randn(20, 3)
    state = ProtoNet().adapt(nn.Flatten(), Examples(x, one_hot(torch.arange(5), 5)))
    assert torch.equal(state, x)
    predictions = ProtoNet().predict(nn.Flatten(), state, queries).argmax(1)
    assert torch.equal(predictions, torch.cdist(queries, x).argmin(1))


def test_gradients_reach_the_support_too() -> None:
    """The prototypes are not constants: without the gradient through the support set the result differs."""
    net, task, _, _ = example()
    full = torch.autograd.grad(ProtoNet().loss(net, task)[0], net[0].weight)[0]
    constant_prototypes = ProtoNet().adapt(net, task.support).detach()
    logits = ProtoNet().predict(net, constant_prototypes, task.query.x)
    partial = torch.autograd.grad(nn.functional.cross_entropy(logits, task.query.y.int().argmax(1)), net[0].weight)[0]
    assert float((full - partial).abs().max()) > 1e-2


def test_any_number_of_ways_and_shots() -> None:
    net = nn.Flatten()
    for ways, shots in ((2, 1), (7, 3)):
        support = Examples(torch.randn(ways * shots, 4), one_hot(torch.arange(ways).repeat(shots), ways))
        state = ProtoNet().adapt(net, support)
        assert ProtoNet().predict(net, state, torch.randn(5, 4)).shape == (5, ways)


def test_permuted_classes_are_permuted_exactly() -> None:
    net, task, _, _ = example()
    order = torch.tensor([1, 2, 0])
    a = ProtoNet().adapt(net, task.support)
    b = ProtoNet().adapt(net, Examples(task.support.x, task.support.y[:, order]))
    assert torch.equal(b, a[order])


def test_build_returns_the_backbone() -> None:
    backbone = nn.Linear(4, 2)
    assert ProtoNet().build(backbone, TaskSpec(x_shape=(4,), y_dim=3)) is backbone


def test_settings_of_the_paper() -> None:
    assert ProtoNet().training_sizes(Sizes(ways=5, shots=1, queries=15)) == Sizes(ways=60, shots=1, queries=5)
    assert (ProtoNet.outer.optimizer, ProtoNet.outer.lr, ProtoNet.outer.schedule) == ("adam", 1e-3, "halving")
    assert ProtoNet.kinds == ("classification",)
    published = {check.name: check.published for recipe in ProtoNet.recipes for check in recipe.checks}
    assert published == {"5w1s": "98.8", "20w1s": "96.0", "5w5s": "99.7", "20w5s": "98.9"}
