"""What must not matter to any registered algorithm: the order of examples, the numbers of classes, padding."""

import pytest
import torch

from tokay import Task
from tokay.core.task import Examples

from .helpers import WITHOUT_BATCH_STATISTICS, Case, cases, each_case, excused, one_task, relative, with_batches_of

each_classifier = pytest.mark.parametrize("case", cases(accepts=lambda case: case.kind == "classification"))
each_ordered = pytest.mark.parametrize("case", cases(accepts=lambda case: case.algorithm.ordered))


@each_case
def test_support_order(case: Case) -> None:
    net, task = case.build("batch1d"), one_task(case.tasks("batch1d"))
    n = len(task.support.x)
    order = torch.arange(n).flip(0) if case.algorithm.ordered else torch.randperm(n)
    reordered = Examples(task.support.x[order], task.support.y[order])
    states = (case.algorithm.adapt(net, support) for support in (task.support, reordered))
    a, b = (case.algorithm.predict(net, state, task.query.x) for state in states)
    if case.algorithm.ordered:
        assert relative([a.detach()], [b.detach()]) > 1e-6, "it is declared to be ordered, and is not"
        return
    with excused(case.algorithm, "support_order", case.variant):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", cases(accepts=lambda case: with_batches_of(case.algorithm, 2) != case.algorithm))
def test_support_order_in_mini_batches(case: Case) -> None:
    """A method that adapts by mini-batches of rows says so: ``support_order[mini-batches]`` in its ``exceptions``."""
    net, task = case.build("none"), one_task(case.tasks("none"))
    algorithm = with_batches_of(case.algorithm, 2)
    reordered = Examples(task.support.x.flip(0), task.support.y.flip(0))
    states = (algorithm.adapt(net, support) for support in (task.support, reordered))
    a, b = (algorithm.predict(net, state, task.query.x) for state in states)
    with excused(algorithm, "support_order", "mini-batches"):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@each_ordered
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_along_is_one_prefix_after_the_other(case: Case, norm: str) -> None:
    """What is predicted on the way is what adapting to each beginning of the sequence predicts, the empty one included."""
    net, task = case.build(norm), one_task(case.tasks(norm))
    x, y = task.support
    prefixes = [case.algorithm.adapt(net, Examples(x[:t], y[:t])) for t in range(len(x))]
    expected = [case.algorithm.predict(net, state, x[t : t + 1])[0] for t, state in enumerate(prefixes)]
    torch.testing.assert_close(
        case.algorithm.predict_along(net, task.support), torch.stack(expected), rtol=1e-10, atol=1e-12
    )
    padded = _padded(task.support)
    if case.kind == "classification":
        real = padded.y.any(1)
        torch.testing.assert_close(
            case.algorithm.predict_along(net, padded)[real], torch.stack(expected), rtol=1e-10, atol=1e-12
        )


@each_classifier
def test_class_permutation(case: Case) -> None:
    """Numbering the classes otherwise (and with them the rows of the head, if there is one) renumbers the answers."""
    net, task = case.build("batch1d", is_moved=False), one_task(case.tasks("batch1d"))
    order = torch.tensor([2, 0, 1])
    answers = case.algorithm.predict(net, case.algorithm.adapt(net, task.support), task.query.x)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.split(".")[-2:-1] == ["head"]:
                p.copy_(p[order])
    support = Examples(task.support.x, task.support.y[:, order])
    renumbered = case.algorithm.predict(net, case.algorithm.adapt(net, support), task.query.x)
    with excused(case.algorithm, "class_permutation", case.variant):
        torch.testing.assert_close(renumbered, answers[:, order], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm", WITHOUT_BATCH_STATISTICS)
@each_classifier
def test_padding(case: Case, norm: str) -> None:
    """Rows of no class change neither what is learned nor how it is judged, wherever they are."""
    net, task = case.build(norm), one_task(case.tasks(norm))
    padded = Task(*(_padded(part) for part in task))
    loss, metrics = case.algorithm.loss(net, task)
    with excused(case.algorithm, "padding", case.variant):
        padded_loss, padded_metrics = case.algorithm.loss(net, padded)
        torch.testing.assert_close(padded_loss, loss, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(dict(padded_metrics), dict(metrics), rtol=1e-10, atol=1e-12)
        a, b = (
            case.algorithm.predict(net, case.algorithm.adapt(net, support), task.query.x)
            for support in (task.support, padded.support)
        )
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def _padded(part: Examples, rows: int = 3) -> Examples:
    x = torch.cat([part.x[:1], 10 * torch.randn_like(part.x[:rows]), part.x[1:]])
    y = torch.cat([part.y[:1], torch.zeros_like(part.y[:rows]), part.y[1:]])
    return Examples(x, y)
