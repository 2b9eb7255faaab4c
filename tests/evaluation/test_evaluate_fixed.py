"""Evaluations of a source with a fixed list of tasks."""

import pytest
import torch
from torch import nn

from tokay import Examples, ProtoNet, Sizes, Task, evaluate
from tokay.core.seeding import BLOCK, generator
from tokay.evaluation.task_blocks import count_scored
from tokay.tasks import ClassPool, Episodes, FixedTasks


def episodes() -> Episodes:
    pool = ClassPool(torch.randint(256, (80, 1, 3, 3), dtype=torch.uint8), torch.full((8,), 10), tuple("abcdefgh"))
    return Episodes(pool, Sizes(ways=3, shots=2, queries=2))


@pytest.mark.parametrize("size", [7, BLOCK, 2 * BLOCK + 3])
def test_a_list_of_tasks_is_scored_once_in_its_order(size: int) -> None:
    """For any seed, and any number of tasks."""
    listed = FixedTasks(episodes().sample(size, generator(0, "list")))
    net = nn.Flatten()
    expected = torch.stack(
        [
            ProtoNet().loss(net, Task(*(Examples(part.x[0], part.y[0]) for part in listed.part(i, i + 1))))[0]
            for i in range(size)
        ]
    )
    for tasks, seed in ((size, 0), (size, 1), (600, 2)):
        evaluation = evaluate(ProtoNet(), net, listed, tasks=tasks, seed=seed)
        torch.testing.assert_close(evaluation.per_task["loss"], expected)
        assert evaluation["loss"].tasks == size
    few = evaluate(ProtoNet(), net, listed, tasks=5, seed=3)
    torch.testing.assert_close(few.per_task["loss"], expected[:5])
    assert (count_scored(listed, 5), count_scored(listed, 600), count_scored(episodes(), 600)) == (5, size, 600)
