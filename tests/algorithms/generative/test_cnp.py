"""CNP against a loop over points; order, repetition and other queries must change nothing."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from tokay import CNP, Examples, FitConfig, NetworkError, Sizes, Task, TaskSpec, evaluate, fit
from tokay.core.predictions import check_compatible
from tokay.core.seeding import generator
from tokay.tasks import GaussianProcess

METHOD = CNP(width=8)


def examples(n: int = 5) -> Examples:
    return Examples(torch.randn(n, 3, dtype=torch.float64), torch.randn(n, 2, dtype=torch.float64))


def network() -> nn.Module:
    backbone = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    return METHOD.build(backbone, TaskSpec(x_shape=(3,), y_dim=2, kind="regression")).double()


def predict(net: nn.Module, support: Examples, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation at one input, one example at a time."""
    r = torch.zeros(8, dtype=torch.float64)
    for a, b in zip(*support, strict=True):
        r = r + net.encoder.layers(torch.cat([net.backbone(a), b])) / len(support.x)
    raw = net.decoder.layers(torch.cat([r, net.backbone(x)]))
    return raw[:2], 0.1 + 0.9 * (1 + raw[2:].exp()).log()


def test_the_cost_is_a_loop_over_all_points() -> None:
    net, support, query = network(), examples(), examples(7)
    total, query_log_p = 0.0, 0.0
    for part in (support, query):
        for x, y in zip(*part, strict=True):
            log_p = Normal(*predict(net, support, x)).log_prob(y).sum()
            total, query_log_p = total - log_p / 12, query_log_p + (log_p / 14 if part is query else 0)
    cost, report = METHOD.loss(net, Task(support, query))
    torch.testing.assert_close(cost, total, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(report["log_likelihood"], query_log_p, rtol=1e-12, atol=1e-12)
    weights = list(net.parameters())
    expected = torch.autograd.grad(total, weights)
    torch.testing.assert_close(torch.autograd.grad(cost, weights), expected, rtol=1e-9, atol=1e-12)


def test_answers_and_their_spread() -> None:
    net, support, query = network(), examples(), examples(4)
    state = METHOD.adapt(net, support)
    mean, std = METHOD.distribution(net, state, query.x)
    for i in range(4):
        expected = predict(net, support, query.x[i])
        torch.testing.assert_close((mean[i], std[i]), expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(METHOD.predict(net, state, query.x), mean)
    log_p = METHOD.measures(net, state, query)["log_likelihood"]
    torch.testing.assert_close(log_p, Normal(mean, std).log_prob(query.y).mean(1), rtol=1e-12, atol=1e-12)


def test_no_answer_is_surer_than_the_bound() -> None:
    net, support = network(), examples()
    with torch.no_grad():
        net.decoder.layers[-1].bias[2:] = -1000.0
    std = METHOD.distribution(net, METHOD.adapt(net, support), support.x)[1]
    torch.testing.assert_close(std, torch.full_like(std, 0.1))


def test_order_and_repetition_of_the_context_change_nothing() -> None:
    net, (x, y) = network(), examples()
    state = METHOD.adapt(net, Examples(x, y))
    order = torch.tensor([3, 0, 4, 1, 2])
    for same in (Examples(x[order], y[order]), Examples(torch.cat([x, x]), torch.cat([y, y]))):
        torch.testing.assert_close(METHOD.adapt(net, same), state, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        (2 * METHOD.adapt(net, Examples(x[:2], y[:2])) + 3 * METHOD.adapt(net, Examples(x[2:], y[2:]))) / 5, state
    )


def test_an_answer_does_not_depend_on_the_other_queries() -> None:
    net, query = network(), examples(6)
    state = METHOD.adapt(net, examples())
    batch = METHOD.distribution(net, state, query.x)
    singles = [
        torch.cat(part) for part in zip(*(METHOD.distribution(net, state, x[None]) for x in query.x), strict=True)
    ]
    torch.testing.assert_close(list(batch), singles, rtol=1e-12, atol=1e-12)


def test_an_empty_context_is_what_the_network_answers_alone() -> None:
    net, (x, y) = network(), examples()
    state = METHOD.adapt(net, Examples(x[:0], y[:0]))
    assert not state.any()
    torch.testing.assert_close(METHOD.predict(net, state, x), net(x))


@pytest.mark.parametrize("inductive", [False, True])
def test_evaluate_shows_the_log_likelihood(inductive: bool) -> None:
    """By hand on the same tasks, with batch norm: all queries at once, or each query after the support set."""
    source = GaussianProcess(fewest_shots=2).tasks("test", Sizes(shots=4, queries=5))
    backbone = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4, track_running_stats=False))
    net = METHOD.build(backbone, source.spec)
    evaluation = evaluate(METHOD, net, source, tasks=3, inductive=inductive)
    (sx, sy), (qx, qy) = source.sample(25, generator(0, "evaluate", 0))
    for i in range(3):
        state = METHOD.adapt(net, Examples(sx[i], sy[i]))
        inputs = [torch.cat([sx[i], x[None]]) for x in qx[i]] if inductive else [qx[i]]
        answers = [
            Normal(*(part[-1:] if inductive else part for part in METHOD.distribution(net, state, x))) for x in inputs
        ]
        targets = list(qy[i][:, None]) if inductive else [qy[i]]
        total = sum(answer.log_prob(y).sum() for answer, y in zip(answers, targets, strict=True))
        assert float(evaluation.per_task["log_likelihood"][i]) == pytest.approx(float(total.detach()) / 5, rel=1e-4)
    assert evaluation.measure == "mse"


def test_the_weights_of_the_best_log_likelihood_are_kept() -> None:
    """The weights with the lowest error are not kept: the whole distribution counts."""
    source = GaussianProcess(fewest_shots=2).tasks("train", Sizes(shots=6, queries=8))
    torch.manual_seed(1)
    net, scores = METHOD.build(nn.Identity(), source.spec), {}
    settings = FitConfig(steps=30, lr=0.02, meta_batch=8, validate_every=1, validation_tasks=4)
    for step in fit(METHOD, net, source, settings, validation=source):
        assert step.validation is not None
        scores[step.step] = [step.validation[name].mean for name in ("log_likelihood", "mse")]
        state = step.state
    best = max(scores, key=lambda s: scores[s][0])
    assert best != min(scores, key=lambda s: scores[s][1]), "the test needs a run where they differ"
    assert state.best_step == best


def test_settings() -> None:
    assert (CNP().width, CNP.outer.lr, CNP.meta_batch, CNP.kinds) == (128, 1e-4, 64, ("regression",))
    assert [recipe.name for recipe in CNP.recipes] == ["cnp-gp"]
    with pytest.raises(TypeError, match=r"^cnp: `net` must come from CNP\(\)"):
        METHOD.adapt(nn.Identity(), examples())
    wrong = TaskSpec(x_shape=(3,), y_dim=1, kind="regression")
    with pytest.raises(NetworkError, match="1 outputs for regression"):
        check_compatible(METHOD, network(), wrong, where="test")
