"""Labels as people have them: lists, arrays, tensors, with gaps, as integers that are targets."""

import numpy as np
import pytest
import torch

from tokay import TaskError
from tokay.learner.labels import read_labels


@pytest.mark.parametrize("labels", [["a", "b"], np.array(["a", "b"]), np.array(["a", "b"], dtype=object)])
def test_strings(labels: object) -> None:
    assert read_labels(labels, is_regression=False).tolist() == ["a", "b"]  # type: ignore[arg-type]


def test_numbers() -> None:
    assert read_labels(torch.tensor([1, 2]), is_regression=False).dtype.kind == "i"
    assert read_labels([1, 5, 3], is_regression=True).dtype == np.float64
    assert read_labels([True, False], is_regression=True).dtype == bool
    assert read_labels([0.5, np.nan], is_regression=False).dtype == np.float64  # `fit` refuses it by another message


@pytest.mark.parametrize("gap", [None, np.nan])
def test_missing_labels(gap: object) -> None:
    for labels in (["a", "b", gap], np.array(["a", "b", gap], dtype=object)):
        with pytest.raises(TaskError, match=r"1 of 3 labels are missing \(None or NaN\), the first at index 2"):
            read_labels(labels, is_regression=False)  # type: ignore[arg-type]


def test_several_types() -> None:
    with pytest.raises(TaskError, match="must be of one type, got int and str"):
        read_labels(np.array([1, "a"], dtype=object), is_regression=False)
