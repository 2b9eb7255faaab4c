"""Selects the adaptation steps that make up a learning curve, and applies a function to the state after each."""

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


def curve_states(
    algorithm: Algorithm[S], net: nn.Module, support: Examples, *, curve: bool = True
) -> Iterator[tuple[int, S]]:
    """Yield (step, state) for the steps of a learning curve: the first steps, then ever fewer, and the last step.

    Without ``curve``, yield the last step only.
    """
    path = algorithm.path(net, support)
    state = next(path)
    for step in count():
        next_state = next(path, None)
        if next_state is None or (curve and is_curve_step(step)):
            yield step, state
        if next_state is None:
            return
        state = next_state


def is_curve_step(step: int) -> bool:
    """Return whether a learning curve has a point at ``step``: 0 1 2 3 4 5 10 20 50 100 200 500 ...

    >>> [step for step in range(300) if is_curve_step(step)]
    [0, 1, 2, 3, 4, 5, 10, 20, 50, 100, 200]
    """
    if step <= 5:
        return True
    while step % 10 == 0:
        step //= 10
    return step in (1, 2, 5)


def over_states(fn: Callable[[S], T], states: Iterable[S], *, mode: Mode = "vmap") -> T:
    """Apply ``fn`` to every state. Every tensor of the result gains a leading axis of states.

    If the states differ only in vectors and matrices, ``vmap`` maps over them. What the states share is then computed
    once, such as the features of a frozen backbone with an adapted head. All other states are processed one by one, and
    each is released before the next. Whole networks may not fit in memory together, and convolutions with different
    kernels are not faster when they are mapped.

    >>> over_states(lambda head: torch.ones(2, 3) @ head, [torch.zeros(3), torch.ones(3)])
    tensor([[0., 0.],
            [3., 3.]])
    """
    states = iter(states)
    buffer = list(islice(states, 2))
    if mode == "vmap" and _can_be_mapped(buffer):
        buffer += states
        if _can_be_mapped(buffer):
            return _map_states(fn, buffer)
    results: T = tree_map(lambda *leaves: torch.stack(leaves), *map(fn, chain(buffer, states)))
    return results


def _map_states(fn: Callable[[S], T], states: Sequence[S]) -> T:
    columns, structure = _columns(states)
    in_dims = tuple(None if _is_shared(column) else 0 for column in columns)
    leaves = [column[0] if _is_shared(column) else torch.stack(column) for column in columns]
    results: T = torch.func.vmap(
        lambda *leaves: fn(tree_unflatten(leaves, structure)), in_dims=in_dims, randomness="different"
    )(*leaves)
    return results


def _can_be_mapped(states: Sequence[Any]) -> bool:
    """Return whether the states differ, and only in vectors and matrices."""
    if any(tree_structure(state) != tree_structure(states[0]) for state in states):
        return False
    differing = [column for column in _columns(states)[0] if not _is_shared(column)]
    return bool(differing) and all(_is_flat(column) for column in differing)


def _columns(states: Sequence[Any]) -> tuple[list[tuple[Any, ...]], TreeSpec]:
    """Return one tuple per leaf, with its value in each state, and the structure of a state."""
    flat = [tree_flatten(state) for state in states]
    return list(zip(*(leaves for leaves, _ in flat), strict=True)), flat[0][1]


def _is_shared(column: tuple[Any, ...]) -> bool:
    return all(leaf is column[0] for leaf in column)


def _is_flat(column: tuple[Any, ...]) -> bool:
    return all(isinstance(leaf, Tensor) and leaf.dim() <= 2 and leaf.shape == column[0].shape for leaf in column)
