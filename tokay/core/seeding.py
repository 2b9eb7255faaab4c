"""Randomness as a pure function of (seed, stream, step), so that a resumed run draws what an uninterrupted one would."""

import hashlib
from collections.abc import Iterator

import torch

# Tasks are evaluated in blocks of this many, each drawn from its own seed, so that which tasks are drawn depends on
# the seed alone and never on how many are computed at once.
BLOCK = 25


def derive(seed: int, stream: str, step: int = 0) -> int:
    """A 63-bit seed from a user's seed, the name of what it is for, and a counter.

    >>> derive(0, "train", 1) == derive(0, "train", 1), derive(0, "train", 1) == derive(0, "train", 2)
    (True, False)
    """
    digest = hashlib.blake2b(f"{seed}/{stream}/{step}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, stream: str, step: int = 0) -> torch.Generator:
    """A CPU generator at the state that ``derive`` names."""
    return torch.Generator().manual_seed(derive(seed, stream, step))


def evaluation_blocks(tasks: int, seed: int) -> Iterator[tuple[torch.Generator, int]]:
    """What ``evaluate`` draws each block of ``BLOCK`` tasks with, and how many of the block it uses.

    >>> [used for _, used in evaluation_blocks(60, 0)]
    [25, 25, 10]
    """
    for index, start in enumerate(range(0, tasks, BLOCK)):
        yield generator(seed, "evaluate", index), min(BLOCK, tasks - start)
