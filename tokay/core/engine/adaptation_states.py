"""The states of adapting that are worth showing, and a function of one state applied to all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count, islice
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_map, tree_structure, tree_unflatten

from ..algorithm import Algorithm
from ..task import Examples
from .batching import Mode

S = TypeVar("S")
T = TypeVar("T")


def shown_states(
    algorithm: Algorithm[S], net: nn.Module, support: Examples, *, curve: bool = True
) -> Iterator[tuple[int, S]]:
    """(step, state) at the steps worth showing: the first few, then ever fewer, and the last. That alone without ``curve``."""
    path = algorithm.path(net, support)
    state = next(path)
    for step in count():
        following = next(path, None)
        if following is None or (curve and is_shown(step)):
            yield step, state
        if following is None:
            return
        state = following


def is_shown(step: int) -> bool:
    """0 1 2 3 4 5 10 20 50 100 200 500 ...

    >>> [step for step in range(300) if is_shown(step)]
    [0, 1, 2, 3, 4, 5, 10, 20, 50, 100, 200]
    """
    if step <= 5:
        return True
    while step % 10 == 0:
        step //= 10
    return step in (1, 2, 5)


def over_states(fn: Callable[[S], T], states: Iterable[S], *, mode: Mode = "vmap") -> T:
    """``fn`` of every state; every tensor of the result gains a leading axis of states.

    Where the states differ in vectors and matrices alone they are mapped over, so that what they have in common is computed
    once: the features of a frozen backbone, whose head alone is adapted. Others are taken one after the other and let go:
    convolutions with kernels of their own are not faster together, and whole networks may not fit in memory.

    >>> over_states(lambda head: torch.ones(2, 3) @ head, [torch.zeros(3), torch.ones(3)])
    tensor([[0., 0.],
            [3., 3.]])
    """
    states = iter(states)
    few = list(islice(states, 2))
    if mode == "vmap" and _can_be_mapped(few):
        few += states
        if _can_be_mapped(few):
            return _mapped(fn, few)
    results: T = tree_map(lambda *parts: torch.stack(parts), *map(fn, chain(few, states)))
    return results


def _mapped(fn: Callable[[S], T], states: Sequence[S]) -> T:
    columns, structure = _columns(states)
    in_dims = tuple(None if _is_shared(column) else 0 for column in columns)
    leaves = [column[0] if _is_shared(column) else torch.stack(column) for column in columns]
    found: T = torch.func.vmap(
        lambda *leaves: fn(tree_unflatten(leaves, structure)), in_dims=in_dims, randomness="different"
    )(*leaves)
    return found


def _can_be_mapped(states: Sequence[Any]) -> bool:
    """Whether something moves from state to state, and nothing but vectors and matrices."""
    if any(tree_structure(state) != tree_structure(states[0]) for state in states):
        return False
    moving = [column for column in _columns(states)[0] if not _is_shared(column)]
    return bool(moving) and all(_is_flat(column) for column in moving)


def _columns(states: Sequence[Any]) -> tuple[list[tuple[Any, ...]], TreeSpec]:
    """Every leaf as it is in each of the states."""
    flat = [tree_flatten(state) for state in states]
    return list(zip(*(leaves for leaves, _ in flat), strict=True)), flat[0][1]


def _is_shared(column: tuple[Any, ...]) -> bool:
    return all(leaf is column[0] for leaf in column)


def _is_flat(column: tuple[Any, ...]) -> bool:
    return all(isinstance(leaf, Tensor) and leaf.dim() <= 2 and leaf.shape == column[0].shape for leaf in column)
