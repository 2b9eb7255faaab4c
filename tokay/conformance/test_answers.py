"""What every registered algorithm computes for one task: a cost, metrics, answers, and no trace left behind."""

import pytest
import torch
from torch import Tensor

import tokay
from tokay import Task, over_tasks

from .helpers import WAYS, Case, by_hand, cases, each_case, each_norm, excused, one_task

any_ways = pytest.mark.parametrize(
    "case", cases(accepts=lambda case: case.algorithm.any_ways and case.kind == "classification")
)


@each_norm
@each_case
def test_loss_and_metrics(case: Case, norm: str) -> None:
    """A finite cost (a vector only for a ``reduce`` of its own), and the true query loss of what ``predict`` answers."""
    net, task = case.build(norm), one_task(case.tasks(norm))
    loss, metrics = case.algorithm.loss(net, task)
    assert loss.ndim == 0 or type(case.algorithm).reduce is not tokay.Algorithm.reduce
    assert loss.ndim <= 1
    assert bool(torch.isfinite(loss).all())
    if case.algorithm.joint:  # it trains the network as it is, on all the examples there are
        outputs, y = net(torch.cat([task.support.x, task.query.x])), torch.cat([task.support.y, task.query.y])
    else:
        state = case.algorithm.adapt(net, task.support)
        outputs, y = case.algorithm.predict(net, state, task.query.x), task.query.y
    with excused(case.algorithm, "loss_and_metrics", case.variant):
        expected = by_hand(outputs, y)
        assert set(metrics) >= set(expected)
        for name, value in expected.items():
            assert metrics[name].shape == ()
            torch.testing.assert_close(metrics[name], value, rtol=1e-12, atol=1e-12)


@each_case
def test_predicts_one_row_per_query(case: Case) -> None:
    net, task = case.build("none"), one_task(case.tasks("none"))
    state = case.algorithm.adapt(net, task.support)
    for m in (1, 4):
        assert case.algorithm.predict(net, state, task.query.x[:m]).shape == (m, task.query.y.shape[1])


@any_ways
def test_any_ways(case: Case) -> None:
    """What says that it can be tested with other numbers of classes can be."""
    net = case.build("none")
    for ways in (WAYS - 1, WAYS + 2):
        task = one_task(case.tasks("none", ways=ways))
        state = case.algorithm.adapt(net, task.support)
        assert case.algorithm.predict(net, state, task.query.x).shape == (len(task.query.x), ways)


@each_case
def test_path_ends_adapted(case: Case) -> None:
    """The last state of ``path`` is what ``adapt`` gives."""
    net, task = case.build("none"), one_task(case.tasks("none"))
    *_, state = case.algorithm.path(net, task.support)
    adapted = case.algorithm.adapt(net, task.support)
    torch.testing.assert_close(
        case.algorithm.predict(net, state, task.query.x),
        case.algorithm.predict(net, adapted, task.query.x),
        rtol=0,
        atol=0,
    )


@each_norm
@each_case
def test_network_untouched(case: Case, norm: str) -> None:
    net, tasks = case.build(norm), case.tasks(norm)
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    task = one_task(tasks)
    state = case.algorithm.adapt(net, task.support)
    case.algorithm.predict(net, state, task.query.x)
    case.algorithm.loss(net, task)
    over_tasks(lambda task: case.algorithm.loss(net, task)[0], tasks)
    final = net.state_dict()
    assert initial.keys() == final.keys()
    assert all(torch.equal(initial[name], final[name]) for name in initial)
    assert all(p.grad is None for p in net.parameters())


@each_norm
@each_case
def test_without_gradients(case: Case, norm: str) -> None:
    """The answer is the same under ``no_grad`` and ``inference_mode``, where evaluation and serving run."""
    net, tasks = case.build(norm), case.tasks(norm)

    def answered(task: Task) -> Tensor:
        return case.algorithm.predict(net, case.algorithm.adapt(net, task.support), task.query.x)

    expected = over_tasks(answered, tasks).detach()
    with torch.no_grad():
        torch.testing.assert_close(over_tasks(answered, tasks), expected, rtol=1e-10, atol=1e-12)
    with torch.inference_mode():
        torch.testing.assert_close(over_tasks(answered, tasks), expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(answered(one_task(tasks)), expected[0], rtol=1e-10, atol=1e-12)


# Its meta-gradients.
