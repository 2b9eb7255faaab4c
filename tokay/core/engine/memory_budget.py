"""Measures the memory that one task needs, and chooses a chunk size that fits a memory budget."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from ...errors import ConfigError


class _PeakBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums the sizes of all living storages that operations allocate, and keeps the highest sum."""

    peak: int

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive: dict[int, tuple[weakref.ref[torch.UntypedStorage], int]] = {}
        self.peak = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.alive = {key: entry for key, entry in self.alive.items() if entry[0]() is not None}
        inputs = {storage._cdata for storage in _storages((args, kwargs))}  # a view of an input allocates nothing
        for storage in _storages(result):
            if storage._cdata not in inputs:
                self.alive[storage._cdata] = (weakref.ref(storage), storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return result


def _storages(tree: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor)]


def peak_bytes(work: Callable[[], object]) -> int:
    """Run ``work`` and return its peak memory in bytes: the tensors that it makes and that are alive at once.

    >>> peak_bytes(lambda: torch.zeros(1000) + torch.zeros(1000))
    12000
    """
    with _PeakBytes() as tracker:
        work()
    peak: int = tracker.peak
    return peak


def fitting_chunk_size(budget: int, one_task: Callable[[], object], tasks: int) -> int:
    """Return how many of ``tasks`` tasks fit into ``budget`` bytes at once, from 1 to ``tasks``.

    ``one_task`` does the work of one task; it is run once and measured.

    Raises ``ConfigError`` if one task does not fit.
    """
    need = peak_bytes(one_task)
    if need > budget:
        raise ConfigError(
            f"memory: the budget must hold at least one task, which takes {need / 2**20:.0f} MiB, "
            f"got {budget / 2**20:.0f} MiB. Raise --memory, or use fewer or smaller examples."
        )
    return min(tasks, budget // max(need, 1))
