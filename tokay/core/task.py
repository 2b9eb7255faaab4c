"""The central data types: examples, tasks, the sizes of an episode, and the shapes that a network must handle."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

import torch
from torch import Tensor

from ..errors import ConfigError, TaskError
from .setting_types import Settings

Kind = Literal["classification", "regression", "sequence"]
Split = Literal["train", "validation", "test"]
InputType = Literal["float", "integer"]


class Examples(NamedTuple):
    """Inputs ``x`` with their targets ``y``.

    The dtype of ``y`` shows the kind of task, so an algorithm needs no argument for it:

    - boolean **one-hot** rows for classification (an all-false row is padding)
    - floating point for regression
    - uint8, 0 or 1, for the bits of a sequence

    The shape holds the number of classes, ``ways = y.shape[-1]``, because it must be static under ``vmap``.
    """

    x: Tensor  # [n, *input]
    y: Tensor  # [n, d]


class Task(NamedTuple):
    """One task: a method learns from ``support`` and is scored on ``query``. A batch has a leading axis of tasks.

    In a sequence task, the method reads ``support`` first, without predictions (``y`` is 0), and then ``query``.
    """

    support: Examples
    query: Examples


def pool_examples(task: Task) -> Examples:
    """Join support and query, for methods that train on examples instead of tasks."""
    return Examples(*(torch.cat(pair) for pair in zip(*task, strict=True)))


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """What you must know to build a network: shape and type of one input, the number of outputs, and the kind of task."""

    x_shape: tuple[int, ...]
    y_dim: int
    kind: Kind = "classification"
    x_type: InputType = "float"
    """float: numbers, as most networks take them; integer: indices, such as tokens for an ``nn.Embedding``"""

    def __post_init__(self) -> None:
        if self.x_type not in get_args(InputType):
            raise ConfigError(f"TaskSpec: x_type must be float or integer, got {self.x_type!r}.")


@dataclass(frozen=True, kw_only=True)
class Sizes(Settings):
    """The size of an episode.

    In regression, ``shots`` and ``queries`` are numbers of points. In sequence tasks, ``shots`` is the maximal length.
    Only classification uses ``ways``.
    """

    ways: int = 5
    """classes in an episode"""
    shots: int = 1
    """support examples per class"""
    queries: int = 15
    """query examples per class"""

    def __post_init__(self) -> None:
        for name in ("ways", "shots", "queries"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Sizes: {name} must be at least 1, got {getattr(self, name)}.")

    def describe(self, kind: Kind) -> str:
        """Return the sizes in words.

        >>> [Sizes(ways=5, shots=3).describe(kind) for kind in ("classification", "regression", "sequence")]
        ['5-way 3-shot', '3-point', 'length-3']
        """
        names = {
            "classification": f"{self.ways}-way {self.shots}-shot",
            "regression": f"{self.shots}-point",
            "sequence": f"length-{self.shots}",
        }
        return names[kind]


class TaskSource(Protocol):
    """A source of tasks. ``sample`` depends only on the state of the generator."""

    spec: TaskSpec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draw ``tasks`` tasks. Every tensor of the result has a leading axis of that length."""
        ...


def one_hot(labels: Tensor, ways: int) -> Tensor:
    """Turn integer labels ``[..., n]`` into boolean rows ``[..., n, ways]``. A label out of range gives padding.

    >>> one_hot(torch.tensor([0, 2]), 3).int().tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    return labels[..., None] == torch.arange(ways, device=labels.device)


def kind_of(y: Tensor) -> Kind:
    """Return the kind of task: boolean targets are classes, floating ones regression, uint8 the bits of a sequence."""
    kinds: dict[torch.dtype, Kind] = {torch.bool: "classification", torch.uint8: "sequence"}
    return kinds.get(y.dtype, "regression")


_TARGETS: dict[Kind, str] = {
    "classification": "boolean one-hot",
    "regression": "floating",
    "sequence": "uint8 (0 or 1)",
}


def check_task(task: Task, spec: TaskSpec, *, where: str, every_class: bool = True) -> None:
    """Raise ``TaskError`` if a batch of tasks ``[tasks, n, ...]`` does not fit ``spec``.

    Checks shapes and dtypes, NaN and infinite values, and that each class has a support example. Set ``every_class`` to
    False for mini-batches of many classes, which need not contain each.
    """
    _check_examples(task.support, "support", spec, where)
    _check_examples(task.query, "query", spec, where)
    if spec.kind == "classification" and every_class:
        counts = task.support.y.sum(1)  # [tasks, ways]
        if not bool(counts.all()):
            task_index, missing = (counts == 0).nonzero()[0].tolist()
            class_counts = " ".join(str(c) for c in counts[task_index].tolist())
            raise TaskError(
                f"{where}: the support set has no example of class {missing} (counts {class_counts}). "
                "Give at least one shot per class."
            )


def _check_type(x: Tensor, part: str, spec: TaskSpec, where: str) -> None:
    """Raise ``TaskError`` if the inputs are no numbers of the type that the spec says."""
    if spec.x_type == "float" and not x.is_floating_point():
        scale = " / 255" if x.dtype == torch.uint8 else ""
        raise TaskError(
            f"{where}: {part} inputs must be floating point, got {x.dtype}. Convert them (x.float(){scale}), or, if they "
            'are indices, say TaskSpec(x_type="integer").'
        )
    if spec.x_type == "integer" and x.dtype not in (torch.int64, torch.int32):  # those of an nn.Embedding
        raise TaskError(
            f'{where}: {part} inputs must be int64, as TaskSpec(x_type="integer") says, got {x.dtype}. '
            "Convert them (x.long())."
        )


def _check_examples(examples: Examples, part: str, spec: TaskSpec, where: str) -> None:
    x, y = examples
    if tuple(x.shape[2:]) != spec.x_shape:
        raise TaskError(
            f"{where}: {part} examples must have shape {spec.x_shape}, got {tuple(x.shape[2:])}. "
            "Resize them, or build the network for this shape."
        )
    _check_type(x, part, spec, where)
    if spec.kind == "classification" and y.ndim == 2 and not y.is_floating_point():
        raise TaskError(
            f"{where}: {part} targets must be boolean one-hot rows {(*x.shape[:2], spec.y_dim)}, got labels "
            f"{tuple(y.shape)}. Convert them with tokay.one_hot(labels, {spec.y_dim})."
        )
    if y.shape[:2] != x.shape[:2] or y.ndim != 3 or y.shape[2] != spec.y_dim:
        raise TaskError(
            f"{where}: {part} targets must have shape {(*x.shape[:2], spec.y_dim)}, got {tuple(y.shape)}. "
            "Give one row per example."
        )
    if kind_of(y) != spec.kind:
        raise TaskError(
            f"{where}: {spec.kind} needs {_TARGETS[spec.kind]} targets, got {y.dtype}. "
            "Use tokay.one_hot for integer labels."
        )
    for name, values in (("inputs", x), ("targets", y)):
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            invalid = int((~torch.isfinite(values)).sum())
            raise TaskError(f"{where}: {invalid} of the {part} {name} are NaN or infinite. Clean or impute them first.")
    if spec.kind == "sequence" and bool((y > 1).any()):
        raise TaskError(
            f"{where}: {part} targets of a sequence must be 0 or 1, got {int(y.max())}. Split numbers into bits."
        )
    if spec.kind == "classification" and bool((y.sum(-1) > 1).any()):
        raise TaskError(
            f"{where}: a {part} example must have one class, got one with {int(y.sum(-1).max())}. "
            "Split a task with several labels per example into one task per label."
        )
