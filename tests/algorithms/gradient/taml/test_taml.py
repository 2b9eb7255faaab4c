"""TAML against MAML, and its two costs by hand."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tokay import MAML, TAML, ConfigError, Examples, Sizes, Task, TaskSpec, one_hot, over_tasks
from tokay.algorithms.gradient.taml.inequality import atkinson, generalized_entropy, gini, theil, variance_of_logs
from tokay.algorithms.gradient.taml.taml import Measure
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.core.predictions import check_kind

DOUBLE = torch.float64
MEASURES = get_args(Measure)
INEQUALITIES: dict[str, Any] = {
    "theil": theil,
    "generalized-entropy": lambda x: generalized_entropy(x, 3.0),
    "atkinson": lambda x: atkinson(x, 0.7),
    "gini": gini,
    "variance-of-logs": variance_of_logs,
}
each_measure = pytest.mark.parametrize("measure", MEASURES)


def small_net() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)).to(DOUBLE)


def batch(kind: str = "classification", tasks: int = 5, n: int = 6) -> Task:
    def examples() -> Examples:
        x = torch.randn(tasks, n, 2, dtype=DOUBLE)
        if kind == "regression":
            return Examples(x, torch.randn(tasks, n, 3, dtype=DOUBLE))
        return Examples(x, one_hot(torch.stack([torch.randperm(n) % 3 for _ in range(tasks)]), 3))

    return Task(examples(), examples())


def gradient(algorithm: Any, net: nn.Module, tasks: Task, **options: Any) -> tuple[Tensor, list[Tensor]]:
    net.zero_grad()
    cost, _ = accumulate_meta_gradient(algorithm, net, tasks, **options)
    return cost, [p.grad.clone() for p in net.parameters() if p.grad is not None]


def by_hand(net: nn.Module, tasks: Task, *, lr: float, steps: int) -> tuple[list[Tensor], list[Tensor]]:
    """The query outputs before and after adapting, task by task, with plain autograd."""
    initial, adapted = [], []
    for i in range(len(tasks.query.x)):
        params = dict(net.named_parameters())
        labels = tasks.support.y[i].int().argmax(1).long()
        for _ in range(steps):
            loss = nn.functional.cross_entropy(functional_call(net, params, (tasks.support.x[i],)), labels)
            grads = torch.autograd.grad(loss, list(params.values()), create_graph=True)
            params = {name: p - lr * grad for (name, p), grad in zip(params.items(), grads, strict=True)}
        initial.append(net(tasks.query.x[i]))
        adapted.append(functional_call(net, params, (tasks.query.x[i],)))
    return initial, adapted


def assert_same(ours: list[Tensor], theirs: Any) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    "measure, kind", [(measure, kind) for measure in MEASURES for kind in TAML(measure=measure).takes()]
)
def test_without_weight_it_is_maml(measure: Any, kind: str) -> None:
    """Same default rate, fast weights, cost and meta-gradient."""
    net, tasks = small_net(), batch(kind)
    taml, maml = TAML(measure=measure, weight=0, inner_steps=2), MAML(inner_steps=2)
    (cost, ours), (expected, theirs) = (gradient(algorithm, net, tasks) for algorithm in (taml, maml))
    assert float(cost) == float(expected)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    support = Examples(tasks.support.x[0], tasks.support.y[0])
    a, b = taml.at_test().adapt(net, support), maml.at_test().adapt(net, support)
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_the_entropy_cost_by_hand() -> None:
    net, tasks = small_net(), batch()
    cost, ours = gradient(TAML(weight=0.6, inner_lr=0.5, inner_steps=2), net, tasks)

    def uncertainty(outputs: Tensor) -> Tensor:
        return torch.distributions.Categorical(logits=outputs).entropy().mean()

    terms = []
    for start, end, y in zip(*by_hand(net, tasks, lr=0.5, steps=2), tasks.query.y, strict=True):
        loss = nn.functional.cross_entropy(end, y.int().argmax(1).long())
        terms.append(loss + 0.6 * (-uncertainty(start) + uncertainty(end)))
    expected = torch.stack(terms).mean()
    torch.testing.assert_close(cost, expected.detach(), rtol=1e-10, atol=1e-13)
    assert_same(ours, torch.autograd.grad(expected, list(net.parameters())))


@pytest.mark.parametrize("measure", INEQUALITIES)
def test_the_inequality_cost_by_hand(measure: Any) -> None:
    """The inequality is that of the losses before adapting, between the tasks of the meta-batch."""
    net, tasks = small_net(), batch()
    taml = TAML(measure=measure, weight=0.6, alpha=3.0, epsilon=0.7, inner_lr=0.5, inner_steps=2)
    cost, ours = gradient(taml, net, tasks)
    initial, adapted = (
        torch.stack(
            [
                nn.functional.cross_entropy(output, y.int().argmax(1).long())
                for output, y in zip(outputs, tasks.query.y, strict=True)
            ]
        )
        for outputs in by_hand(net, tasks, lr=0.5, steps=2)
    )
    expected = adapted.mean() + 0.6 * INEQUALITIES[measure](initial)
    torch.testing.assert_close(cost, expected.detach(), rtol=1e-10, atol=1e-13)
    assert_same(ours, torch.autograd.grad(expected, list(net.parameters())))


@each_measure
def test_the_term_changes_cost_and_gradient(measure: Any) -> None:
    """With the term, cost and meta-gradient differ from MAML's."""
    net, tasks = small_net(), batch()
    (taml_cost, ours), (maml_cost, theirs) = (
        gradient(TAML(measure=measure, weight=weight), net, tasks) for weight in (0.5, 0)
    )
    assert abs(float(taml_cost - maml_cost)) > 1e-6
    assert max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True)) > 1e-4


