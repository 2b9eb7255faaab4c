"""Texts as numbers of words and of pieces of words (character n-grams), hashed: no vocabulary, no download.

Bojanowski et al., 2017, arXiv:1607.04606 describe a word by its n-grams of characters; a word that was never seen shares
them with other words. The hash is the same on every machine and in every version of Python.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

_WORD = re.compile(r"\w+|[^\w\s]")
_MOST = 2**31 - 1  # hashes are 1 to 2^31 - 1; 0 is padding


def hash_ngrams(texts: Sequence[str], sizes: tuple[int, int], length: int) -> Tensor:
    """The hashes of the words of each text and of their n-grams: int32 ``[n, length]``, padded with 0.

    ``sizes`` are the smallest and the largest n. A word has a mark at both ends, so ``<to`` and ``to`` differ. Words come
    first, then n-grams from short to long: a text with more than ``length`` of them loses long n-grams first.

    >>> row = hash_ngrams(["Move it, move it"], (3, 5), 8)[0]
    >>> bool(row[0] == row[3]), bool((row > 0).all())
    (True, True)
    """
    numbers = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        hashes = _hashes(text, sizes)[:length]
        numbers[row, : len(hashes)] = hashes
    return torch.from_numpy(numbers)


def _hashes(text: str, sizes: tuple[int, int]) -> list[int]:
    """The hashes of a text: words first, then all n-grams of each size."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    groups = [_hashes_of_word(word, sizes) for word in words]
    return [number for level in range(sizes[1] - sizes[0] + 2) for group in groups for number in group[level]]


@lru_cache(maxsize=100_000)
def _hashes_of_word(word: str, sizes: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
    """The hash of the word itself, then those of its n-grams of each size."""
    ends = f"<{word}>"
    levels = [[ends], *(list(_pieces(ends, n)) for n in range(sizes[0], sizes[1] + 1))]
    return tuple(tuple(map(_hash, level)) for level in levels)


def _pieces(ends: str, n: int) -> Iterator[str]:
    """The n-grams of a word with its marks, without the whole."""
    if n < len(ends):
        yield from (ends[start : start + n] for start in range(len(ends) - n + 1))


def _hash(piece: str) -> int:
    digest = blake2b(piece.encode(errors="backslashreplace"), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % _MOST
