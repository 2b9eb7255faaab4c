"""Matching networks against loops, and against torch's own bidirectional LSTM."""

import math

import pytest
import torch
from torch import Tensor, nn

from tokay import ConfigError, Examples, MatchingNet, ProtoNet, Task, TaskSpec, one_hot

SPEC = TaskSpec(x_shape=(4,), y_dim=3)
FULL = MatchingNet(context="full")


def network(matching: MatchingNet = FULL) -> nn.Module:
    return matching.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC).double()


def examples(*labels: int) -> Examples:
    return Examples(torch.randn(len(labels), 4, dtype=torch.float64), one_hot(torch.tensor(labels), 3))


def vote_shares(scores: Tensor, y: Tensor) -> Tensor:
    """Σ_i softmax_i(scores) y_i, one example at a time: scores [m, n] to probabilities [m, ways]."""
    rows = []
    for row in scores.tolist():
        total = sum(math.exp(s) for s in row)
        shares = [0.0] * y.shape[1]
        for s, label in zip(row, y.int().argmax(1).tolist(), strict=True):
            shares[label] += math.exp(s) / total
        rows.append(shares)
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("scale", [1.0, 7.0])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_votes_by_hand(metric: str, scale: float) -> None:
    matching = MatchingNet(metric=metric, scale=scale)  # type: ignore[arg-type]
    net, task = network(matching), Task(examples(2, 0, 1, 1, 0, 2, 0), examples(1, 1, 2, 0))
    g, f = (net(part.x).detach() for part in task)
    if metric == "cosine":
        scores = [[float(q @ z / (q.norm() * z.norm())) for z in g] for q in f]
    else:
        scores = [[-float(((q - z) ** 2).sum()) for z in g] for q in f]
    expected = vote_shares(scale * torch.tensor(scores, dtype=torch.float64), task.support.y)
    predictions = matching.predict(net, matching.adapt(net, task.support), task.query.x).exp()
    torch.testing.assert_close(predictions.detach(), expected, rtol=1e-11, atol=1e-12)
    right = task.query.y.int().argmax(1)
    cost = -expected[torch.arange(4), right].log().mean()
    assert float(matching.loss(net, task)[0].detach()) == pytest.approx(float(cost), rel=1e-10)


def test_one_shot_by_distance_is_a_prototypical_network() -> None:
    matching = MatchingNet(metric="euclidean")
    net, task = network(matching), Task(examples(2, 0, 1), examples(1, 1, 2, 0))
    a = matching.predict(net, matching.adapt(net, task.support), task.query.x)
    b = ProtoNet().predict(net, ProtoNet().adapt(net, task.support), task.query.x)
    torch.testing.assert_close(a, b.log_softmax(1), rtol=1e-10, atol=1e-12)


def test_a_class_may_have_two_modes() -> None:
    """One class lies on both sides of the other. The vote separates them; their means coincide."""
    support = Examples(torch.tensor([[-4.0], [4.0], [-0.1], [0.1]]), one_hot(torch.tensor([0, 0, 1, 1]), 2))
    matching = MatchingNet(metric="euclidean")
    state = matching.adapt(nn.Identity(), support)
    assert matching.predict(nn.Identity(), state, torch.tensor([[-3.9], [3.9], [0.3]])).argmax(1).tolist() == [0, 0, 1]
    assert bool((ProtoNet().adapt(nn.Identity(), support).abs() < 1e-6).all())


def test_log_probabilities_are_finite_and_exact_for_a_certain_vote() -> None:
    support = Examples(
        torch.tensor([[0.0], [100.0]]), one_hot(torch.tensor([0, 1]), 3)
    )  # no example of the third class
    matching = MatchingNet(metric="euclidean")
    x = torch.tensor([[0.0]], requires_grad=True)
    predictions = matching.predict(nn.Identity(), matching.adapt(nn.Identity(), support), x)
    assert predictions[0, :2].tolist() == [0.0, -10000.0]  # its exp is 0 in any dtype
    assert bool(torch.isfinite(predictions).all())
    assert float(predictions[0, 2].detach()) < -1e30
    predictions[0, 1].backward()
    assert x.grad is not None
    assert float(x.grad) == pytest.approx(200)  # d/dx of -(x - 100)² + x²


