"""Random generators that depend only on (seed, stream, step), so that a resumed run repeats the same draws."""

import hashlib
from collections.abc import Iterator

import torch

# Number of tasks in a block of an evaluation. Each block has its own seed, so that the tasks depend only on the seed,
# and not on how many are computed at once.
BLOCK = 25


def derive_seed(seed: int, stream: str, step: int = 0) -> int:
    """Return a 63-bit seed from the user's ``seed``, a purpose (``stream``, such as "train") and a counter.

    >>> derive_seed(0, "train", 1) == derive_seed(0, "train", 1)
    True
    >>> derive_seed(0, "train", 1) == derive_seed(0, "train", 2)
    False
    """
    digest = hashlib.blake2b(f"{seed}/{stream}/{step}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, stream: str, step: int = 0) -> torch.Generator:
    """Return a CPU generator, seeded with ``derive_seed``."""
    return torch.Generator().manual_seed(derive_seed(seed, stream, step))


def evaluation_blocks(tasks: int, seed: int) -> Iterator[tuple[torch.Generator, int]]:
    """Yield, for each block of ``BLOCK`` tasks, its generator and the number of its tasks that the evaluation uses.

    >>> [size for _, size in evaluation_blocks(60, 0)]
    [25, 25, 10]
    """
    for index, start in enumerate(range(0, tasks, BLOCK)):
        yield generator(seed, "evaluate", index), min(BLOCK, tasks - start)
