"""Relation networks against pairs that are concatenated one by one."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import Examples, NetworkError, RelationNet, Sizes, Task, TaskSpec, one_hot

SPEC = TaskSpec(x_shape=(1, 7, 7), y_dim=3)
RELATION = RelationNet()


def network(backbone: nn.Module | None = None) -> nn.Module:
    net = RELATION.build(backbone or nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh()), SPEC).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return net


def examples(*labels: int) -> Examples:
    return Examples(torch.randn(len(labels), 1, 7, 7, dtype=torch.float64), one_hot(torch.tensor(labels), 3))


def normed(x: Tensor, norm: nn.Module) -> Tensor:
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    return norm.weight[:, None, None] * (x - mean) / (var + 1e-5).sqrt() + norm.bias[:, None, None]


def scores(net: nn.Module, support: Examples, x: Tensor) -> Tensor:
    """r [m, ways] as in the figure of the paper: concatenate; twice convolve, norm, ReLU, pool; two dense layers."""
    pairs = []
    for query in net.maps(x):
        for c in range(3):
            members = [net.maps(x[None])[0] for x, y in zip(*support, strict=True) if y[c]]
            pairs.append(torch.cat([sum(members), query]))
    out = torch.stack(pairs)
    for convolution, rest in ((net.first, net.after_first), (net.second, net.after_second)):
        wide = out.shape[-1] > 1
        out = F.conv2d(out, convolution.weight, padding=1 if wide else 0)
        out = normed(out, rest[0]).clamp_min(0)
        if wide:
            out = F.max_pool2d(out, 2)
    activations = (out.flatten(1) @ net.hidden.weight.T + net.hidden.bias).clamp_min(0)
    return torch.sigmoid(activations @ net.score.weight.T + net.score.bias).reshape(len(x), 3)


@pytest.mark.parametrize("flat", [False, True])
def test_everything_by_hand(flat: bool) -> None:
    net = network(nn.Sequential(nn.Flatten(), nn.Linear(49, 6), nn.Tanh()) if flat else None)
    task = Task(examples(2, 0, 1, 1, 0, 2, 0), examples(1, 1, 2, 0))
    r = scores(net, task.support, task.query.x)
    logits = RELATION.predict(net, RELATION.adapt(net, task.support), task.query.x)
    torch.testing.assert_close(logits.exp(), r, rtol=1e-10, atol=1e-12)
    right = task.query.y.int().argmax(1)
    error = sum((r[i, c] - float(c == right[i])) ** 2 for i in range(4) for c in range(3)) / 12
    cost, measured = RELATION.loss(net, task)
    torch.testing.assert_close(cost, error, rtol=1e-10, atol=1e-12)
    expected = -(r / r.sum(1, keepdim=True)).log()[torch.arange(4), right].mean()
    torch.testing.assert_close(measured["loss"], expected, rtol=1e-10, atol=1e-12)
    assert float(measured["accuracy"]) == float((r.argmax(1) == right).double().mean())


@pytest.mark.parametrize("flat", [False, True])
def test_gradients_by_hand(flat: bool) -> None:
    net = network(nn.Sequential(nn.Flatten(), nn.Linear(49, 6), nn.Tanh()) if flat else None)
    task = Task(examples(2, 0, 1, 1), examples(1, 1, 2, 0))
    r = scores(net, task.support, task.query.x)
    weights = list(net.parameters())
    expected = torch.autograd.grad((r - task.query.y.double()).square().mean(), weights)
    gradients = torch.autograd.grad(RELATION.loss(net, task)[0], weights)
    torch.testing.assert_close(gradients, expected, rtol=1e-8, atol=1e-10)


def test_maps_of_a_class_are_summed() -> None:
    net, support = network(), examples(2, 0, 2, 1)
    state = RELATION.adapt(net, support)
    maps = net.maps(support.x)
    assert state.shape == (3, 4, 5, 5)
    torch.testing.assert_close(state, torch.stack([maps[1], maps[3], maps[0] + maps[2]]), rtol=1e-12, atol=1e-12)


def test_padding_support_changes_nothing() -> None:
    net, support, x = network(), examples(2, 0, 1), examples(0, 0).x
    padded = Examples(torch.cat([support.x, 9 + support.x]), torch.cat([support.y, ~support.y & False]))
    a, b = (RELATION.predict(net, RELATION.adapt(net, support_set), x) for support_set in (support, padded))
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_padding_queries_have_no_loss() -> None:
    """Their pairs enter the batch norm; their errors do not count."""
    net, task = network(), Task(examples(2, 0, 1), examples(0, 1, 2))
    padded = task.query._replace(y=task.query.y & torch.tensor([[True], [True], [False]]))
    r = scores(net, task.support, task.query.x)[:2]
    cost = RELATION.loss(net, Task(task.support, padded))[0]
    torch.testing.assert_close(cost, (r - padded.y[:2].double()).square().mean(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("side, features", [(5, 64), (19, 64 * 4 * 4), (4, 64), (3, 64), (2, 64), (1, 64)])
def test_sizes_of_maps(side: int, features: int) -> None:
    """Side 5 comes from 28x28 pictures, 19 from 84x84. Maps of one position are not pooled."""
    spec = TaskSpec(x_shape=(1, side, side), y_dim=3)
    net = RELATION.build(nn.Conv2d(1, 2, 1), spec)
    assert net.hidden.in_features == features
    assert net.first.kernel_size == ((3, 3) if side > 1 else (1, 1))
    assert net.second.kernel_size == ((3, 3) if side > 3 else (1, 1))
    x = torch.randn(6, 1, side, side)
    state = RELATION.adapt(net, Examples(x[:3], one_hot(torch.arange(3), 3)))
    assert RELATION.predict(net, state, x).shape == (6, 3)


def test_weights_start_as_in_the_authors_code() -> None:
    net = RELATION.build(nn.Conv2d(1, 64, 3), SPEC)
    for layer in (net.first, net.second):
        assert float(layer.weight.detach().std()) == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    for dense in (net.hidden, net.score):
        assert bool((dense.bias == 1).all())
    assert float(net.hidden.weight.detach().std()) == pytest.approx(0.01, rel=0.1)
    assert (net.hidden.out_features, net.score.out_features) == (8, 1)


def test_a_backbone_without_maps_or_features_raises_an_error() -> None:
    message = r"^backbone: .* must return a \[2, n\] or \[2, C, H, W\] tensor for .* \(2, 1, 7, 7\), got \(2, 1, 49\)"
    with pytest.raises(NetworkError, match=message):
        RELATION.build(nn.Flatten(2), SPEC)
    with pytest.raises(
        TypeError, match=r"^relation: `net` must come from RelationNet\(\)\.build\(\.\.\.\), got Flatten"
    ):
        RELATION.adapt(nn.Flatten(), examples(0, 1, 2))


def test_settings_of_the_authors() -> None:
    assert [RELATION.training_sizes(Sizes(shots=shots)).queries for shots in (1, 5)] == [19, 15]
    assert RelationNet.network == "conv4-maps"
    published = {check.name: check.published for recipe in RelationNet.recipes for check in recipe.checks}
    assert published == {"5w1s": "99.6 ± 0.2", "5w5s": "99.8 ± 0.1", "20w1s": "97.6 ± 0.2", "20w5s": "99.1 ± 0.1"}
    for recipe, queries in zip(RelationNet.recipes, (19, 15, 10, 5), strict=True):
        assert f"--train-queries {queries} " in recipe.flags
