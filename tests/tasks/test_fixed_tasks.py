"""A fixed list of tasks as a source."""

import pytest
import torch

from tokay.core.seeding import generator
from tokay.core.task import Examples, Task, TaskSpec, check_task, one_hot
from tokay.tasks import FixedTasks


@pytest.fixture
def source() -> FixedTasks:
    """Seven tasks of two ways. The value of the first support example is the number of the task."""
    number = torch.arange(7.0)[:, None, None]
    support = Examples(torch.cat([number, number + 100], 1), one_hot(torch.tensor([[0, 1]] * 7), 2))
    query = Examples(
        torch.cat([number + 200, number + 300, number + 400], 1), one_hot(torch.tensor([[1, 0, 1]] * 7), 2)
    )
    return FixedTasks(Task(support, query))


def numbers(task: Task) -> list[int]:
    return [int(x) for x in task.support.x[:, 0, 0]]


def test_is_a_source(source: FixedTasks) -> None:
    assert source.spec == TaskSpec(x_shape=(1,), y_dim=2)
    assert len(source) == 7
    check_task(source.sample(4, generator(0, "test")), source.spec, where="test")


def test_regression_is_told_by_the_targets() -> None:
    examples = Examples(torch.zeros(2, 3, 4), torch.zeros(2, 3, 5))
    assert FixedTasks(Task(examples, examples)).spec == TaskSpec(x_shape=(4,), y_dim=5, kind="regression")


def test_parts_are_in_order_and_whole(source: FixedTasks) -> None:
    part = source.part(2, 5)
    assert numbers(part) == [2, 3, 4]
    assert part.query.x[:, :, 0].tolist() == [[200.0 + n, 300.0 + n, 400.0 + n] for n in (2, 3, 4)]
    assert part.query.y.int().argmax(-1).tolist() == [[1, 0, 1]] * 3


@pytest.mark.parametrize("tasks", [1, 5, 7, 8, 20])
def test_no_task_is_drawn_twice_before_all_were(source: FixedTasks, tasks: int) -> None:
    sample = source.sample(tasks, generator(1, "test"))
    order = numbers(sample)
    assert len(order) == tasks
    for start in range(0, tasks, 7):
        assert len(set(order[start : start + 7])) == len(order[start : start + 7])
    assert (sample.query.x[:, 0, 0] == sample.support.x[:, 0, 0] + 200).all()


def test_samples_are_a_pure_function_of_the_generator(source: FixedTasks) -> None:
    draws = [numbers(source.sample(20, generator(seed, "test"))) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0][:7] != draws[0][7:14]
