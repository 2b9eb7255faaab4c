"""Work on a CUDA device recorded once and replayed: a graph, which starts all its kernels in one go.

An outer step of a small network is a thousand kernels of a few microseconds each. Started one by one, under ``vmap``
and ``grad``, they keep the processor busy for many times as long as the device; a recorded step is only as long as the
device needs. What is replayed are the same kernels on the same memory, so the numbers are those of the first time.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from ...errors import NetworkError
from ..task import Task

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
_WARM_UPS = 2  # calls in which libraries choose their kernels and take their workspaces, which no recording may do


class Recorded(Generic[K, T]):
    """``work(kind, tasks)``, which leaves gradients at ``parameters`` and gives tensors; the same call, mostly replayed.

    What it does may depend on ``kind`` and on the shapes of ``tasks``, on nothing else that changes. The first call of
    each pair is an ordinary one, so that errors are the ordinary ones, and a pair that never comes again is never recorded;
    the second records, into memory of its own. Tensors that are given out hold until the next call. Random draws follow
    torch's generators, which may be seeded anew before every call.

    Raises ``NetworkError``, beginning with ``where``, when the work cannot be recorded.
    """

    def __init__(self, work: Callable[[K, Task], T], parameters: Iterable[nn.Parameter], *, where: str) -> None:
        self._work, self._parameters, self._where = work, list(parameters), where
        self._met: set[Hashable] = set()
        self._records: dict[Hashable, _Record[T]] = {}

    def __call__(self, kind: K, tasks: Task) -> T:
        """What ``work(kind, tasks)`` gives, and its gradients in place of those that are there."""
        key = (kind, *((leaf.shape, leaf.dtype) for leaf in tree_flatten(tasks)[0]))
        if key not in self._records:
            if key not in self._met:
                self._met.add(key)
                return self._work(kind, tasks)
            try:
                self._records[key] = _Record(lambda given: self._work(kind, given), self._parameters, tasks)
            except RuntimeError as error:
                if "captur" not in str(error):
                    raise
                raise NetworkError(
                    f"{self._where}: a step can be recorded only if nothing in it waits for the device (.item(), a branch on "
                    "a value, data from the processor), this one does. Leave out --cuda-graph, which changes no number."
                ) from error
        return self._records[key](tasks)


class _Record(Generic[T]):
    """One recording: where its input lies, the graph, where its results lie."""

    def __init__(self, work: Callable[[Task], T], parameters: list[nn.Parameter], tasks: Task) -> None:
        self._given = tree_map(torch.clone, tasks)
        self._parameters = parameters
        with torch.random.fork_rng():  # what warming up draws is not to be missed by the replay
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    self._forget_gradients()
                    work(self._given)
            torch.cuda.current_stream().wait_stream(aside)
            self._forget_gradients()  # so that the recording makes its own, and writes them anew every time
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._found = work(self._given)
            self._gradients: list[Tensor | None] = [p.grad for p in parameters]

    def __call__(self, tasks: Task) -> T:
        for mine, given in zip(tree_flatten(self._given)[0], tree_flatten(tasks)[0], strict=True):
            mine.copy_(given)
        self._graph.replay()
        for p, gradient in zip(self._parameters, self._gradients, strict=True):
            p.grad = gradient
        return self._found

    def _forget_gradients(self) -> None:
        for p in self._parameters:
            p.grad = None