@each_measure
@pytest.mark.parametrize("chunk_size", [1, 2, 4])
def test_chunks_agree(measure: Any, chunk_size: int) -> None:
    """Chunks agree although an inequality needs the losses of all tasks at once."""
    net, tasks = small_net(), batch()
    taml = TAML(measure=measure, weight=2.0)
    full_cost, full_grads = gradient(taml, net, tasks)
    for mode in ("vmap", "loop"):
        cost, chunked = gradient(taml, net, tasks, chunk_size=chunk_size, mode=mode)
        torch.testing.assert_close(cost, full_cost, rtol=1e-12, atol=1e-14)
        assert_same(chunked, full_grads)


@pytest.mark.parametrize("measure", INEQUALITIES)
def test_equal_tasks_have_no_inequality(measure: Any) -> None:
    """A meta-batch of one has none either: value and meta-gradient are MAML's."""
    net, one = small_net(), batch(tasks=1)
    same = Task(*(Examples(part.x.repeat(3, 1, 1), part.y.repeat(3, 1, 1)) for part in one))
    for tasks in (one, same):
        cost, ours = gradient(TAML(measure=measure, weight=1.0), net, tasks)
        expected, theirs = gradient(MAML(), net, tasks)
        torch.testing.assert_close(cost, expected, rtol=1e-10, atol=1e-12)
        assert_same(ours, theirs)


def test_reports_the_query_loss_and_not_the_cost() -> None:
    net, tasks = small_net(), batch()
    expected = over_tasks(lambda task: MAML().loss(net, task)[0], tasks)
    for measure in MEASURES:
        taml = TAML(measure=measure, weight=3.0)
        metrics = over_tasks(lambda task, taml=taml: taml.loss(net, task)[1], tasks)
        torch.testing.assert_close(metrics["loss"], expected, rtol=1e-12, atol=1e-14)


def test_real_targets_have_no_entropy() -> None:
    spec = TaskSpec(x_shape=(2,), y_dim=3, kind="regression")
    with pytest.raises(ConfigError, match=r"^fit: taml learns classification, got regression tasks"):
        check_kind(TAML(), spec, where="fit")
    check_kind(TAML(measure="theil"), spec, where="fit")


def test_at_test_takes_the_test_steps() -> None:
    taml = TAML(measure="gini", inner_lr=0.3, inner_steps=2, test_steps=7)
    assert taml.at_test() == TAML(measure="gini", inner_lr=0.3, inner_steps=7, test_steps=7)
    support = Examples(*(part[0] for part in batch().support))
    assert len(list(taml.at_test().path(small_net(), support))) == 8


def test_trains_on_as_many_queries_as_shots() -> None:
    assert TAML().training_sizes(Sizes(ways=20, shots=5, queries=15)) == Sizes(ways=20, shots=5, queries=5)
