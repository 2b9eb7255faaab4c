"""X becomes the inputs of a network: shapes, bytes, and shapes that do not fit."""

import numpy as np
import pandas
import pytest

from tokay import TaskError
from tokay.sklearn.rows import as_inputs, as_rows, input_shape


def test_the_shape_of_an_example_is_seen_in_every_container() -> None:
    assert input_shape(pandas.DataFrame({"a": [1, 2], "b": [3, 4]})) == (2,)
    assert input_shape(np.zeros((3, 2, 4, 4))) == (2, 4, 4)
    for unusable in ([1.0, 2.0], [[1.0], [1.0, 2.0]], np.zeros((0, 3)), 7):
        assert input_shape(unusable) is None


def test_rows_and_pictures_are_the_same_examples() -> None:
    pictures = np.random.default_rng(0).random((5, 1, 4, 4))
    for form in (pictures, pictures[:, 0], pictures.reshape(5, 16)):
        inputs = as_inputs(as_rows(form, (1, 4, 4), "x"), (1, 4, 4), "x")
        np.testing.assert_array_equal(inputs, pictures)


@pytest.mark.parametrize("shape", [(4, 4, 1), (1, 5, 5), (16, 1)])
def test_pictures_of_another_order_or_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        TaskError, match=r"^me: inputs must have shape \(1, 4, 4\) or 16 numbers in a row, as in training"
    ):
        as_rows(np.zeros((2, *shape)), (1, 4, 4), "me")


def test_rows_of_another_length_are_refused() -> None:
    with pytest.raises(TaskError, match=r"^me: inputs must have shape \(3,\), as in training, got \(2,\)"):
        as_inputs(np.zeros((5, 2)), (3,), "me")


def test_read_only_memory_is_copied_and_other_memory_is_not() -> None:
    rows = np.zeros((2, 3))
    assert np.shares_memory(as_inputs(rows, (3,), "x"), rows)
    rows.flags.writeable = False
    assert as_inputs(rows, (3,), "x").flags.writeable
