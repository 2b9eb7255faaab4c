"""Arrays become tasks; what cannot be learned from is named with the number of its task."""

from typing import Any

import numpy as np
import pandas
import pytest
import torch

import tokay
from tokay import TaskError
from tokay.sklearn.task_arrays import check_alike, read_tasks

from .task_lists import groups, line

X, Y = groups(["a", "b"])


def _read(tasks: Any, method: Any = None) -> Any:
    return read_tasks(tasks, method or tokay.MAML(), "me")


@pytest.mark.parametrize(
    "labels, classes",
    [
        (["b", "a", "b", "a"], ("a", "b")),
        (np.array(["b", "a", "b", "a"], dtype=object), ("a", "b")),
        ([True, False, True, False], (False, True)),
        ([7, -1, 7, -1], (-1, 7)),
        (torch.tensor([7, -1, 7, -1]), (-1, 7)),
        (pandas.Series(["b", "a", "b", "a"], dtype="category"), ("a", "b")),
    ],
    ids=["strings", "objects", "booleans", "integers", "tensor", "categories"],
)
def test_labels_of_every_type_are_numbered_in_their_order(labels: Any, classes: tuple[Any, ...]) -> None:
    (task,), kind = _read([(np.eye(4), labels)])
    assert (kind, task.labels, task.y.tolist()) == ("classification", classes, [1, 0, 1, 0])
    assert task.support is None
    assert [part.tolist() for part in task.parts] == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("rows", [X.tolist(), pandas.DataFrame(X, columns=["p", "q"]), torch.from_numpy(X)])
def test_rows_come_in_every_container(rows: Any) -> None:
    (task,), _ = _read([(rows, Y)])
    np.testing.assert_allclose(task.x, X, rtol=1e-6)


def test_the_type_of_targets_and_the_method_decide_the_kind() -> None:
    (task,), kind = _read([line(2.0)])
    assert (kind, task.labels, tuple(task.y.shape)) == ("regression", (), (8, 1))
    np.testing.assert_allclose(task.y[:, 0], 2 * task.x[:, 0], rtol=1e-6)
    whole_numbers = [(np.eye(4), [0, 1, 0, 1])]
    assert _read(whole_numbers, tokay.CNP())[1] == "regression"
    assert _read([(np.eye(4), [0.0, 1.0, 0.0, 1.0])], tokay.ProtoNet())[1] == "classification"


def test_a_task_may_come_divided() -> None:
    (task,), _ = _read([(X[:6], ["a"] * 3 + ["b"] * 3, X[6:], ["b"] * 6)])
    assert task.support == 6
    assert [len(part) for part in task.parts] == [6, 6]
    assert task.y.tolist() == [0, 0, 0, 1, 1, 1] + [1] * 6


def test_bytes_are_scaled_in_pictures_only() -> None:
    pictures, counts = np.full((2, 1, 2, 2), 51, np.uint8), np.full((2, 2), 51, np.uint8)
    for form in (pictures, torch.from_numpy(pictures)):
        assert _read([(form, ["a", "b"])])[0][0].x.max() == pytest.approx(0.2)
    for form in (counts, torch.from_numpy(counts), pandas.DataFrame(counts)):
        assert _read([(form, ["a", "b"])])[0][0].x.max() == 51


@pytest.mark.parametrize(
    "task, message",
    [
        (None, r"must be \(X, y\) or .*, got NoneType"),
        ((X,), "got 1 parts"),
        ((X, Y, X), "got 3 parts"),
        ((X, Y[:3]), r"X must be \[n, \.\.\.\] and y \[n\], with at least one row, got \(12, 2\) and \(3,\)"),
        ((X[:0], Y[:0]), r"at least one row, got \(0, 2\)"),
        ((X[:, 0], Y), r"X must be \[n, \.\.\.\].*got \(12,\)"),
        ((X[:1], Y[:1]), "at least 2 rows, one to learn from and one to score, got 1"),
        ((np.where(np.isin(X, X[3]), np.nan, X), Y), "2 of the inputs are NaN or infinite"),
        ((X.astype(str), Y), "inputs must be numbers"),
        (([[1.0], [1.0, 2.0]], ["a", "b"]), "inputs must all have one shape"),
        ((X[:3], ["a", None, "b"]), "1 of 3 labels are missing"),
        ((X[:3], ["a", float("nan"), "b"]), "1 of 3 labels are missing"),
        ((X[:3], [0.1, np.inf, 0.2]), "1 targets are NaN or infinite"),
        ((X, np.stack([Y, Y], 1)), r"labels of classes must be \[n\]"),
        ((X, np.zeros((12, 1, 1))), r"real targets \[n\] or \[n, d\]"),
        ((X, Y, X[:, :1], Y), "support and query must be alike"),
        ((X, Y, X, Y == "a"), "support and query must be alike"),
        ((X[:6], Y[:6], X[6:], Y[6:]), "the query set has the class 'b', of which the support set has no example"),
        ((X, np.ones(12)), r"must be like the first task: inputs \(2,\) with classes, got"),
        ((X[:, :1], Y), r"must be like the first task: inputs \(2,\) with classes, got inputs \(1,\) with classes"),
    ],
)
def test_a_wrong_task_is_named_with_its_number(task: Any, message: str) -> None:
    with pytest.raises(TaskError, match=f"^me: task 2: .*{message}") as error:
        _read([(X, Y), (X, Y), task])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "tasks, message",
    [
        (5, r"^me: tasks must be a list of \(X, y\) .*, got int"),
        (None, "got NoneType"),
        ("runs/a", "got str"),
        ({"a": (X, Y)}, "got dict"),
        ((X, Y), r"^me: task 0: must be \(X, y\) .*, got ndarray"),
        ([], "^me: there must be at least one task, got none"),
    ],
)
def test_a_list_that_is_none_is_refused(tasks: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        _read(tasks)


def test_tasks_may_come_from_an_iterator() -> None:
    assert len(_read(groups(["a", "b"], seed=seed) for seed in range(3))[0]) == 3


def test_numbers_of_targets_must_agree() -> None:
    (first,), _ = _read([line(1.0)])
    (other,), _ = _read([(np.eye(4), np.eye(4))])
    check_alike(first, first, "itself")
    with pytest.raises(
        TaskError, match=r"must be like x: inputs \(1,\) with real targets \(1,\), got .* targets \(4,\)"
    ):
        check_alike(other, first, "x")


def test_memory_that_is_read_only_is_copied() -> None:
    x, y = line(1.0)
    for array in (x, y):
        array.flags.writeable = False
    (task,), _ = _read([(x, y)])  # a warning would fail here
    np.testing.assert_allclose(task.y[:, 0], y, rtol=1e-6)
