"""Siamese networks against a loop over pairs."""

import math

import pytest
import torch
from torch import nn

from tokay import Examples, ProtoNet, Siamese, Sizes, Task, TaskError, TaskSpec, one_hot

SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def network() -> nn.Module:
    return Siamese().build(nn.Sequential(nn.Linear(4, 5), nn.Sigmoid()), SPEC).double()


def examples(*labels: int) -> Examples:
    return Examples(torch.randn(len(labels), 4, dtype=torch.float64), one_hot(torch.tensor(labels), 3))


def probability(net: nn.Module, a: torch.Tensor, b: torch.Tensor) -> float:
    """σ(Σ_j a_j |h_j(x) - h_j(x')| + b), one number at a time."""
    h, k = net.backbone(a[None])[0].tolist(), net.backbone(b[None])[0].tolist()
    total = float(net.distance.bias.detach())
    for weight, p, q in zip(net.distance.weight[0].tolist(), h, k, strict=True):
        total += weight * abs(p - q)
    return 1 / (1 + math.exp(-total))


def log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def test_the_loss_is_a_loop_over_pairs() -> None:
    """Same and different pairs have half of the weight each, whatever their numbers."""
    net, task = network(), Task(examples(2, 0, 1, 1, 0, 2, 0), examples(1, 1, 2, 0))
    losses: dict[bool, list[float]] = {True: [], False: []}
    for x, y in zip(*task.support, strict=True):
        for other, label in zip(*task.query, strict=True):
            p, same = probability(net, x, other), bool((y & label).any())
            losses[same].append(-math.log(p if same else 1 - p))
    expected = (sum(losses[True]) / len(losses[True]) + sum(losses[False]) / len(losses[False])) / 2
    assert len(losses[False]) > len(losses[True])
    assert float(Siamese().loss(net, task)[0].detach()) == pytest.approx(expected, rel=1e-12)


def test_the_logits_are_means_of_log_odds() -> None:
    net, task = network(), Task(examples(2, 0, 1, 1, 0, 2, 0), examples(1, 1, 2, 0))
    logits = Siamese().predict(net, Siamese().adapt(net, task.support), task.query.x)
    rows = []
    for x in task.query.x:
        odds: list[list[float]] = [[], [], []]
        for other, y in zip(*task.support, strict=True):
            odds[int(y.int().argmax())].append(log_odds(probability(net, other, x)))
        rows.append([sum(of_class) / len(of_class) for of_class in odds])
    torch.testing.assert_close(logits, torch.tensor(rows, dtype=torch.float64), rtol=1e-10, atol=1e-10)
    right = task.query.y.int().argmax(1)
    measured = Siamese().loss(net, task)[1]
    torch.testing.assert_close(measured["loss"], nn.functional.cross_entropy(logits, right), rtol=1e-12, atol=1e-12)
    assert float(measured["accuracy"]) == float((logits.argmax(1) == right).double().mean())


def test_a_repeated_example_changes_nothing() -> None:
    net, support, x = network(), examples(0, 1, 2, 1), torch.randn(6, 4, dtype=torch.float64)
    twice = Examples(torch.cat([support.x, support.x[:1]]), torch.cat([support.y, support.y[:1]]))
    a, b = (Siamese().predict(net, Siamese().adapt(net, support_set), x) for support_set in (support, twice))
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_one_shot_is_the_posterior_of_the_same_as_exactly_one() -> None:
    """Bayes: exactly one of the three pairs is of the same class; all three are equally likely a priori."""
    net, support, x = network(), examples(0, 1, 2), torch.randn(4, dtype=torch.float64)
    p = [probability(net, other, x) for other in support.x]
    joint = [math.prod(q if i == c else 1 - q for i, q in enumerate(p)) for c in range(3)]
    posterior = Siamese().predict(net, Siamese().adapt(net, support), x[None]).softmax(1)[0].tolist()
    assert posterior == pytest.approx([value / sum(joint) for value in joint], rel=1e-10)


