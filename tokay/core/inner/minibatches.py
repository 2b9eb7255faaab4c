"""Mini-batches of the support set for the inner steps."""

import random

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ..task import Examples


def cycle(n: int, batch: int, steps: int) -> Tensor:
    """Indices ``[steps, batch]`` that visit ``n`` examples in rounds: each example once per round, in a new order.

    A batch may span two rounds. If ``batch >= n``, every step gets all ``n`` examples. The order depends only on the
    three arguments, so it is the same for every task, chunk size and resumed run. (Sources already shuffle the examples.)

    >>> sorted(cycle(4, 2, 2).flatten().tolist())
    [0, 1, 2, 3]
    """
    if batch >= n:
        return torch.arange(n).expand(steps, n)
    # Python's generator, because torch's draws under vmap depend on the task and the chunk size.
    draw = random.Random(0)
    rounds = -(-steps * batch // n)
    order = [index for _ in range(rounds) for index in sorted(range(n), key=lambda _: draw.random())]
    return torch.tensor(order[: steps * batch]).reshape(steps, batch)


def minibatches(examples: Examples, batch: int, steps: int) -> list[Examples]:
    """``steps`` mini-batches of ``examples``, in the order of ``cycle``."""
    n = examples.x.shape[0]
    if batch >= n:
        return [examples] * steps
    index = _indices_on(examples.x.device, n, batch, steps)
    return [Examples(examples.x[i], examples.y[i]) for i in index]


_cache: dict[tuple[torch.device, int, int, int], Tensor] = {}


def _indices_on(device: torch.device, n: int, batch: int, steps: int) -> Tensor:
    """``cycle`` on ``device``, cached, so that the device does not wait for a copy in every task."""
    key = (device, n, batch, steps)
    if key in _cache:
        return _cache[key]
    with torch.inference_mode(False):  # code outside inference mode cannot use an inference tensor
        index = cycle(n, batch, steps).to(device)
    if not is_functorch_wrapped_tensor(index):  # a tensor made inside torch.func.grad is dead after that call
        _cache[key] = index
    return index
