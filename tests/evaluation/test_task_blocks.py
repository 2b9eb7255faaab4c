"""Blocks of tasks, and how an accelerator joins them."""

from itertools import count

import torch

from tokay import Examples, Sizes, Task
from tokay.core.seeding import BLOCK
from tokay.evaluation.task_blocks import merge_blocks, task_blocks
from tokay.tasks.table_rows import TaskList, TaskRows


def test_an_accelerator_takes_many_blocks_of_one_shape_at_a_time() -> None:
    numbers = count()

    def block(tasks: int, shots: int = 5, size: int = 2, queries: int = 5) -> Task:
        x, q = (torch.full((tasks, n, size), float(next(numbers))) for n in (shots, queries))
        return Task(Examples(x, x), Examples(q, q))

    large = {"size": 100_000}
    input_blocks = [block(BLOCK), block(BLOCK), block(BLOCK, 7), block(BLOCK, 7, queries=9)]
    input_blocks += [block(BLOCK, **large), block(3, **large)]
    for device, expected_batches in (
        ("cpu", [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]),
        ("cuda", [(0, 2), (2, 1), (3, 1), (4, 1), (5, 1)]),
    ):
        batches = list(merge_blocks(iter(enumerate(input_blocks)), torch.device(device)))
        assert [start for start, _, _ in batches] == [start for start, _ in expected_batches]
        assert batches[-1][1] == 5 * BLOCK + 3
        for (start, blocks), (_, _, joined) in zip(expected_batches, batches, strict=True):
            expected = torch.cat([part.support.x for part in input_blocks[start : start + blocks]])
            assert torch.equal(joined.support.x, expected)
    many = [block(BLOCK) for _ in range(50)]
    assert [so_far for _, so_far, _ in merge_blocks(iter(enumerate(many)), torch.device("cuda"))] == [500, 1000, 1250]


def test_a_block_ends_where_the_length_of_the_tasks_changes() -> None:
    counts = torch.tensor([*[5] * 30, 7, 5])
    x = torch.arange(float(counts.sum()))[:, None]
    names = tuple(map(str, range(32)))
    rows = TaskRows(x=x, y=x, counts=counts[:, None], names=names, is_ordered=True)
    source = TaskList(rows, Sizes(shots=2, queries=1), "test")
    blocks = list(task_blocks(source, 600, 0))
    assert [index for index, _ in blocks] == [0, 1, 2, 3]
    assert [tuple(block.query.x.shape[:2]) for _, block in blocks] == [(BLOCK, 3), (5, 3), (1, 5), (1, 3)]
    assert torch.equal(
        torch.cat([block.support.x[:, 0, 0] for _, block in blocks]), (counts.cumsum(0) - counts).float()
    )
    assert sum(len(block.query.x) for _, block in task_blocks(source, 27, 1)) == 27
