"""Tasks that are groups of rows."""

import pytest
import torch

from tokay import Sizes, TaskError
from tokay.core.task import check_task, one_hot
from tokay.tasks.table_rows import TaskDraws, TaskList, TaskRows


def number_rows(*counts: int, is_ordered: bool = False) -> TaskRows:
    """Rows whose input is their number, in tasks of so many rows."""
    x = torch.arange(float(sum(counts)))[:, None]
    names = tuple(f"p{number}" for number in range(len(counts)))
    return TaskRows(
        x=x, y=-x, counts=torch.tensor(counts)[:, None], names=names, is_ordered=is_ordered, y_scale=2.0, y_unit="kg"
    )


def class_rows(*counts: tuple[int, int], is_ordered: bool = False) -> TaskRows:
    """Rows of tasks with two classes."""
    table = torch.tensor(counts)
    x = torch.arange(float(table.sum()))[:, None]
    labels = torch.tensor([0, 1]).repeat(len(counts)).repeat_interleave(table.flatten())
    names = tuple(f"p{number}" for number in range(len(counts)))
    return TaskRows(x=x, y=one_hot(labels, 2), counts=table, names=names, is_ordered=is_ordered)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_draws_have_different_rows_of_one_task(is_ordered: bool) -> None:
    source = TaskDraws(number_rows(7, 20, 5, is_ordered=is_ordered), Sizes(shots=3, queries=3), "table")
    task = source.sample(200, generator())
    check_task(task, source.spec, where="test")
    rows = torch.cat([task.support.x, task.query.x], 1)[..., 0]
    assert all(len(set(row.tolist())) == 6 for row in rows)
    assert set((rows >= 7).all(1).tolist()) == {False, True}
    assert all(len({int(r >= 7) for r in row}) == 1 for row in rows.tolist())  # one task, and never the one with 5 rows
    assert rows.max() < 27
    assert set(rows.flatten().tolist()) == set(range(27))  # and each row comes
    assert torch.equal(task.query.y, -task.query.x)


def test_in_order_the_support_rows_come_first_and_follow_each_other() -> None:
    task = TaskDraws(number_rows(9, is_ordered=True), Sizes(shots=3, queries=2), "table").sample(300, generator())
    support, query = task.support.x[..., 0], task.query.x[..., 0]
    assert torch.equal(support[:, 1:] - support[:, :-1], torch.ones(300, 2))
    assert bool((query > support[:, -1:]).all())
    assert bool((query[:, 1:] > query[:, :-1]).all())
    assert set(support[:, 0].tolist()) == set(range(5))


def test_a_sample_depends_only_on_the_generator() -> None:
    source = TaskDraws(number_rows(7, 20), Sizes(shots=3, queries=3), "table")
    assert torch.equal(source.sample(5, generator()).query.x, source.sample(5, generator()).query.x)
    assert torch.equal(source.to("cpu").sample(5, generator()).query.x, source.sample(5, generator()).query.x)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_the_list_has_each_task_once_with_all_other_rows(is_ordered: bool) -> None:
    source = TaskList(number_rows(7, 4, 9, is_ordered=is_ordered), Sizes(shots=3, queries=2), "table")
    assert len(source) == 2  # four rows are too few
    assert source.lengths() == [(3, 4), (3, 6)]
    task = source.part(1, 2)
    rows = torch.cat([task.support.x, task.query.x], 1).flatten().tolist()
    assert sorted(rows) == list(range(11, 20))
    assert (rows == sorted(rows)) is is_ordered
    assert torch.equal(source.to("cpu").part(1, 2).query.x, task.query.x)
    with pytest.raises(TaskError, match=r"^table: tasks in one block must have equal numbers of rows"):
        source.part(0, 2)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_as_many_queries_as_asked(is_ordered: bool) -> None:
    rows = number_rows(7, 9, is_ordered=is_ordered)
    source = TaskList(rows, Sizes(shots=3, queries=2), "table", all_rows=False)
    assert source.lengths() == [(3, 2), (3, 2)]
    assert source.part(0, 2).query.x.shape == (2, 2, 1)
    other = TaskList(rows, Sizes(shots=3, queries=2), "table", all_rows=False, seed=1)
    assert not torch.equal(source.part(0, 2).query.x, other.part(0, 2).query.x)
    assert source.sample(4, generator()).query.x.shape == (4, 2, 1)


def test_the_rows_of_a_task_do_not_depend_on_the_other_tasks() -> None:
    single = TaskList(number_rows(8), Sizes(shots=3, queries=2), "table").part(0, 1)
    several = TaskList(number_rows(8, 30), Sizes(shots=3, queries=2), "table").part(0, 1)
    assert torch.equal(single.support.x, several.support.x)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_classes(is_ordered: bool) -> None:
    rows = class_rows((6, 5), (3, 9), (8, 4), is_ordered=is_ordered)
    source = TaskDraws(rows, Sizes(ways=2, shots=2, queries=2), "table")
    task = source.sample(50, generator())
    check_task(task, source.spec, where="test")
    assert task.support.y.sum(1).tolist() == [[2, 2]] * 50
    assert task.query.y.sum(1).tolist() == [[2, 2]] * 50
    in_task = task.query.x[..., 0]
    assert not bool(((in_task >= 11) & (in_task < 23)).any())  # the second task has too few rows of one class
    assert len({tuple(row) for row in task.support.y[..., 0].int().tolist()}) > 2  # in random order
    tests = TaskList(rows, Sizes(ways=2, shots=2, queries=2), "table")
    assert tests.lengths() == [(4, 7), (4, 8)]
    check_task(tests.part(0, 1), tests.spec, where="test")


def test_what_does_not_fit() -> None:
    with pytest.raises(
        TaskError, match=r"^table: 8 shots \+ 3 queries need 11 rows in a task, the largest of 2 tasks has 9\."
    ):
        TaskDraws(number_rows(7, 9), Sizes(shots=8, queries=3), "table")
    with pytest.raises(TaskError, match=r"need 6 rows of each class in a task, the largest of 1 tasks has 4"):
        TaskList(class_rows((4, 9)), Sizes(ways=2, shots=3, queries=3), "table")
    with pytest.raises(TaskError, match=r"a task has the 2 classes of column .*, got 5 ways\. Ask for 2 ways\."):
        TaskDraws(class_rows((4, 9)), Sizes(ways=5, shots=1, queries=1), "table")


def test_a_task_with_one_row() -> None:
    with pytest.raises(TaskError, match=r"1 shots \+ 1 queries need 2 rows in a task, the largest of 3 tasks has 1\."):
        TaskList(number_rows(1, 1, 1), Sizes(shots=1, queries=1), "table")
    assert len(TaskList(number_rows(1, 2), Sizes(shots=1, queries=1), "table")) == 1
