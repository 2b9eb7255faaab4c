"""Which examples an inner step looks at."""

import random

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ..task import Examples


def cycle(n: int, batch: int, steps: int) -> Tensor:
    """Indices ``[steps, batch]`` that go through ``n`` examples without replacement, shuffled anew in every round.

    A batch may straddle two rounds; where ``batch >= n`` every step sees all examples. The order is a fixed function
    of the three numbers, so that mapping over tasks, chunking and resuming change nothing; sources shuffle the examples.

    >>> sorted(cycle(4, 2, 2).flatten().tolist())
    [0, 1, 2, 3]
    """
    if batch >= n:
        return torch.arange(n).expand(steps, n)
    # Not torch's draws: under vmap those differ from task to task and with the chunk size.
    draw = random.Random(0)
    rounds = -(-steps * batch // n)
    order = [index for _ in range(rounds) for index in sorted(range(n), key=lambda _: draw.random())]
    return torch.tensor(order[: steps * batch]).reshape(steps, batch)


def minibatches(examples: Examples, batch: int, steps: int) -> list[Examples]:
    """``steps`` mini-batches of ``examples``, cycled through as ``cycle`` says."""
    n = examples.x.shape[0]
    if batch >= n:
        return [examples] * steps
    index = _on(examples.x.device, n, batch, steps)
    return [Examples(examples.x[i], examples.y[i]) for i in index]


_kept: dict[tuple[torch.device, int, int, int], Tensor] = {}


def _on(device: torch.device, n: int, batch: int, steps: int) -> Tensor:
    """``cycle`` on ``device``, which is not to wait for the same few numbers in every task."""
    key = (device, n, batch, steps)
    if key in _kept:
        return _kept[key]
    with torch.inference_mode(False):  # an inference tensor could not be used outside of it later
        index = cycle(n, batch, steps).to(device)
    if not is_functorch_wrapped_tensor(index):  # inside torch.func.grad it is that call's alone
        _kept[key] = index
    return index
