"""The labels or targets that a user gives to ``fit``, as an array."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..errors import TaskError


def read_labels(y: ArrayLike | Tensor, *, is_regression: bool) -> NDArray[Any]:
    """``y`` as an array: floats are real targets, integers, strings and booleans are classes.

    With ``is_regression`` (for a method that learns nothing else) integers become floats. Raises ``TaskError`` for
    missing labels, and for labels of several types.

    >>> read_labels([1, 2], is_regression=True), read_labels(["a", "b"], is_regression=False).tolist()
    (array([1., 2.]), ['a', 'b'])
    """
    raw = y.cpu().numpy() if isinstance(y, Tensor) else y
    _refuse_missing(raw)
    labels = np.asarray(raw)
    if labels.dtype.kind == "O":
        types = sorted({type(label).__name__ for label in labels.ravel()})
        if len(types) > 1:
            raise TaskError(f"fit: labels must be of one type, got {' and '.join(types)}. Convert them.")
        labels = np.asarray(labels.tolist())
    return labels.astype(np.float64) if is_regression and labels.dtype.kind in "iu" else labels


def _refuse_missing(labels: Any) -> None:
    """Raises ``TaskError`` if a class label is None or NaN, which NumPy would turn into the text "nan"."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind != "O":
        return
    flat = list(np.asarray(labels, dtype=object).ravel())
    missing = [index for index, label in enumerate(flat) if label is None or label != label]
    if missing and not all(isinstance(label, int | float) for label in flat):
        raise TaskError(
            f"fit: {len(missing)} of {len(flat)} labels are missing (None or NaN), the first at index {missing[0]}. "
            "Leave these examples out."
        )
