"""The meta-gradient of every registered algorithm: the same mapped, looped and in chunks, and the derivative of the cost."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tokay import Task, over_tasks

from .helpers import Case, each_case, each_norm, excused, meta_gradient, relative, with_batches_of


@each_norm
@each_case
def test_every_weight_gets_a_gradient(case: Case, norm: str) -> None:
    net = case.build(norm)
    _, gradients = meta_gradient(case, net, case.tasks(norm))
    names = [name for name, _ in net.named_parameters()]
    with excused(case.algorithm, "every_weight_gets_a_gradient", case.variant):
        for name, gradient in zip(names, gradients, strict=True):
            assert float(gradient.abs().max()) > 1e-9, name


@each_norm
@each_case
def test_vmap_equals_loop(case: Case, norm: str) -> None:
    """In values, metrics and meta-gradients: the two differ in nothing but speed."""
    net, tasks = case.build(norm), case.tasks(norm)
    with excused(case.algorithm, "vmap_equals_loop", case.variant):
        mapped, mapped_gradient = meta_gradient(case, net, tasks, mode="vmap")
        looped, looped_gradient = meta_gradient(case, net, tasks, mode="loop")
        assert float((mapped - looped).abs()) < 1e-9
        assert relative(mapped_gradient, looped_gradient) < 1e-9
        values = [
            over_tasks(lambda task: case.algorithm.loss(net, task), tasks, mode=mode) for mode in ("vmap", "loop")
        ]
        torch.testing.assert_close(*values, rtol=1e-9, atol=1e-9)


@each_case
def test_mini_batches_are_the_same_in_both(case: Case) -> None:
    """vmap = loop = chunks where inner steps see a part of the support set, too."""
    case = replace(case, algorithm=with_batches_of(case.algorithm, 2))
    net, tasks = case.build("layer"), case.tasks("layer")
    looped_cost, looped = meta_gradient(case, net, tasks, mode="loop")
    for chunk_size in (None, 2):
        cost, mapped = meta_gradient(case, net, tasks, chunk_size=chunk_size)
        torch.testing.assert_close(cost, looped_cost, rtol=1e-10, atol=1e-12)
        assert relative(mapped, looped) < 1e-9


@each_norm
@each_case
def test_finite_differences(case: Case, norm: str) -> None:
    """The meta-gradient is the derivative of the cost, along random directions."""
    net, tasks = case.build(norm), case.tasks(norm)
    _, gradient = meta_gradient(case, net, tasks)
    with excused(case.algorithm, "finite_differences", case.variant):
        for _ in range(2):
            direction = [torch.randn_like(p) for p in net.parameters()]
            predicted = float(sum((g * d).sum() for g, d in zip(gradient, direction, strict=True)))
            for width in (1e-4, 1e-5, 1e-6, 1e-7):  # a kink (a ReLU, two equal losses) may lie within the wider ones
                measured = _slope(case, net, tasks, direction, width)
                if predicted == pytest.approx(measured, rel=2e-6, abs=1e-8):
                    break
            else:
                raise AssertionError(f"the gradient says {predicted}, the cost {measured}")


def _slope(case: Case, net: nn.Module, tasks: Task, direction: list[Tensor], width: float) -> float:
    """Central differences of fourth order."""

    def cost(distance: float) -> float:
        with torch.no_grad():
            for p, d in zip(net.parameters(), direction, strict=True):
                p.add_(d, alpha=distance)
            losses = over_tasks(lambda task: case.algorithm.loss(net, task)[0], tasks, mode="loop")
            for p, d in zip(net.parameters(), direction, strict=True):
                p.sub_(d, alpha=distance)
        return float(case.algorithm.reduce(losses))

    near, far = cost(width) - cost(-width), cost(2 * width) - cost(-2 * width)
    return (8 * near - far) / (12 * width)


@each_case
def test_chunks_change_nothing(case: Case) -> None:
    net, tasks = case.build("batch2d"), case.tasks("batch2d")
    cost, gradient = meta_gradient(case, net, tasks)
    for chunk_size in (1, 2, 5):
        chunked_cost, chunked = meta_gradient(case, net, tasks, chunk_size=chunk_size)
        torch.testing.assert_close(chunked_cost, cost, rtol=1e-12, atol=1e-12)
        assert relative(chunked, gradient) < 1e-12
    unchunked = over_tasks(lambda task: case.algorithm.loss(net, task), tasks)
    parts = over_tasks(lambda task: case.algorithm.loss(net, task), tasks, chunk_size=2)
    torch.testing.assert_close(parts, unchunked, rtol=1e-12, atol=1e-12)
