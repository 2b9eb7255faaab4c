"""Tiny networks, tasks and settings for every registered algorithm, and how a check is declared not to hold.

An algorithm excuses itself from a check in its own file, with a reason:

    exceptions = {"finite_differences": "its gradient is a surrogate", "refuses[dropout=0]": "0 switches it off"}

A key is the name of a check (``test_<name>`` here), or that name with the case it is about: ``[order=1]`` for one
value of a choice, ``learns[classification]`` for one kind of task. A check that is excused must in fact fail: an excuse
that is not needed fails the suite.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import import_module
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tokay
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.core.task import Examples, Kind, Task, TaskSpec, one_hot

from .plugin import SELECTION

WAYS, SHOTS, QUERIES, TASKS = 3, 2, 2, 3

# The checks that an algorithm may excuse itself from. What is not here must hold for all.
EXCUSABLE = (
    "class_permutation",
    "every_weight_gets_a_gradient",
    "finite_differences",
    "inductive",
    "learns",
    "loss_and_metrics",
    "padding",
    "recorded",
    "refuses",
    "support_order",
    "vmap_equals_loop",
)

PICTURE, VECTOR = (1, 4, 4), (4,)


def _conv(*norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=not norm), *norm, nn.Tanh(), nn.AvgPool2d(2), nn.Flatten())


def _dense(*norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6, bias=not norm), *norm, nn.Tanh())


# Smooth, so that finite differences mean something; a bias in front of a batch norm would have no gradient.
BACKBONES: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "none": (VECTOR, _dense),
    "batch1d": (VECTOR, lambda: _dense(nn.BatchNorm1d(6, track_running_stats=False))),
    "batch2d": (PICTURE, lambda: _conv(nn.BatchNorm2d(4, track_running_stats=False))),
    "instance": (PICTURE, lambda: _conv(nn.InstanceNorm2d(4, affine=True))),
    "layer": (VECTOR, lambda: _dense(nn.LayerNorm(6))),
    "group": (PICTURE, lambda: _conv(nn.GroupNorm(2, 4))),
}
WITHOUT_BATCH_STATISTICS = ("none", "instance", "layer", "group")


@cache
def methods() -> dict[str, type[tokay.Algorithm[Any]]]:
    """The methods under test: those of ``--tokay-algorithm``, or every registered one."""
    if not SELECTION:
        return tokay.list_algorithms()
    selected = [_import_method(path) for path in SELECTION]
    return {method.name: method for method in selected}


def _import_method(path: str) -> type[tokay.Algorithm[Any]]:
    module, _, name = path.rpartition(".")
    try:
        method = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise pytest.UsageError(f"--tokay-algorithm {path}: cannot be imported ({error}).") from error
    if not (isinstance(method, type) and issubclass(method, tokay.Algorithm) and hasattr(method, "name")):
        raise pytest.UsageError(f"--tokay-algorithm {path}: must be a registered method (a class with name=...).")
    return method


@dataclass(frozen=True)
class Case:
    """One algorithm with one value of one of its choices, on one kind of task."""

    algorithm: tokay.Algorithm[Any]
    variant: str  # "" for the defaults, else "order=1"
    kind: Kind

    def __str__(self) -> str:
        return "-".join(filter(None, (self.algorithm.name, self.variant, self.kind)))

    def build(self, norm: str, *, is_moved: bool = True) -> nn.Module:
        """The network on a tiny backbone. ``is_moved``: no weight is at a special value (0 or 1), and none that must not
        be negative (a second moment, say) is."""
        x_shape, backbone = BACKBONES[norm]
        spec = TaskSpec(x_shape=x_shape, y_dim=y_dim_of(self.kind), kind=self.kind)
        net = self.algorithm.build(backbone(), spec).double()
        if is_moved:
            with torch.no_grad():
                for p in net.parameters():
                    p.add_(0.1 * torch.rand_like(p))
        return net

    def tasks(self, norm: str, tasks: int = TASKS, ways: int = WAYS) -> Task:
        return random_tasks(self.kind, BACKBONES[norm][0], tasks=tasks, ways=ways)


def y_dim_of(kind: Kind) -> int:
    return WAYS if kind == "classification" else 2


def random_tasks(kind: Kind, x_shape: tuple[int, ...], *, tasks: int = TASKS, ways: int = WAYS) -> Task:
    def examples(each: int) -> Examples:
        x = torch.randn(tasks, ways * each, *x_shape, dtype=torch.float64)
        if kind == "regression":
            return Examples(x, torch.randn(tasks, ways * each, 2, dtype=torch.float64))
        labels = torch.stack([torch.arange(ways).repeat(each)[torch.randperm(ways * each)] for _ in range(tasks)])
        return Examples(x, one_hot(labels, ways))

    def bits(most: int) -> Examples:
        x = torch.randn(tasks, 4, *x_shape, dtype=torch.float64)
        return Examples(x, torch.randint(0, most + 1, (tasks, 4, 2)).to(torch.uint8))

    if kind == "sequence":  # nothing is asked of the part that is read first
        return Task(bits(0), bits(1))
    return Task(examples(SHOTS), examples(QUERIES))


def small(algorithm: tokay.Algorithm[Any], *, steps: int = 2, inner_lr: float = 0.1) -> tokay.Algorithm[Any]:
    """The algorithm with few steps, each on all examples, and a rate that a tiny network stands.

    By the names every algorithm gives its settings: ``*_steps``, ``*_batch``, ``inner_lr``; and with layers as narrow as
    the backbones where it has some of its own (``width``).
    """
    names = [field.name for field in fields(algorithm)]
    changes: dict[str, Any] = {name: steps for name in names if name.endswith("_steps")}
    changes |= {name: 1000 for name in names if name.endswith("_batch")}
    changes |= {name: 8 for name in names if name == "width"}
    changes |= {name: inner_lr for name in names if name == "inner_lr"}
    return replace(algorithm, **changes)


def with_batches_of(algorithm: tokay.Algorithm[Any], n: int) -> tokay.Algorithm[Any]:
    return replace(algorithm, **{field.name: n for field in fields(algorithm) if field.name.endswith("_batch")})


def variants(kind: type[tokay.Algorithm[Any]]) -> dict[str, tokay.Algorithm[Any]]:
    """The defaults, and every other value of every field that is a choice, one at a time."""
    methods_by_variant = {"": kind()}
    types = get_type_hints(kind)
    for field in fields(kind):
        hint = types[field.name]
        if hint is bool or get_origin(hint) is Literal:
            for value in get_args(hint) or (True, False):
                if value != field.default:
                    methods_by_variant[f"{field.name}={value}"] = replace(kind(), **{field.name: value})
    return methods_by_variant


def numeric(kind: type[tokay.Algorithm[Any]], name: str) -> bool:
    """Whether a field is a number, or a number or None."""
    hint = get_type_hints(kind)[name]
    return bool({hint, *get_args(hint)} & {int, float})


def cases(*, defaults_only: bool = False, accepts: Callable[[Case], bool] = lambda case: True) -> list[Any]:
    """Every algorithm with every choice, on every kind of task it takes."""
    all_cases = [
        Case(small(algorithm), variant, kind)
        for registered in methods().values()
        for variant, algorithm in variants(registered).items()
        for kind in algorithm.takes()
        if not (defaults_only and variant)
    ]
    return [pytest.param(case, id=str(case)) for case in all_cases if accepts(case)]


each_algorithm = pytest.mark.parametrize("name", sorted(methods()))
each_case = pytest.mark.parametrize("case", cases())
each_norm = pytest.mark.parametrize("norm", BACKBONES)


def excuse(algorithm: tokay.Algorithm[Any], check: str, variant: str = "") -> str | None:
    """Why the algorithm says that it does not pass a check, or None."""
    assert check in EXCUSABLE
    return algorithm.exceptions.get(f"{check}[{variant}]" if variant else check, algorithm.exceptions.get(check))


@contextmanager
def excused(algorithm: tokay.Algorithm[Any], check: str, variant: str = "") -> Iterator[None]:
    """Around the assertions of a check: an excused one must fail, and any other must not."""
    reason = excuse(algorithm, check, variant)
    if reason is None:
        yield
        return
    try:
        yield
    except (AssertionError, tokay.TokayError):
        pytest.xfail(f"{algorithm.name} is excused: {reason}")
    pytest.fail(f"{algorithm.name} passes {check}, so exceptions[{check!r}] ({reason}) is not true. Remove it.")


def meta_gradient(case: Case, net: nn.Module, tasks: Task, **how: Any) -> tuple[Tensor, list[Tensor]]:
    """The cost and its gradient by every weight, computed the way ``fit`` does."""
    net.zero_grad()
    cost, _ = accumulate_meta_gradient(case.algorithm, net, tasks, **how)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    return cost, gradients


def one_task(tasks: Task, index: int = 0) -> Task:
    (sx, sy), (qx, qy) = tasks
    return Task(Examples(sx[index], sy[index]), Examples(qx[index], qy[index]))


def relative(a: list[Tensor], b: list[Tensor]) -> float:
    """The largest difference between two lists of tensors, relative to the largest entry of the second."""
    scale = max(float(t.abs().max()) for t in b)
    return max(float((p - q).abs().max()) for p, q in zip(a, b, strict=True)) / max(scale, 1e-12)


def by_hand(outputs: Tensor, y: Tensor) -> dict[str, Tensor]:
    if y.dtype == torch.bool:
        labels = y.int().argmax(1).long()
        hits = sum(float(row.argmax() == label) for row, label in zip(outputs, labels, strict=True))
        return {"loss": F.cross_entropy(outputs, labels), "accuracy": outputs.new_tensor(hits / len(y))}
    if y.dtype == torch.uint8:
        right = torch.where(y == 1, outputs.sigmoid(), 1 - outputs.sigmoid())
        bits, wrong = -right.log2().sum(), (right < 0.5).sum().to(outputs.dtype)
        return {"loss": -right.log().mean(), "bits": bits, "wrong_bits": wrong}
    error = F.mse_loss(outputs, y)
    return {"loss": error, "mse": error}
