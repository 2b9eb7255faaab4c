"""The inputs that a user gives to a learner, as a tensor of the network's type and device."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ..core.task import InputType
from ..errors import TaskError


def read_inputs(x: ArrayLike | Tensor, net: nn.Module, x_type: InputType) -> Tensor:
    """``x`` as a tensor: floats of the dtype of ``net`` (bytes are scaled to [0, 1]), or int64 for ``integer``.

    Raises ``TaskError`` for rows of several lengths, texts, complex numbers, NaN, and for the wrong type of number.

    >>> read_inputs([[1, 2]], nn.Linear(2, 1), "float")
    tensor([[1., 2.]])
    """
    reference = next(net.parameters(), torch.zeros(()))
    tensor = x if isinstance(x, Tensor) else torch.from_numpy(_read_array(x))
    if tensor.is_complex():
        raise TaskError(f"Learner: inputs must be real numbers, got {tensor.dtype}. Give real and imaginary parts.")
    if x_type == "integer":
        if tensor.dtype.is_floating_point or tensor.dtype == torch.bool:
            raise TaskError(f"Learner: inputs must be integers, as in training, got {tensor.dtype}. Convert them.")
        return tensor.to(reference.device, torch.int64)
    scale = 255 if tensor.dtype == torch.uint8 else 1
    tensor = tensor.to(reference) / scale
    if not bool(torch.isfinite(tensor).all()):
        bad = int((~torch.isfinite(tensor)).sum())
        raise TaskError(f"Learner: {bad} of the inputs are NaN or infinite. Clean or impute them first.")
    return tensor


@contextmanager
def explained_indices(inputs: Tensor) -> Iterator[None]:
    """Inside, an index that an ``nn.Embedding`` does not have is raised as ``TaskError``."""
    try:
        yield
    except IndexError as error:
        if inputs.is_floating_point() or "out of range" not in str(error):
            raise
        raise TaskError(
            f"Learner: inputs must be indices that the network knows, got some from {int(inputs.min())} to "
            f"{int(inputs.max())} and one is out of range. Give those of training, or a network with more embeddings."
        ) from error


def _read_array(x: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(x)
    except (ValueError, TypeError) as error:  # rows of several lengths
        raise TaskError("Learner: inputs must all have one shape, got rows of several. Pad or cut them.") from error
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (ValueError, TypeError) as error:
            value = next(value for value in array.ravel() if not isinstance(value, int | float))
            raise TaskError(
                f"Learner: inputs must be numbers, got {type(value).__name__} {str(value)[:40]!r}. Encode them as numbers."
            ) from error
    if array.dtype.kind not in "biufc":
        example = str(array.ravel()[0])[:40] if array.size else ""
        raise TaskError(f"Learner: inputs must be numbers, got {example!r} of type {array.dtype}. Encode them.")
    if array.dtype in (np.uint16, np.uint32, np.uint64):  # torch computes little with them
        array = array.astype(np.int64)
    return np.require(array, requirements=("C", "W"))  # torch warns of memory that it may not write, as that of pandas
