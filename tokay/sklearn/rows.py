"""X as scikit-learn passes it, as the inputs of a network: rows ``[n, numbers]``, or arrays ``[n, *x_shape]``."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TaskError


def input_shape(X: Any) -> tuple[int, ...] | None:
    """The shape of one example of ``X``. None if ``X`` is no array of examples: scikit-learn then says what is wrong.

    >>> input_shape(np.zeros((10, 1, 28, 28))), input_shape([[1.0, 2.0]]), input_shape(np.zeros(10))
    ((1, 28, 28), (2,), None)
    """
    try:
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    except ValueError:  # rows of several lengths
        return None
    return tuple(int(size) for size in shape[1:]) if len(shape) > 1 and 0 not in shape else None


def as_rows(X: Any, x_shape: tuple[int, ...] | None, where: str) -> Any:
    """``X`` with two axes, as scikit-learn has it. What has two axes already, such as a table, is returned as it is.

    ``x_shape`` is the shape that the network takes, None if it takes any. An axis of one channel may be missing.
    Raises ``TaskError`` if the examples have another shape.

    >>> as_rows(np.zeros((10, 28, 28)), (1, 28, 28), "FewShotClassifier").shape
    (10, 784)
    """
    shape = input_shape(X)
    if shape is None or len(shape) == 1:
        return X
    if x_shape is not None and shape != x_shape and (1, *shape) != x_shape:
        raise _shape_error(where, x_shape, shape)
    return np.asarray(X).reshape(len(X), -1)


def as_inputs(rows: NDArray[Any], x_shape: tuple[int, ...], where: str) -> NDArray[Any]:
    """Rows ``[n, numbers]`` as the inputs of a network ``[n, *x_shape]``. Bytes of pictures are scaled to [0, 1].

    Raises ``TaskError`` if a row has more or fewer numbers.

    >>> as_inputs(np.full((1, 4), 51, dtype=np.uint8), (1, 2, 2), "FewShotClassifier").max()
    np.float32(0.2)
    >>> as_inputs(np.full((1, 2), 51, dtype=np.uint8), (2,), "FewShotClassifier").tolist()
    [[51.0, 51.0]]
    """
    if rows.shape[1] != prod(x_shape):
        raise _shape_error(where, x_shape, rows.shape[1:])
    if rows.dtype == np.uint8:
        is_picture = len(x_shape) == 3
        rows = rows.astype(np.float32) / np.float32(255) if is_picture else rows.astype(np.float64)
    return np.require(rows, requirements="W").reshape(len(rows), *x_shape)  # torch warns of memory it may not write


def _shape_error(where: str, x_shape: tuple[int, ...], shape: tuple[int, ...]) -> TaskError:
    numbers = f" or {prod(x_shape)} numbers in a row" if len(x_shape) > 1 else ""
    return TaskError(
        f"{where}: inputs must have shape {x_shape}{numbers}, as in training, got {shape}. Resize or reorder them."
    )
