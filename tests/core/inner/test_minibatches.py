"""The order of mini-batches: rounds without replacement, the same for every task."""

from collections import Counter

import pytest
import torch
from torch._C._functorch import is_functorch_wrapped_tensor

from tokay import Examples, Task, over_tasks
from tokay.core.inner.minibatches import _cache, cycle, minibatches


@pytest.mark.parametrize("n, batch, steps", [(6, 2, 9), (5, 2, 10), (7, 3, 14), (5, 4, 10), (3, 1, 7), (4, 4, 3)])
def test_rounds_are_without_replacement(n: int, batch: int, steps: int) -> None:
    order = cycle(n, batch, steps)
    assert order.shape == (steps, batch)
    flat = order.flatten().tolist()
    for start in range(0, len(flat), n):
        one_round = flat[start : start + n]
        assert len(set(one_round)) == len(one_round)
        assert set(one_round) <= set(range(n))
    counts = Counter(flat)
    assert max(counts.values()) - min(counts[i] for i in range(n)) <= 1


def test_each_one_roundhas_a_new_order() -> None:
    rounds = cycle(20, 20 // 2, 6).reshape(3, 20).tolist()
    assert rounds[0] != rounds[1]
    assert rounds[1] != rounds[2]
    assert rounds[0] != list(range(20))


def test_the_order_depends_only_on_the_arguments() -> None:
    first = cycle(10, 3, 5)
    torch.manual_seed(99)
    assert torch.equal(cycle(10, 3, 5), first)
    assert torch.equal(cycle(10, 3, 4), first[:4])


def test_a_large_batch_is_all_examples() -> None:
    assert cycle(3, 10, 2).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_the_global_random_state_is_untouched() -> None:
    state = torch.get_rng_state()
    cycle(10, 3, 5)
    assert torch.equal(torch.get_rng_state(), state)


def test_minibatches_keep_inputs_and_targets_together() -> None:
    x = torch.arange(7.0)[:, None]
    batches = minibatches(Examples(x, x * 10), 3, 5)
    assert len(batches) == 5
    for step, batch in enumerate(batches):
        assert torch.equal(batch.x[:, 0].long(), cycle(7, 3, 5)[step])
        assert torch.equal(batch.y, batch.x * 10)


def test_a_full_batch_is_the_same_object() -> None:
    examples = Examples(torch.randn(4, 2), torch.randn(4, 1))
    assert all(batch is examples for batch in minibatches(examples, 4, 3))
    assert len(minibatches(examples, 9, 3)) == 3


@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_the_order_is_the_same_for_every_task_of_a_map(chunk_size: int | None) -> None:
    x = torch.arange(7.0).expand(4, 7)[..., None]
    tasks = Task(Examples(x, x), Examples(x, x))
    orders = over_tasks(
        lambda task: torch.stack([b.x for b in minibatches(task.support, 3, 5)]), tasks, chunk_size=chunk_size
    )
    for order in orders:
        assert torch.equal(order[..., 0].long(), cycle(7, 3, 5))


def test_the_cache_holds_no_index_of_a_derivative() -> None:
    """A tensor that torch.func.grad wraps is dead after the call, so the cache must not hold it."""
    x = torch.arange(11.0)[:, None]

    def total(x: torch.Tensor) -> torch.Tensor:
        return sum(b.x.square().sum() for b in minibatches(Examples(x, x), 4, 5))  # type: ignore[return-value]

    counts = torch.bincount(cycle(11, 4, 5).flatten(), minlength=11)
    for _ in range(2):
        assert not any(is_functorch_wrapped_tensor(index) for index in _cache.values())
        assert torch.equal(torch.func.grad(total)(x)[:, 0], 2 * x[:, 0] * counts)
        assert torch.equal(torch.func.vmap(torch.func.grad(total))(x.expand(3, 11, 1))[2, :, 0], 2 * x[:, 0] * counts)
    with torch.inference_mode():
        total(x)
    leaf = x.clone().requires_grad_()
    total(leaf).backward()
    assert leaf.grad is not None
    assert torch.equal(leaf.grad[:, 0], 2 * x[:, 0] * counts)
