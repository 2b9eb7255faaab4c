"""How many tasks are scored at a time, which is another number on an accelerator."""

from itertools import count

import torch

from tokay import Examples, Task
from tokay.evaluation.evaluate import BLOCK, _together


def test_an_accelerator_takes_many_blocks_of_one_shape_at_a_time() -> None:
    numbers = count()

    def block(tasks: int, shots: int = 5, size: int = 2, queries: int = 5) -> Task:
        x, q = (torch.full((tasks, n, size), float(next(numbers))) for n in (shots, queries))
        return Task(Examples(x, x), Examples(q, q))

    large = {"size": 100_000}
    given = [block(BLOCK), block(BLOCK), block(BLOCK, 7), block(BLOCK, 7, queries=9)]
    given += [block(BLOCK, **large), block(3, **large)]
    for device, taken in (
        ("cpu", [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]),
        ("cuda", [(0, 2), (2, 1), (3, 1), (4, 1), (5, 1)]),
    ):
        found = list(_together(iter(enumerate(given)), torch.device(device)))
        assert [start for start, _, _ in found] == [start for start, _ in taken]
        assert found[-1][1] == 5 * BLOCK + 3
        for (start, blocks), (_, _, whole) in zip(taken, found, strict=True):
            expected = torch.cat([part.support.x for part in given[start : start + blocks]])
            assert torch.equal(whole.support.x, expected)
    many = [block(BLOCK) for _ in range(50)]
    assert [done for _, done, _ in _together(iter(enumerate(many)), torch.device("cuda"))] == [500, 1000, 1250]
