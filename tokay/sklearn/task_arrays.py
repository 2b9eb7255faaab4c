"""Tasks that a user has as arrays: ``(X, y)`` or ``(X_support, y_support, X_query, y_query)``, read and checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.task import Kind
from ..errors import TaskError
from ..learner.inputs import read_inputs
from ..learner.labels import read_labels

_FORMS = "(X, y) or (X_support, y_support, X_query, y_query)"


@dataclass(frozen=True, eq=False)
class TaskArrays:
    """One task. Its first ``support`` rows are the support set; None if every row may be in it."""

    name: str  # "task 3", for error messages
    x: Tensor  # [n, *x_shape]
    y: Tensor  # numbers of classes int64 [n], or values [n, d]
    labels: tuple[Any, ...]  # the classes in their order; empty for real targets
    support: int | None

    @property
    def parts(self) -> tuple[Tensor, Tensor]:
        """The rows from which support and query examples are drawn; twice the same if the task has no division."""
        rows = torch.arange(len(self.x))
        return (rows, rows) if self.support is None else (rows[: self.support], rows[self.support :])


def read_tasks(tasks: Iterable[Any], method: Algorithm[Any], where: str) -> tuple[list[TaskArrays], Kind]:
    """The tasks and their kind, which ``y`` decides: floats are real targets unless the method learns classes only.

    Raises ``TaskError``, with the number of the task, for whatever cannot be learned from.
    """
    if not isinstance(tasks, Iterable) or isinstance(tasks, str | dict):
        raise TaskError(f"{where}: tasks must be a list of {_FORMS}, got {type(tasks).__name__}. Put them in a list.")
    kinds = method.takes()
    arrays: list[TaskArrays] = []
    for index, task in enumerate(tasks):
        name = f"{where}: task {index}"
        try:
            x, targets, support = _read(task, kinds)
        except TaskError as error:
            message = str(error).removeprefix("Learner: ").removeprefix("fit: ")
            raise TaskError(f"{name}: {message}") from error
        arrays.append(_to_tensors(name, x, targets, support, is_regression="regression" in kinds))
        check_alike(arrays[-1], arrays[0], "the first task")
    if not arrays:
        raise TaskError(f"{where}: there must be at least one task, got none. Give a list of {_FORMS}.")
    return arrays, "classification" if arrays[0].labels else "regression"


def _to_tensors(name: str, x: Tensor, targets: NDArray[Any], support: int | None, *, is_regression: bool) -> TaskArrays:
    """``is_regression``: the method learns real targets, so floats are no classes."""
    if is_regression and targets.dtype.kind == "f":
        return TaskArrays(name, x, torch.from_numpy(targets.reshape(len(targets), -1).astype(np.float32)), (), support)
    classes, codes = np.unique(targets, return_inverse=True)
    return TaskArrays(name, x, torch.from_numpy(codes), tuple(classes.tolist()), support)


def _read(task: Any, kinds: tuple[Kind, ...]) -> tuple[Tensor, NDArray[Any], int | None]:
    if not isinstance(task, tuple | list) or len(task) not in (2, 4):
        parts = f"{len(task)} parts" if isinstance(task, tuple | list) else type(task).__name__
        raise TaskError(f"must be {_FORMS}, got {parts}. Put them in a tuple.")
    pairs = [_read_pair(x, y, kinds) for x, y in zip(task[::2], task[1::2], strict=True)]
    (x, y), (query_x, query_y) = pairs[0], pairs[-1]
    if len(pairs) == 1:
        if len(x) < 2:
            raise TaskError(f"needs at least 2 rows, one to learn from and one to score, got {len(x)}. Leave it out.")
        return x, y, None
    if x.shape[1:] != query_x.shape[1:] or y.shape[1:] != query_y.shape[1:] or y.dtype.kind != query_y.dtype.kind:
        raise TaskError(
            f"support and query must be alike, got inputs {tuple(x.shape[1:])} with {y.dtype} and "
            f"{tuple(query_x.shape[1:])} with {query_y.dtype}. Convert them."
        )
    unknown = sorted({*query_y.tolist()} - {*y.tolist()}) if y.ndim == 1 and y.dtype.kind != "f" else []
    if unknown:
        raise TaskError(f"the query set has the class {unknown[0]!r}, of which the support set has no example.")
    return torch.cat([x, query_x]), np.concatenate([y, query_y]), len(x)


def _read_pair(X: Any, y: Any, kinds: tuple[Kind, ...]) -> tuple[Tensor, NDArray[Any]]:
    array = X
    if hasattr(X, "__array__") and not isinstance(X, Tensor):
        array = np.require(X, requirements="W")  # torch warns of memory it may not write, as that of a DataFrame
    if (
        getattr(array, "dtype", None) in (np.uint8, torch.uint8) and array.ndim != 4
    ):  # only bytes of pictures are scaled
        array = array.float() if isinstance(array, Tensor) else array.astype(np.float32)
    x = read_inputs(array, nn.Identity(), "float")
    targets = read_labels(y, is_regression="classification" not in kinds)
    if not len(x) or x.ndim < 2 or targets.ndim < 1 or len(x) != len(targets):
        raise TaskError(
            f"X must be [n, ...] and y [n], with at least one row, got {tuple(x.shape)} and {targets.shape}."
        )
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise TaskError(f"{int((~np.isfinite(targets)).sum())} targets are NaN or infinite. Leave these rows out.")
    if targets.ndim > 1 and (targets.dtype.kind != "f" or targets.ndim > 2):
        raise TaskError(f"labels of classes must be [n], real targets [n] or [n, d], got {targets.shape}.")
    return x, targets


def check_alike(task: TaskArrays, first: TaskArrays, others: str) -> None:
    """Raises ``TaskError`` for a task whose inputs or targets are of another kind than those of ``first``."""
    words, expected = _describe(task), _describe(first)
    if words != expected:
        raise TaskError(f"{task.name}: must be like {others}: {expected}, got {words}. Convert it.")


def _describe(task: TaskArrays) -> str:
    targets = "classes" if task.labels else f"real targets {tuple(task.y.shape[1:])}"
    return f"inputs {tuple(task.x.shape[1:])} with {targets}"
