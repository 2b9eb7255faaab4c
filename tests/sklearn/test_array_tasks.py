"""Episodes from arrays: sizes, divisions, the order of classes, and unequal lengths."""

from typing import Any

import numpy as np
import pytest
import torch

import tokay
from tokay import ConfigError, TaskError
from tokay.core.task import Task
from tokay.sklearn.array_tasks import ArrayTasks
from tokay.sklearn.task_arrays import TaskArrays, read_tasks

from .task_lists import groups, line


def _arrays(tasks: list[Any]) -> list[TaskArrays]:
    return read_tasks(tasks, tokay.MAML(), "me")[0]


def _source(tasks: list[Any], **sizes: Any) -> ArrayTasks:
    return ArrayTasks(_arrays(tasks), **sizes)


def _samples(source: ArrayTasks, count: int = 30, tasks: int = 2) -> list[Task]:
    generator = torch.Generator().manual_seed(0)
    return [source.sample(tasks, generator) for _ in range(count)]


def _rows(x: torch.Tensor) -> set[tuple[float, ...]]:
    return {tuple(row) for row in x.flatten(0, -2).tolist()}


@pytest.mark.parametrize(
    "rows, sizes",
    [(20, (5, 15)), (30, (5, 15)), (40, (5, 15)), (8, (4, 4)), (2, (1, 1)), (3, (1, 2))],
)
def test_default_sizes_follow_the_tasks(rows: int, sizes: tuple[int, int]) -> None:
    source = _source([groups(["a", "b"], rows=rows)])
    assert (source.ways, source.shots, source.queries) == (2, *sizes)
    task = _samples(source, 1)[0]
    assert task.support.y.shape == (2, 2 * sizes[0], 2)
    assert task.query.y.shape == (2, 2 * sizes[1], 2)


def test_default_sizes_of_real_targets_are_points() -> None:
    assert [(s.shots, s.queries) for s in (_source([line(1.0, rows=n)]) for n in (8, 40))] == [(4, 4), (10, 15)]
    source = _source([(np.eye(6), np.eye(6)[:, :3])], shots=2)
    assert (source.spec.kind, source.spec.y_dim, source.spec.x_shape) == ("regression", 3, (6,))
    assert _samples(source, 1)[0].query.y.shape == (2, 4, 3)


def test_sizes_of_the_caller_are_used() -> None:
    source = _source([groups(["a", "b", "c"], rows=9, seed=seed) for seed in range(3)], ways=2, shots=3, queries=4)
    task = _samples(source, 1)[0]
    assert task.support.y.shape == (2, 6, 2)
    assert task.query.y.shape == (2, 8, 2)
    assert not source.has_fixed_order


def test_support_and_query_are_balanced_and_share_no_row() -> None:
    tasks = [groups(["a", "b", "c"], rows=rows, seed=rows) for rows in (4, 7, 12)]
    all_rows = _rows(torch.cat([torch.from_numpy(x).float() for x, _ in tasks]))
    for task in _samples(_source(tasks)):
        for part in task:
            counts = part.y.sum(1)
            assert (counts == counts[:, :1]).all()
        for support, query in zip(task.support.x, task.query.x, strict=True):
            assert not _rows(support) & _rows(query)
        assert _rows(task.support.x) | _rows(task.query.x) <= all_rows


def test_tasks_of_unequal_lengths_are_drawn_equally_often_and_with_few_sizes() -> None:
    tasks = [line(float(rows), rows=rows) for rows in (2, 3, 5, 9, 20, 33)]
    source = _source(tasks, shots=8, queries=8)
    slopes, sizes = [], set()
    for task in _samples(source, 600, tasks=1):
        slopes.append(float((task.query.y[0, :, 0] / task.query.x[0, :, 0]).median()))
        sizes.add((task.support.x.shape[1], task.query.x.shape[1]))
    counts = np.bincount(np.round(slopes).astype(int))[[2, 3, 5, 9, 20, 33]]
    assert (counts > 60).all()
    assert sizes == {(1, 1), (1, 2), (2, 2), (4, 4), (8, 8)}


def test_a_task_that_comes_divided_stays_so() -> None:
    x, y = groups(["a", "b"], rows=6)
    is_support = np.tile([True, True, False, False, False, False], 2)
    source = _source([(x[is_support], y[is_support], x[~is_support], y[~is_support])] * 2)
    assert (source.shots, source.queries) == (2, 4)
    for task in _samples(source):
        assert _rows(task.support.x) == _rows(torch.from_numpy(x[is_support]).float())
        assert _rows(task.query.x) == _rows(torch.from_numpy(x[~is_support]).float())


