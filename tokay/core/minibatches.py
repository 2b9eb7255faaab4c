"""Which examples an inner step looks at."""

import random

import torch
from torch import Tensor

from .task import Examples


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
    index = cycle(n, batch, steps).to(examples.x.device)
    return [Examples(examples.x[i], examples.y[i]) for i in index]
