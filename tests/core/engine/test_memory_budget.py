import pytest
import torch
from torch import nn

from tokay import MAML, ConfigError, Examples, Task, TaskSpec
from tokay.core.engine.memory_budget import fitting_chunk_size, peak_bytes
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

KIB = 1024


def block(kib: int) -> torch.Tensor:
    return torch.zeros(kib * KIB, dtype=torch.uint8)


def test_peak_of_living_tensors() -> None:
    def work() -> None:
        a = block(3)
        b = block(5)  # 8 alive
        del a
        block(2)  # 7 alive
        del b
        block(6)

    assert peak_bytes(work) == 8 * KIB


def test_views_and_in_place_operations_need_no_memory() -> None:
    def work() -> None:
        a = block(4)
        a.view(2, -1).t().add_(1)
        a[: 2 * KIB].zero_()

    assert peak_bytes(work) == 4 * KIB


def test_existing_tensors_do_not_count() -> None:
    existing = block(9)
    assert peak_bytes(lambda: existing[:KIB].clone()) == KIB
    assert peak_bytes(lambda: None) == 0


def test_the_backward_pass_counts() -> None:
    """Counts two saved tensors of 8 KiB and the tensors of the backward pass."""
    x = torch.ones(KIB, dtype=torch.float64, requires_grad=True)

    def forward() -> None:
        x.sin().cos().sum()

    def both() -> None:
        x.sin().cos().sum().backward()

    assert peak_bytes(forward) < peak_bytes(both) < 64 * KIB


def test_more_inner_steps_need_more_memory() -> None:
    net = MAML().build(nn.Sequential(nn.Linear(4, 32), nn.Tanh()), TaskSpec(x_shape=(4,), y_dim=2, kind="regression"))
    examples = Examples(torch.randn(1, 6, 4), torch.randn(1, 6, 2))

    def memory(steps: int) -> int:
        maml = MAML(inner_steps=steps)
        return peak_bytes(lambda: accumulate_meta_gradient(maml, net, Task(examples, examples)))

    assert memory(4) > 1.5 * memory(1)


def test_views_of_weights_do_not_count() -> None:
    """A linear layer transposes its weight. The result is a view and needs no memory."""
    net, x = nn.Linear(100, 1, bias=False), torch.randn(2, 100)
    assert peak_bytes(lambda: net(x)) == 8


@pytest.mark.parametrize("budget, tasks, chunk", [(4, 9, 1), (7, 9, 1), (8, 9, 2), (35, 9, 8), (36, 9, 9), (400, 9, 9)])
def test_number_of_tasks_that_fit(budget: int, tasks: int, chunk: int) -> None:
    assert fitting_chunk_size(budget * KIB, lambda: block(4), tasks) == chunk


def test_one_task_that_does_not_fit() -> None:
    with pytest.raises(
        ConfigError, match=r"^memory: the budget must hold at least one task, which takes 2 MiB, got 1 MiB"
    ):
        fitting_chunk_size(2**20, lambda: block(2 * KIB), 9)


def test_work_without_tensors() -> None:
    assert fitting_chunk_size(100, lambda: None, 9) == 9
