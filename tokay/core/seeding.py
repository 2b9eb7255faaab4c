"""Randomness as a pure function of (seed, stream, step), so that a resumed run draws what an uninterrupted one would."""

import hashlib

import torch


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
