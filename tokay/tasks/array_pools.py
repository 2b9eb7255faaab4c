"""Arrays with a label for each example as a pool of classes, whatever types they have."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import TaskError
from .class_pool import ClassPool


def make_pool(x: Any, labels: Any, *, indices: bool = False, where: str) -> ClassPool:
    """The examples ``x`` ``[n, ...]`` with ``labels`` ``[n]`` as a pool; NumPy arrays, tensors or lists. It copies nothing.

    - Numbers become floats. With ``indices`` whole numbers stay indices, for a network that begins with an embedding.
    - uint8 ``[n, H, W]``, ``[n, C, H, W]`` or ``[n, H, W, C]`` with one or three channels C are pictures of 0 to 255.
    - Labels are whole numbers, text, true and false, or objects that are such. They need not be consecutive.

    Raises ``TaskError`` if they do not fit together, or a label is missing or no class.

    >>> pool = make_pool([[1.0], [2.0], [3.0]], ["b", "a", "b"], where="here")
    >>> pool.names, pool.counts.tolist(), pool.stored().flatten().tolist()
    (('a', 'b'), [1, 2], [2.0, 1.0, 3.0])
    """
    names = label_names(labels, where)
    images = as_examples(x, indices=indices, where=where)
    if len(images) != len(names):
        raise TaskError(
            f"{where}: there must be one label for each example, got {len(images)} examples and {len(names)} labels."
        )
    if not names:
        raise TaskError(f"{where}: there must be examples, got none.")
    classes = sorted(set(names), key=_natural)
    number = {name: index for index, name in enumerate(classes)}
    numbers = torch.tensor([number[name] for name in names])
    return ClassPool(
        images,
        torch.bincount(numbers, minlength=len(classes)),
        tuple(classes),
        "integer" if indices else "float",
        order=numbers.argsort(stable=True),
    )


def label_names(labels: Any, where: str) -> list[str]:
    """Each label as text. Raises ``TaskError`` for a missing one, for numbers with a fraction, and for rows of labels."""
    if isinstance(labels, Tensor):
        labels = labels.detach().cpu().numpy()
    array = labels if isinstance(labels, np.ndarray) else np.array(list(labels), dtype=object)
    if array.ndim != 1:
        raise TaskError(f"{where}: labels must be a list, one per example, got the shape {array.shape}. Flatten them.")
    names = []
    for row, label in enumerate(array.tolist()):
        label = label.item() if isinstance(label, Tensor | np.generic) and label.ndim == 0 else label
        if label is None or (isinstance(label, float) and math.isnan(label)) or label == "":
            raise TaskError(
                f"{where}: each example must have a label, that of row {row} is missing. Leave the row out."
            )
        if isinstance(label, float) and not label.is_integer():
            raise TaskError(
                f"{where}: labels must be classes, got {label:g} in row {row}. For numbers to predict use the source table."
            )
        names.append(str(int(label)) if isinstance(label, float) else str(label))
    return names


def as_examples(x: Any, *, indices: bool, where: str) -> Tensor:
    """``x`` as the images of a pool: uint8 ``[n, C, H, W]``, floats or indices ``[n, ...]``."""
    tensor = _as_tensor(x, where)
    if tensor.ndim < 2 and not indices:
        tensor = tensor[:, None] if tensor.ndim else tensor[None, None]
    if indices:
        if tensor.is_floating_point() or tensor.dtype == torch.bool:
            raise TaskError(f"{where}: indices must be whole numbers, got {tensor.dtype}. Leave out indices.")
        tensor = tensor[:, None] if tensor.ndim < 2 else tensor
        return tensor if tensor.dtype in (torch.int32, torch.int64) else tensor.long()
    if tensor.dtype == torch.uint8 and tensor.ndim in (3, 4):
        return _as_pictures(tensor, where)
    return tensor if tensor.is_floating_point() else tensor.float()


def _as_tensor(x: Any, where: str) -> Tensor:
    if isinstance(x, Tensor):
        return x.detach()
    array = x if isinstance(x, np.ndarray) else np.array(x)
    if array.dtype == object or array.dtype.kind in "USOMm":
        raise TaskError(
            f"{where}: inputs must be numbers of one shape, got {array.dtype}. For texts use the source text, for columns of "
            "several kinds the source table."
        )
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    return torch.from_numpy(array)


def _as_pictures(pixels: Tensor, where: str) -> Tensor:
    if pixels.ndim == 3:
        return pixels[:, None]
    is_last, is_first = pixels.shape[3] in (1, 3), pixels.shape[1] in (1, 3)
    if is_last and not is_first:
        return pixels.permute(0, 3, 1, 2)
    if not is_first:
        raise TaskError(
            f"{where}: pictures of uint8 must have 1 or 3 channels, [n, C, H, W] or [n, H, W, C], got {list(pixels.shape)}. "
            "Convert them with .float() if they are no pictures."
        )
    return pixels


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in their order, before other names."""
    is_number = name.lstrip("-").isdecimal()
    return (0, float(name), name) if is_number and len(name) < 16 else (1, 0.0, name)


def stack_examples(examples: Sequence[Any], where: str) -> Tensor:
    """Examples of a data set, one by one, as one tensor. Raises ``TaskError`` if their shapes differ, with the first two."""
    tensors = [_as_tensor(example, where) for example in examples]
    for row, tensor in enumerate(tensors):
        if tensor.shape != tensors[0].shape:
            raise TaskError(
                f"{where}: all examples must have one shape, that of row 0 has {tuple(tensors[0].shape)} and that of row {row} "
                f"{tuple(tensor.shape)}. For pictures say size=32."
            )
    if not tensors:
        raise TaskError(f"{where}: there must be examples, got none.")
    return torch.stack(tensors)
