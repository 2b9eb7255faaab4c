"""Arrays and labels of every usual type make the pool that they mean, or one clear line."""

from typing import Any

import numpy as np
import pytest
import torch

from tokay.errors import TaskError
from tokay.tasks.array_pools import as_examples, label_names, make_pool, stack_examples

X = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    "labels, names",
    [
        ([3, 3, 9, 9, -1, 3], ("-1", "3", "9")),
        (["b", "a", "b", "a", "c", "c"], ("a", "b", "c")),
        ([True, False, True, False, True, False], ("False", "True")),
        (np.array([10, 9, 9, 10, 2, 2], dtype=np.uint8), ("2", "9", "10")),
        (np.array(["x", 1, "x", 1, 2, 2], dtype=object), ("1", "2", "x")),
        (torch.tensor([1.0, 0, 1, 0, 1, 0]), ("0", "1")),
        ((7, 7, 7, 7, 7, 7), ("7",)),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, list])
def test_labels_of_every_type(labels: Any, names: tuple[str, ...], kind: Any) -> None:
    pool = make_pool(kind(X.tolist()), labels, where="here")
    assert pool.names == names
    for name in names:
        rows = [row for row, label in enumerate(label_names(labels, "here")) if label == name]
        assert pool.subset([name]).stored().tolist() == X[rows].tolist()


def test_nothing_is_copied() -> None:
    x = torch.rand(6, 3)
    assert make_pool(x, [1, 0, 1, 0, 1, 0], where="here").images.data_ptr() == x.data_ptr()


@pytest.mark.parametrize(
    "x, shape",
    [
        (np.zeros((4, 8, 9), np.uint8), (4, 1, 8, 9)),
        (np.zeros((4, 8, 9, 3), np.uint8), (4, 3, 8, 9)),
        (np.zeros((4, 8, 9, 1), np.uint8), (4, 1, 8, 9)),
        (np.zeros((4, 3, 8, 9), np.uint8), (4, 3, 8, 9)),
        (np.zeros((4, 3, 8, 9), np.float16), (4, 3, 8, 9)),
        (np.zeros((4, 5), np.int16), (4, 5)),
        (np.zeros((4, 5), np.uint16), (4, 5)),
        (np.zeros((4, 5), bool), (4, 5)),
        (np.zeros(4), (4, 1)),
    ],
)
def test_shapes_and_types(x: Any, shape: tuple[int, ...]) -> None:
    pool = make_pool(x, [0, 0, 1, 1], where="here")
    assert tuple(pool.images.shape) == shape
    assert pool.inputs(torch.tensor([0])).dtype == torch.float32


def test_channels_last_by_hand() -> None:
    pixels = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    examples = as_examples(pixels, indices=False, where="here")
    assert examples[1, 2, 0, 1] == pixels[1, 0, 1, 2]


def test_indices() -> None:
    pool = make_pool(np.arange(6, dtype=np.int16).reshape(3, 2), [0, 1, 1], indices=True, where="here")
    assert pool.x_type == "integer"
    assert pool.inputs(torch.tensor([1])).tolist() == [[2, 3]]


@pytest.mark.parametrize(
    "x, labels, message",
    [
        (X, [1, 2], "there must be one label for each example, got 6 examples and 2 labels"),
        ([], [], "there must be examples, got none"),
        (X, [1, None, 1, 1, 1, 1], "that of row 1 is missing"),
        (X, [1, 1, 1.0, float("nan"), 1, 1], "that of row 3 is missing"),
        (X, ["a", "", "a", "a", "a", "a"], "that of row 1 is missing"),
        (X, [0.5, 1, 1, 1, 1, 1], "labels must be classes, got 0.5 in row 0"),
        (X, np.eye(6), r"labels must be a list, one per example, got the shape \(6, 6\)"),
        (["some", "texts"], [0, 1], "inputs must be numbers of one shape"),
        (np.array([None] * 6), [0] * 6, "inputs must be numbers of one shape"),
        (np.zeros((6, 4, 8, 9), np.uint8), [0] * 6, "must have 1 or 3 channels"),
        (np.full((6, 2), np.nan), [0] * 6, "examples must be finite"),
    ],
)
def test_what_does_not_fit(x: Any, labels: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        make_pool(x, labels, where="here")
    assert "\n" not in str(caught.value)


def test_numbers_with_a_fraction_are_no_indices() -> None:
    with pytest.raises(TaskError, match=r"indices must be whole numbers, got torch\.float64"):
        as_examples(X, indices=True, where="here")


def test_examples_of_one_shape() -> None:
    assert stack_examples([np.zeros(3), torch.ones(3)], "here").tolist() == [[0.0] * 3, [1.0] * 3]
    with pytest.raises(TaskError, match=r"that of row 0 has \(3,\) and that of row 1 \(4,\)"):
        stack_examples([np.zeros(3), np.zeros(4)], "here")
    with pytest.raises(TaskError, match="there must be examples, got none"):
        stack_examples([], "here")
