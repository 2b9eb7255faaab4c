"""Differentiable inner loops: from parameters and mini-batches to the parameters after every step."""

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
    """Yield ``params`` and ``moments``, then both after a step on each of ``batches``: one state more than batches.

    With ``first_order`` gradients count as constants, so that the derivative of a result with respect to ``params``
    is the one with respect to the adapted parameters (FOMAML).

    On an accelerator weights that are all moved alike lie in one row, which takes one kernel where a network takes one
    for each of its parameters.
    """
    if optimizer.alike and _in_one_row(params, moments):
        yield from _optimize_row(loss, params, batches, optimizer, first_order, moments)
        return
    yield params, moments
    for batch in batches:
        # grad differentiates inside no_grad all the same; what no_grad spares is recording how it did.
        with torch.no_grad() if first_order else nullcontext():
            grads: Params = grad(loss)(params, batch)
        params, moments = optimizer.update(params, grads, moments)
        yield params, moments


def _in_one_row(params: Params, moments: Moments) -> bool:
    first = next(iter(params.values()))
    whole = all(not kept or kept.keys() == params.keys() for kept in (moments.first, moments.second))
    one_type = all(p.dtype == first.dtype for p in params.values())
    return first.device.type != "cpu" and len(params) > 1 and whole and one_type


def _optimize_row(
    loss: Callable[[Params, Batch], Tensor],
    params: Params,
    batches: Iterable[Batch],
    optimizer: InnerOptimizer,
    first_order: bool,
    moments: Moments,
) -> Iterator[tuple[Params, Moments]]:
    """``optimize`` of a single parameter that all of ``params`` are pieces of."""

    def row(pieces: Params) -> Params:
        return {"all": flatten({name: pieces[name] for name in params})} if pieces else {}

    def pieces(row: Params) -> Params:
        return unflatten(row["all"], params) if row else {}

    states = optimize(
        lambda row, batch: loss(pieces(row), batch),
        row(params),
        batches,
        optimizer,
        first_order=first_order,
        moments=moments._replace(first=row(moments.first), second=row(moments.second)),
    )
    for whole, kept in states:
        yield pieces(whole), kept._replace(first=pieces(kept.first), second=pieces(kept.second))


def descend(
    loss: Callable[[Params, Batch], Tensor],
    params: Params,
    batches: Iterable[Batch],
    optimizer: InnerOptimizer,
    *,
    first_order: bool = False,
) -> Iterator[Params]:
    """The parameters alone that ``optimize`` yields, from moments of zero."""
    return (state for state, _ in optimize(loss, params, batches, optimizer, first_order=first_order))


def last(states: Iterator[S]) -> S:
    """The last of a sequence of states; the earlier ones are let go on the way."""
    for state in states:  # noqa: B007
        pass
    return state


def gradient_descent(
    loss: Callable[[Params], Tensor], params: Params, *, lr: float | Params, steps: int, first_order: bool = False
) -> Params:
    """``steps`` times ``p <- p - lr d loss / d p``; differentiable in ``params`` and ``lr``.

    >>> gradient_descent(lambda p: (p["w"] ** 2).sum(), {"w": torch.tensor([1.0])}, lr=0.25, steps=2)
    {'w': tensor([0.2500])}
    """
    return last(descend(lambda p, _: loss(p), params, range(steps), SGD(lr), first_order=first_order))


def trainable(net: nn.Module) -> Params:
    """The parameters of ``net`` that ask for gradients, by name: where the fast weights of a task start."""
    return {name: p for name, p in net.named_parameters() if p.requires_grad}


def forward(net: nn.Module, params: Params, x: Tensor) -> Tensor:
    """``net(x)`` with ``params`` in place of its own; ``net`` is not touched."""
    output: Tensor = functional_call(net, dict(params), (x,))
    return output


def examples_loss(net: nn.Module) -> Callable[[Params, Examples], Tensor]:
    """The loss of ``net`` on examples, as a function of its parameters."""
    return lambda params, examples: objective(forward(net, params, examples.x), examples.y)


def flatten(params: Params) -> Tensor:
    """All weights in one row ``[P]``."""
    return torch.cat([p.flatten() for p in params.values()])


def unflatten(row: Tensor, like: Params) -> Params:
    """A row ``[P]`` as weights of the names and shapes of ``like``.

    >>> like = {"w": torch.zeros(2, 2), "b": torch.zeros(1)}
    >>> unflatten(torch.arange(5.0), like)
    {'w': tensor([[0., 1.],
            [2., 3.]]), 'b': tensor([4.])}
    """
    pieces = torch.split(row, [p.numel() for p in like.values()])
    return {name: piece.view(p.shape) for (name, p), piece in zip(like.items(), pieces, strict=True)}
