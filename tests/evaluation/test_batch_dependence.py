"""The probe: does an answer depend on the other inputs?"""

from typing import Any

import pytest
import torch
from torch import Tensor

from tokay import Examples, Task
from tokay.evaluation.batch_dependence import answer_twice, answers_differ, depends_on_batch, is_small_batch


def tasks(queries: int) -> Task:
    x, q = torch.randn(3, 2, 4), torch.randn(3, queries, 4)
    return Task(Examples(x, x), Examples(q, q))


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("queries, depends", [(2, True), (5, True), (1, False)])
def test_a_mean_over_inputs_is_seen(queries: int, depends: bool, mode: Any) -> None:
    def centred(task: Task) -> tuple[Tensor, Tensor]:
        return answer_twice(lambda x: x - x.mean(0), task.query.x)

    def row_by_row(task: Task) -> tuple[Tensor, Tensor]:
        return answer_twice(lambda x: x - x.mean(1, keepdim=True), task.query.x)

    assert depends_on_batch(centred, tasks(queries), mode=mode) is depends
    assert depends_on_batch(row_by_row, tasks(queries), mode=mode) is False


def test_only_the_first_task_is_probed() -> None:
    batch = tasks(4)
    inputs: list[Tensor] = []

    def answers(task: Task) -> tuple[Tensor, Tensor]:
        inputs.append(task.query.x)
        return task.query.x, task.query.x

    assert depends_on_batch(answers, batch, mode="vmap") is False
    (x,) = inputs
    assert torch.equal(x, batch.query.x[0])


@pytest.mark.parametrize("n", [2, 3])
def test_the_second_half_changes_and_the_first_stays(n: int) -> None:
    calls: list[Tensor] = []

    def predict(x: Tensor) -> Tensor:
        calls.append(x)
        return 10 * x

    x = torch.arange(1.0, n + 1)
    first, second = answer_twice(predict, x)
    half = (n + 1) // 2
    assert torch.equal(first, 10 * x[:half])
    assert torch.equal(second, first)
    assert torch.equal(calls[0], x)
    assert torch.equal(calls[1], torch.cat([x[:half], x[: n - half]]))


def test_rounding_is_no_difference() -> None:
    answers = torch.randn(5, 3)
    assert not answers_differ(answers, answers * (1 + 1e-5))
    assert answers_differ(answers, answers + 0.01)
    assert answers_differ(answers, torch.full_like(answers, torch.nan))


def test_only_rows_of_the_input_are_asked() -> None:
    """Networks that look up token indices fail on invented ones."""
    embedding = torch.nn.Embedding(3, 2)
    first, second = answer_twice(lambda x: embedding(x[:, 0].long()), torch.tensor([[0.0], [1.0], [2.0]]))
    assert torch.equal(first, second)


def test_a_batch_is_small_if_it_has_fewer_examples_than_the_support_set() -> None:
    assert [is_small_batch(queries, 5) for queries in (1, 4, 5, 75)] == [True, True, False, False]


def test_a_diverged_answer_does_not_count_as_a_dependence() -> None:
    diverged = torch.tensor([float("nan"), float("inf"), 1.0])
    assert not answers_differ(diverged, diverged.clone())
    assert answers_differ(diverged, torch.tensor([float("nan"), 1.0, 1.0]))