def test_verification_by_hand() -> None:
    net, a, b = network(), *torch.randn(2, 5, 4, dtype=torch.float64)
    probabilities = Siamese().same(net, a, b)
    assert probabilities.tolist() == pytest.approx(
        [probability(net, x, other) for x, other in zip(a, b, strict=True)], rel=1e-12
    )
    assert torch.equal(Siamese().same(net, b, a), probabilities)
    same_input = Siamese().same(net, a, a)
    torch.testing.assert_close(same_input, net.distance.bias.sigmoid().expand(5), rtol=1e-12, atol=1e-12)


def test_both_go_through_the_network_together() -> None:
    """Otherwise batch norm would remove the difference of the two sets."""
    net = Siamese().build(nn.BatchNorm1d(4, affine=False, track_running_stats=False), SPEC).double()
    a = torch.randn(5, 4, dtype=torch.float64)
    z = torch.cat([a, a + 3])
    z = (z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt()
    expected = net.distance((z[:5] - z[5:]).abs())[:, 0].sigmoid()
    torch.testing.assert_close(Siamese().same(net, a, a + 3), expected, rtol=1e-10, atol=1e-12)


def test_unequal_numbers_raise_an_error() -> None:
    with pytest.raises(TaskError, match=r"^siamese: .* got \(5, 4\) and \(3, 4\)\."):
        Siamese().same(network().float(), torch.zeros(5, 4), torch.zeros(3, 4))


def test_padding_pairs_have_no_loss() -> None:
    """A padding query makes neither same nor different pairs."""
    net, task = network(), Task(examples(0, 1, 2), examples(2, 1))
    padded = Examples(torch.cat([task.query.x, 5 + task.query.x]), torch.cat([task.query.y, ~task.query.y & False]))
    a, b = (Siamese().loss(net, Task(task.support, query))[0] for query in (task.query, padded))
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_without_different_pairs_the_loss_is_that_of_same_pairs() -> None:
    net, support = network(), examples(1, 1)
    cost = Siamese().loss(net, Task(support, support))[0]
    p = [probability(net, a, b) for a in support.x for b in support.x]
    assert float(cost.detach()) == pytest.approx(sum(-math.log(q) for q in p) / 4 / 2, rel=1e-12)


def test_gradients_reach_both_twins() -> None:
    net, task = network(), Task(examples(0, 1, 2), examples(2, 1))
    h, k = net.backbone(task.support.x), net.backbone(task.query.x)
    odds = net.distance((h[:, None] - k).abs())[..., 0]
    same = torch.tensor([[False, False], [False, True], [True, False]])
    losses = (-odds.sigmoid()[same].log().mean() - (-odds).sigmoid()[~same].log().mean()) / 2
    weights = list(net.parameters())
    gradients = torch.autograd.grad(Siamese().loss(net, task)[0], weights)
    torch.testing.assert_close(gradients, torch.autograd.grad(losses, weights), rtol=1e-9, atol=1e-12)


def test_the_distance_starts_as_the_papers_dense_layers() -> None:
    net = Siamese().build(nn.Linear(4, 4000), SPEC)
    assert float(net.distance.weight.detach().std()) == pytest.approx(0.2, rel=0.05)
    assert float(net.distance.bias.detach()) == pytest.approx(0.5, abs=0.05)


def test_the_network_must_come_from_build() -> None:
    with pytest.raises(TypeError, match=r"^siamese: `net` must come from Siamese\(\)\.build\(\.\.\.\), got Linear"):
        Siamese().adapt(ProtoNet().build(nn.Linear(4, 2), SPEC), examples(0, 1, 2))


def test_settings() -> None:
    assert Siamese().training_sizes(Sizes(ways=5, shots=3, queries=15)) == Sizes(ways=20, shots=3, queries=5)
    published = {check.name: check.published for recipe in Siamese.recipes[:2] for check in recipe.checks}
    assert published == {"5w1s": "97.3", "5w5s": "98.4", "20w1s": "88.2", "20w5s": "97.0"}
    assert "--network koch --size 105" in Siamese.recipes[2].flags
