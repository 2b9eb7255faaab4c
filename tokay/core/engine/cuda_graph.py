"""Records work on a GPU as a CUDA graph and replays it. A replay starts all kernels at once.

An outer step of a small network runs about a thousand kernels of a few microseconds each. Under ``vmap`` and ``grad``,
starting them one by one takes the CPU much longer than the GPU needs to run them. A replay needs only the GPU's time.
It runs the same kernels on the same memory, so the numbers do not change.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from ...errors import NetworkError

T = TypeVar("T")
B = TypeVar("B")
K = TypeVar("K", bound=Hashable)
_WARM_UPS = 2  # libraries choose kernels and allocate workspaces in these calls; a recording must not do that


class GraphedFunction(Generic[K, B, T]):
    """``function(kind, batch)``, recorded as a CUDA graph for each ``kind`` and shape of ``batch``, a tree of tensors.

    ``function`` sets the gradients of ``parameters`` and returns tensors. Which operations it runs may depend only on
    ``kind`` and on the shapes of ``batch``.

    For each pair of kind and shapes, the first call runs normally, the second one records the graph, and all later ones
    replay it. A pair that occurs once is never recorded. A returned tensor is valid until the next call. Random draws
    follow torch's generators; you can seed them before every call.

    Raises ``NetworkError`` (starting with ``where``) if the work cannot be recorded.
    """

    def __init__(self, function: Callable[[K, B], T], parameters: Iterable[nn.Parameter], *, where: str) -> None:
        self._function, self._parameters, self._where = function, list(parameters), where
        self._previous_keys: set[Hashable] = set()
        self._graphs: dict[Hashable, _Graph[B, T]] = {}

    def __call__(self, kind: K, batch: B) -> T:
        """Return ``function(kind, batch)`` and replace the gradients of the parameters."""
        key = (kind, *((leaf.shape, leaf.dtype) for leaf in tree_flatten(batch)[0]))
        if key not in self._graphs:
            if key not in self._previous_keys:
                self._previous_keys.add(key)
                return self._function(kind, batch)
            try:
                self._graphs[key] = _Graph(lambda inputs: self._function(kind, inputs), self._parameters, batch)
            except RuntimeError as error:
                if "captur" not in str(error):
                    raise
                raise NetworkError(
                    f"{self._where}: --cuda-graph can record a step only if nothing in it waits for the GPU (.item(), "
                    "a branch on a value, data from the CPU), got a step that waits. "
                    "Leave out --cuda-graph; the results do not change."
                ) from error
        return self._graphs[key](batch)


class _Graph(Generic[B, T]):
    """One recorded graph with the memory of its inputs, outputs and gradients."""

    def __init__(self, function: Callable[[B], T], parameters: list[nn.Parameter], batch: B) -> None:
        self._inputs: B = tree_map(torch.clone, batch)
        self._parameters = parameters
        with torch.random.fork_rng():  # the warm-up must not advance the random state
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):
                    self._clear_gradients()
                    function(self._inputs)
            torch.cuda.current_stream().wait_stream(stream)
            self._clear_gradients()  # so that the recording allocates gradients and overwrites them in every replay
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._outputs = function(self._inputs)
            self._gradients: list[Tensor | None] = [p.grad for p in parameters]

    def __call__(self, batch: B) -> T:
        for memory, leaf in zip(tree_flatten(self._inputs)[0], tree_flatten(batch)[0], strict=True):
            memory.copy_(leaf)
        self._graph.replay()
        for p, gradient in zip(self._parameters, self._gradients, strict=True):
            p.grad = gradient
        return self._outputs

    def _clear_gradients(self) -> None:
        for p in self._parameters:
            p.grad = None
