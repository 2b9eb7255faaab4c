"""Adapts to many small support sets at once: those of equal size go through ``vmap`` together."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..core.algorithm import Algorithm
from ..core.engine.batching import over_tasks
from ..core.engine.exact_gradients import exact_gradients
from ..core.task import Examples, Task
from ..errors import TokayError
from ..evaluation.task_blocks import chunk_that_fits

_RANDOM_STATE = threading.RLock()  # torch has one random state for all threads


def adapt_one(algorithm: Algorithm[Any], net: nn.Module, support: Examples, seed: int) -> Any:
    """The state after adapting to ``support``. ``seed`` decides what the method draws."""
    with _RANDOM_STATE, torch.no_grad(), torch.random.fork_rng(), exact_gradients():
        torch.manual_seed(seed)
        return algorithm.adapt(net, support)


def adapt_many(algorithm: Algorithm[Any], net: nn.Module, supports: Sequence[Examples], seed: int) -> list[Any]:
    """The state of each support set, in their order: those of ``adapt_one``, up to rounding.

    A method that draws numbers, and one that ``vmap`` cannot map, takes the support sets one by one.
    """
    groups = defaultdict(list)
    for index, (x, y) in enumerate(supports):
        groups[x.shape, y.shape].append(index)
    states: list[Any] = [None] * len(supports)
    for members in groups.values():
        group = [supports[index] for index in members]
        with _RANDOM_STATE:
            adapted = _adapt_group(algorithm, net, group, seed)
        for index, state in zip(members, adapted, strict=True):
            states[index] = state
    return states


def _adapt_group(algorithm: Algorithm[Any], net: nn.Module, group: list[Examples], seed: int) -> list[Any]:
    """The states of support sets of one size."""
    first, draws = _adapt_and_watch(algorithm, net, group[0], seed)
    rest = group[1:]
    if not rest:
        return [first]
    if not draws:
        try:
            return [first, *_adapt_mapped(algorithm, net, rest)]
        except (TokayError, RuntimeError, ValueError, TypeError):
            pass  # no rule for vmap, or a state of other things than tensors: one by one says what is wrong, if anything is
    return [first, *(adapt_one(algorithm, net, support, seed) for support in rest)]


def _adapt_and_watch(algorithm: Algorithm[Any], net: nn.Module, support: Examples, seed: int) -> tuple[Any, bool]:
    """As ``adapt_one``. Also tells whether the method draws numbers."""
    with torch.no_grad(), torch.random.fork_rng(), exact_gradients():
        torch.manual_seed(seed)
        initial = _random_states(support.x)
        state = algorithm.adapt(net, support)
        draws = any(not torch.equal(a, b) for a, b in zip(initial, _random_states(support.x), strict=True))
    return state, draws


def _adapt_mapped(algorithm: Algorithm[Any], net: nn.Module, group: list[Examples]) -> list[Any]:
    supports = Examples(*(torch.stack(parts) for parts in zip(*group, strict=True)))
    tasks = Task(supports, supports)
    with torch.no_grad():
        states = over_tasks(lambda task: algorithm.adapt(net, task.support), tasks, chunk_size=chunk_that_fits(tasks))
    # Copies: a view would keep the states of all the others in memory.
    return [tree_map(lambda tensor, i=i: tensor[i].clone(), states) for i in range(len(group))]


def _random_states(x: Tensor) -> list[Tensor]:
    states = [torch.random.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(x.device)] if x.is_cuda else states
