"""Differentiable inner loops: they take parameters and mini-batches, and yield the parameters after every step."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from ..objectives import objective
from ..task import Examples
from .optimizers import (
    SGD as SGD,
    Adam as Adam,
    Clipped as Clipped,
    InnerOptimizer as InnerOptimizer,
    Moments as Moments,
    Params as Params,
    dot as dot,
    inner_optimizer as inner_optimizer,
)

Batch = TypeVar("Batch")
S = TypeVar("S")


def optimize(
    loss: Callable[[Params, Batch], Tensor],
    params: Params,
    batches: Iterable[Batch],
    optimizer: InnerOptimizer,
    *,
    first_order: bool = False,
    moments: Moments = Moments(),  # noqa: B008 - immutable
) -> Iterator[tuple[Params, Moments]]:
    """Yields the initial ``(params, moments)``, then both after a step on each batch: one state more than batches.

    With ``first_order``, gradients are constants. The derivative of a result by ``params`` is then its derivative by
    the adapted parameters (FOMAML).

    On a GPU, a uniform optimizer keeps all weights in one row: one kernel per operation, not one per parameter.
    """
    if optimizer.is_uniform and _in_one_row(params, moments):
        yield from _optimize_row(loss, params, batches, optimizer, first_order, moments)
        return
    yield params, moments
    for batch in batches:
        # grad works inside no_grad, too. no_grad only stops recording the graph of the gradient.
        with torch.no_grad() if first_order else nullcontext():
            grads: Params = grad(loss)(params, batch)
        params, moments = optimizer.update(params, grads, moments)
        yield params, moments


def _in_one_row(params: Params, moments: Moments) -> bool:
    first = next(iter(params.values()))
    has_all_names = all(not m or m.keys() == params.keys() for m in (moments.first, moments.second))
    has_one_dtype = all(p.dtype == first.dtype for p in params.values())
    return first.device.type != "cpu" and len(params) > 1 and has_all_names and has_one_dtype


def _optimize_row(
    loss: Callable[[Params, Batch], Tensor],
    params: Params,
    batches: Iterable[Batch],
    optimizer: InnerOptimizer,
    first_order: bool,
    moments: Moments,
) -> Iterator[tuple[Params, Moments]]:
    """Runs ``optimize`` on one parameter, the row of all ``params``."""

    def join(pieces: Params) -> Params:
        return {"all": flatten({name: pieces[name] for name in params})} if pieces else {}

    def split(row: Params) -> Params:
        return unflatten(row["all"], params) if row else {}

    states = optimize(
        lambda row, batch: loss(split(row), batch),
        join(params),
        batches,
        optimizer,
        first_order=first_order,
        moments=moments._replace(first=join(moments.first), second=join(moments.second)),
    )
    for row, row_moments in states:
        first, second = split(row_moments.first), split(row_moments.second)
        yield split(row), row_moments._replace(first=first, second=second)


def descend(
    loss: Callable[[Params, Batch], Tensor],
    params: Params,
    batches: Iterable[Batch],
    optimizer: InnerOptimizer,
    *,
    first_order: bool = False,
) -> Iterator[Params]:
    """Yields only the parameters of ``optimize``, with moments that start at zero."""
    return (state for state, _ in optimize(loss, params, batches, optimizer, first_order=first_order))


def last(states: Iterator[S]) -> S:
    """Returns the last state. Does not keep the earlier ones in memory."""
    for state in states:  # noqa: B007
        pass
    return state


def gradient_descent(
    loss: Callable[[Params], Tensor], params: Params, *, lr: float | Params, steps: int, first_order: bool = False
) -> Params:
    """Does ``p <- p - lr d loss / d p``, ``steps`` times. The result is differentiable in ``params`` and ``lr``.

    >>> gradient_descent(lambda p: (p["w"] ** 2).sum(), {"w": torch.tensor([1.0])}, lr=0.25, steps=2)
    {'w': tensor([0.2500])}
    """
    return last(descend(lambda p, _: loss(p), params, range(steps), SGD(lr), first_order=first_order))


def trainable(net: nn.Module) -> Params:
    """The parameters of ``net`` that require gradients, by name. The fast weights of a task start from them."""
    return {name: p for name, p in net.named_parameters() if p.requires_grad}


def forward(net: nn.Module, params: Params, x: Tensor) -> Tensor:
    """``net(x)`` with ``params`` instead of its own parameters. Leaves ``net`` unchanged."""
    output: Tensor = functional_call(net, dict(params), (x,))
    return output


def examples_loss(net: nn.Module) -> Callable[[Params, Examples], Tensor]:
    """The loss of ``net`` on examples, as a function of its parameters."""
    return lambda params, examples: objective(forward(net, params, examples.x), examples.y)


def flatten(params: Params) -> Tensor:
    """Joins all weights into one row ``[P]``."""
    return torch.cat([p.flatten() for p in params.values()])


def unflatten(row: Tensor, like: Params) -> Params:
    """Splits a row ``[P]`` into weights with the names and shapes of ``like``.

    >>> like = {"w": torch.zeros(2, 2), "b": torch.zeros(1)}
    >>> unflatten(torch.arange(5.0), like)
    {'w': tensor([[0., 1.],
            [2., 3.]]), 'b': tensor([4.])}
    """
    pieces = torch.split(row, [p.numel() for p in like.values()])
    return {name: piece.view(p.shape) for (name, p), piece in zip(like.items(), pieces, strict=True)}
