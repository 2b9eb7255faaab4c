"""Noise as a function of the task: always the same for one task, different for other tasks, and random enough."""

import torch
from hypothesis import given, settings, strategies as st

from tokay import Examples, Task, one_hot, over_tasks
from tokay.core.probability.noise import gaussian, task_seed, uniform


def support(n: int = 6) -> Examples:
    return Examples(torch.randn(n, 1, 4, 4), one_hot(torch.arange(n) % 3, 3))


def test_order_and_padding_do_not_matter() -> None:
    x, y = support()
    order = torch.randperm(6)
    padded = Examples(torch.cat([torch.randn(2, 1, 4, 4), x]), torch.cat([torch.zeros(2, 3, dtype=torch.bool), y]))
    seed = task_seed(Examples(x, y))
    assert torch.equal(seed, task_seed(Examples(x[order], y[order])))
    assert torch.equal(seed, task_seed(padded))
    assert torch.equal(seed, task_seed(Examples(x, y[:, [2, 0, 1]])))
    assert torch.equal(seed, task_seed(Examples(x.double(), y)))


def test_every_example_and_pixel_matters() -> None:
    x, y = support()
    seeds = {int(task_seed(Examples(x, y)))}
    for index in range(6):
        for pixel in range(16):
            other = x.clone()
            other[index].view(-1)[pixel] += 0.25
            seeds.add(int(task_seed(Examples(other, y))))
    assert len(seeds) == 1 + 6 * 16
    swapped = x.flip(-1)  # the same pixels in other places
    assert not torch.equal(task_seed(Examples(swapped, y)), task_seed(Examples(x, y)))


def test_vmap_loop_and_chunks_draw_the_same() -> None:
    parts = [torch.stack(column) for column in zip(*(support() for _ in range(5)), strict=True)]
    tasks = Task(Examples(*parts), Examples(*parts))

    def draw(task: Task) -> torch.Tensor:
        return gaussian(task_seed(task.support), (3, 7), stream=2, like=task.support.x)

    mapped = over_tasks(draw, tasks)
    assert mapped.shape == (5, 3, 7)
    assert torch.equal(mapped, over_tasks(draw, tasks, mode="loop"))
    assert torch.equal(mapped, over_tasks(draw, tasks, chunk_size=2))
    assert len(mapped.flatten().unique()) == 5 * 21  # no two tasks share a draw


def test_neither_reads_nor_moves_torchs_generator() -> None:
    state = torch.get_rng_state()
    first = gaussian(task_seed(Examples(torch.ones(2, 3), torch.ones(2, 1))), (5,), like=torch.ones(()))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(123)
    assert torch.equal(first, gaussian(task_seed(Examples(torch.ones(2, 3), torch.ones(2, 1))), (5,), like=first))


@settings(max_examples=20)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 50))
def test_moments(seed: int, stream: int) -> None:
    n = 20_000
    like = torch.zeros((), dtype=torch.float64)
    normal = gaussian(torch.tensor(seed), (n,), stream=stream, like=like)
    flat = uniform(torch.tensor(seed), (n,), stream=stream, like=like)
    assert abs(float(normal.mean())) < 6 / n**0.5
    assert abs(float(normal.var()) - 1) < 6 * (2 / n) ** 0.5
    assert abs(float((normal**4).mean()) - 3) < 6 * (96 / n) ** 0.5
    assert abs(float(normal[1:] @ normal[:-1]) / n) < 6 / n**0.5
    assert 0 < float(flat.min()) < float(flat.max()) < 1
    assert abs(float(flat.mean()) - 0.5) < 6 * (1 / 12 / n) ** 0.5
    histogram = torch.histc(flat, 20, 0, 1)
    assert float(((histogram - n / 20) ** 2 / (n / 20)).sum()) < 19 + 6 * 38**0.5


def test_streams_are_independent() -> None:
    seed, like = torch.tensor(7), torch.zeros((), dtype=torch.float64)
    draws = torch.stack([gaussian(seed, (10_000,), stream=s, like=like) for s in range(6)])
    correlations = torch.corrcoef(draws) - torch.eye(6)
    assert float(correlations.abs().max()) < 0.06


def test_dtype_follows() -> None:
    assert gaussian(torch.tensor(1), (2,), like=torch.zeros((), dtype=torch.float32)).dtype == torch.float32