def _numbers_of_a(source: ArrayTasks) -> set[int]:
    """The numbers that class a of the first task gets."""
    first = source.tasks[0]
    rows = first.x[first.y == 0][:, 0]
    examples = [part for task in _samples(source, 60) for part in task]
    return {number for x, y in examples for number in y[torch.isin(x[..., 0], rows)].int().argmax(-1).tolist()}


def test_classes_with_a_meaning_keep_their_number() -> None:
    same = [groups(["a", "b"], seed=seed) for seed in range(2)]
    different = [groups(["a", "b"]), groups(["c", "d"], seed=1)]
    assert _source(same).has_fixed_order
    assert _numbers_of_a(_source(same)) == {0}
    assert _numbers_of_a(_source(same, has_fixed_order=False)) == {0, 1}
    assert not _source(different).has_fixed_order
    assert _numbers_of_a(_source(different)) == {0, 1}


def test_a_class_that_only_some_tasks_can_use_frees_the_order() -> None:
    """Both tasks have two usable classes, but not the same ones: b would be number 1 here and 0 there."""
    x = np.random.default_rng(0).normal(size=(9, 2))
    source = _source([(x, list("aaaabbbbc")), (x, list("abbbbcccc"))])
    assert (source.ways, source.has_fixed_order) == (2, False)


@pytest.mark.parametrize(
    "tasks, sizes, error, message",
    [
        ([groups(["a", "b"])], {"ways": 1}, ConfigError, "ways must be at least 2, got 1"),
        ([groups(["a", "b"])], {"ways": 2.5}, ConfigError, "ways must be a whole number"),
        ([groups(["a", "b"])], {"shots": 0}, ConfigError, "shots must be at least 1"),
        ([groups(["a", "b"])], {"queries": "4"}, ConfigError, "queries must be a whole number"),
        ([line(1.0)], {"ways": 2}, ConfigError, "ways is for tasks of classes, the targets are real, got 2"),
        ([groups(["a", "b"])], {"ways": 3}, TaskError, "me: task 0: needs 3 classes with 2 rows each, got 2 of 2"),
        (
            [groups(["a", "b"]), groups(["a"])],
            {},
            TaskError,
            "me: task 1: needs 2 classes with 2 rows each, got 1 of 1",
        ),
        ([(np.eye(3), list("aab"))], {}, TaskError, "me: task 0: needs 2 classes with 2 rows each, got 1 of 2"),
        (
            [(np.eye(2), list("ab"), np.eye(2)[:1], ["a"])],
            {},
            TaskError,
            "needs 2 classes with a row in the support and in the query set each, got 1 of 2",
        ),
        (
            [groups(["a", "b"]), groups(["a", "c"])],
            {"has_fixed_order": True},
            TaskError,
            r"me: task 1: must have the classes of the first task, because has_fixed_order is on \(a b\), got a c",
        ),
        (
            [groups(["a", "b", "c"])],
            {"has_fixed_order": True, "ways": 2},
            ConfigError,
            "has_fixed_order needs all 3 classes in every episode, with two rows each, got 2 ways",
        ),
    ],
)
def test_what_the_tasks_cannot_have_is_refused(tasks: Any, sizes: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as refusal:
        _source(tasks, **sizes)
    assert "\n" not in str(refusal.value)


def test_other_tasks_are_drawn_alike() -> None:
    source = _source([groups(["a", "b"], rows=6), groups(["a", "b"], rows=6, seed=1)], shots=2, queries=3)
    other = source.like(_arrays([groups(["a", "b"], rows=50)]))
    assert (other.ways, other.shots, other.queries, other.has_fixed_order) == (2, 2, 3, True)
    with pytest.raises(TaskError, match=r"me: task 0: must have the classes of the training tasks \(a b\), got a c"):
        source.like(_arrays([groups(["a", "c"])]))
    with pytest.raises(TaskError, match=r"must be like the training tasks: inputs \(2,\) with classes, got .* real"):
        source.like(_arrays([line(1.0)]))
    regression = _source([line(1.0), line(2.0)])
    assert regression.like(_arrays([line(3.0)])).spec == regression.spec


def test_joint_batches_hold_all_classes() -> None:
    same = _source([groups(["a", "b"], seed=seed) for seed in range(3)])
    assert same.joint().spec.y_dim == 2
    different = _source([groups(["a", "b"]), groups(["a", "c"])])
    assert different.joint().spec.y_dim == 4
    regression = _source([line(1.0)])
    assert regression.joint() is regression


def test_a_sample_depends_on_the_generator_alone() -> None:
    source = _source([groups(["a", "b", "c"], rows=rows) for rows in (4, 9)])
    first, again = (_samples(source, 5) for _ in range(2))
    assert all(torch.equal(a.support.x, b.support.x) for a, b in zip(first, again, strict=True))