def contextual(net: nn.Module, support: Examples, x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """g and f as in the appendix of the paper, with torch's own LSTMs."""
    lstm = nn.LSTM(5, 5, bidirectional=True).double()
    for suffix, cell in (("", net.onwards), ("_reverse", net.backwards)):
        for part, linear in (("ih", cell.from_input), ("hh", cell.from_hidden)):
            getattr(lstm, f"weight_{part}_l0{suffix}").data = linear.weight.data
            getattr(lstm, f"bias_{part}_l0{suffix}").data = linear.bias.data
    z = net.backbone(support.x)
    both = lstm(z)[0]
    g = both[:, :5] + both[:, 5:] + z
    rows = []
    for q in net.backbone(x):
        h, c = torch.zeros_like(q), torch.zeros_like(q)
        for _ in range(steps):
            scores = torch.stack([h @ row for row in g]).softmax(0)
            r = sum(share * row for share, row in zip(scores, g, strict=True))
            h, (_, c) = net.attending(torch.cat([q, r]), (h, c))
            h = h + q
        rows.append(h)
    return g, torch.stack(rows)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_full_context_by_hand(steps: int) -> None:
    matching = MatchingNet(context="full", context_steps=steps)
    net, task = network(), Task(examples(2, 0, 1, 1, 0), examples(1, 1, 2, 0))
    g, f = contextual(net, task.support, task.query.x, steps)
    state = matching.adapt(net, task.support)
    torch.testing.assert_close(state.embedded, g, rtol=1e-10, atol=1e-12)
    scores = torch.cosine_similarity(f[:, None], g[None], dim=-1)
    predictions = matching.predict(net, state, task.query.x)
    torch.testing.assert_close(predictions.exp(), vote_shares(scores.detach(), task.support.y), rtol=1e-10, atol=1e-12)


def test_context_makes_embeddings_depend_on_other_examples() -> None:
    net, support = network(), examples(0, 1, 2)
    changed = support._replace(x=torch.cat([support.x[:2], -support.x[2:]]))
    a, b = (FULL.adapt(net, support_set).embedded for support_set in (support, changed))
    assert float((a - b).detach()[:2].abs().amax(1).min()) > 1e-4
    plain = MatchingNet()
    net = network(plain)
    a, b = (plain.adapt(net, support_set).embedded for support_set in (support, changed))
    assert torch.equal(a[:2], b[:2])


def test_queries_do_not_affect_each_other() -> None:
    net, support, x = network(), examples(0, 1, 2, 1), torch.randn(6, 4, dtype=torch.float64)
    state = FULL.adapt(net, support)
    one_by_one = torch.cat([FULL.predict(net, state, row[None]) for row in x])
    torch.testing.assert_close(FULL.predict(net, state, x), one_by_one, rtol=1e-10, atol=1e-12)


def test_without_context_build_returns_the_backbone() -> None:
    backbone = nn.Linear(4, 2)
    assert MatchingNet().build(backbone, SPEC) is backbone
    message = r"^matching: `net` must come from MatchingNet\(context=\"full\"\)\.build\(\.\.\.\), got Linear"
    with pytest.raises(TypeError, match=message):
        FULL.adapt(backbone, examples(0, 1, 2))


def test_context_steps_must_be_a_whole_number() -> None:
    with pytest.raises(ConfigError, match=r"^matching: context_steps must be a whole number, got 1\.5"):
        MatchingNet(context_steps=1.5)  # type: ignore[arg-type]


def test_settings_of_the_paper() -> None:
    assert (MatchingNet().metric, MatchingNet().scale, MatchingNet().context) == ("cosine", 1.0, "none")
    published = {check.name: check.published for recipe in MatchingNet.recipes for check in recipe.checks}
    assert published == {"5w1s": "98.1", "5w5s": "98.9", "20w1s": "93.8", "20w5s": "98.5"}
