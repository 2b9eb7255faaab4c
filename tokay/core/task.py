"""The three values that flow through everything: examples, a task, and what a network must know of tasks."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..errors import ConfigError, TaskError

Kind = Literal["classification", "regression", "sequence"]
Split = Literal["train", "validation", "test"]


class Examples(NamedTuple):
    """Inputs and what they should be answered with.

    ``y`` is **boolean one-hot** for classes (an all-false row is padding), floating for regression, and bytes of 0 and 1
    for the bits of a sequence. Under ``vmap`` the number of classes must be static, so it lives in the shape:
    ``ways = y.shape[-1]``; and because the dtype says which it is, no algorithm has to be told the kind of the task.
    """

    x: Tensor  # [n, *input]
    y: Tensor  # [n, d]


class Task(NamedTuple):
    """One task: learn from ``support``, be judged on ``query``. Sources add one leading axis of tasks.

    Of a sequence, ``support`` is what is read first, with nothing asked of it (``y`` is 0), and ``query`` what follows.
    """

    support: Examples
    query: Examples


def pooled(task: Task) -> Examples:
    """Support and query together: what a method that trains without tasks sees of one."""
    return Examples(*(torch.cat(pair) for pair in zip(*task, strict=True)))


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """All a network needs to know before it is built: ``x_shape`` without the example axis, and ``y_dim``."""

    x_shape: tuple[int, ...]
    y_dim: int
    kind: Kind = "classification"


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large an episode is. Regression has no classes: there ``shots`` and ``queries`` count points. The longest
    sequences are of length ``shots``, and have nothing else."""

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

    def named(self, kind: Kind) -> str:
        """As people say it.

        >>> [Sizes(ways=5, shots=3).named(kind) for kind in ("classification", "regression", "sequence")]
        ['5-way 3-shot', '3-point', 'length-3']
        """
        names = {
            "classification": f"{self.ways}-way {self.shots}-shot",
            "regression": f"{self.shots}-point",
            "sequence": f"length-{self.shots}",
        }
        return names[kind]


class TaskSource(Protocol):
    """Anything tasks can be drawn from. ``sample`` is a pure function of the generator's state."""

    spec: TaskSpec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draw ``tasks`` tasks: every tensor of the result has a leading axis of that length."""
        ...


@runtime_checkable
class Paced(TaskSource, Protocol):
    """A source whose training tasks change as training goes on."""

    def at_progress(self, progress: float) -> TaskSource:
        """What is drawn from when a share ``progress`` of training, from 0 to below 1, is done."""
        ...


def one_hot(labels: Tensor, ways: int) -> Tensor:
    """Integer labels ``[..., n]`` to boolean rows ``[..., n, ways]``.

    >>> one_hot(torch.tensor([0, 2]), 3).int().tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    return labels[..., None] == torch.arange(ways, device=labels.device)


def kind_of(y: Tensor) -> Kind:
    """Boolean targets are classes, floating ones are real targets, bytes are the bits of a sequence."""
    kinds: dict[torch.dtype, Kind] = {torch.bool: "classification", torch.uint8: "sequence"}
    return kinds.get(y.dtype, "regression")


_TARGETS: dict[Kind, str] = {
    "classification": "boolean one-hot",
    "regression": "floating",
    "sequence": "uint8 (0 or 1)",
}


def check_task(task: Task, spec: TaskSpec, *, where: str, every_class: bool = True) -> None:
    """Refuse a batch of tasks ``[tasks, n, ...]`` that does not fit ``spec``. Called once, at the boundary.

    Raises ``TaskError`` for wrong shapes or dtypes, NaN or infinite values, and a class without a support example
    (unless ``every_class`` is off: a mini-batch of many classes need not hold each).
    """
    for part, (x, y) in (("support", task.support), ("query", task.query)):
        if tuple(x.shape[2:]) != spec.x_shape:
            raise TaskError(
                f"{where}: {part} examples must have shape {spec.x_shape}, got {tuple(x.shape[2:])}. "
                "Resize them, or build the network for this shape."
            )
        if y.shape[:2] != x.shape[:2] or y.ndim != 3 or y.shape[2] != spec.y_dim:
            raise TaskError(
                f"{where}: {part} targets must have shape {(*x.shape[:2], spec.y_dim)}, got {tuple(y.shape)}."
            )
        if kind_of(y) != spec.kind:
            raise TaskError(
                f"{where}: {spec.kind} needs {_TARGETS[spec.kind]} targets, got {y.dtype}. "
                "Use tokay.one_hot for integer labels."
            )
        for name, values in (("inputs", x), ("targets", y)):
            if values.is_floating_point() and not bool(torch.isfinite(values).all()):
                bad = int((~torch.isfinite(values)).sum())
                raise TaskError(f"{where}: {bad} of the {part} {name} are NaN or infinite. Clean or impute them first.")
        if spec.kind == "sequence" and bool((y > 1).any()):
            raise TaskError(f"{where}: {part} targets of a sequence must be 0 or 1, got {int(y.max())}. Give its bits.")
        if spec.kind == "classification" and bool((y.sum(-1) > 1).any()):
            raise TaskError(
                f"{where}: a {part} example must be of one class, got one of {int(y.sum(-1).max())}. "
                "Tasks with several labels per example are not learned here: make one task per label."
            )
    if spec.kind == "classification" and every_class:
        counts = task.support.y.sum(1)  # [tasks, ways]
        if not bool(counts.all()):
            task_index, missing = (counts == 0).nonzero()[0].tolist()
            listed = " ".join(str(c) for c in counts[task_index].tolist())
            raise TaskError(
                f"{where}: the support set has no example of class {missing} (counts {listed}). "
                "Give at least one shot per class."
            )
