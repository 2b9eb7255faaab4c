"""The characters of Omniglot that each split holds."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from ..core.task import Split
from ..errors import DataError
from .splits import shuffle_names, take_split

Scheme = Literal["random", "vinyals", "alphabets", "lake"]

VINYALS_LIST = Path(__file__).with_name("omniglot_vinyals.txt")


def split_characters(names: Sequence[str], scheme: Scheme, split: Split, seed: int) -> Sequence[str]:
    """The characters of one split. ``names`` are all characters, such as ``background/Latin/character01``.

    Raises ``DataError`` if ``scheme`` is vinyals and a character of its list is not in ``names``.
    """
    if scheme == "random":
        return take_split(shuffle_names(names, seed), split, validation=100, test=423)
    if scheme == "vinyals":
        return _of_list(names, split)
    alphabets = {name.split("/")[1]: name.startswith("evaluation/") for name in names}
    if scheme == "alphabets":
        members = take_split(shuffle_names(alphabets, seed), split, validation=5, test=12)
    elif split == "test":
        members = [alphabet for alphabet, evaluation in alphabets.items() if evaluation]
    else:
        background = [alphabet for alphabet, evaluation in alphabets.items() if not evaluation]
        members = take_split(shuffle_names(background, seed), split, validation=5, test=0)
    return [name for name in names if name.split("/")[1] in members]


@cache
def vinyals_characters(split: Split) -> tuple[str, ...]:
    """The characters of the published list, such as ``Latin/character01``.

    >>> vinyals_characters("validation")[0], len(vinyals_characters("validation"))
    ('Armenian/character01', 172)
    """
    rows = [line.split() for line in VINYALS_LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return tuple(
        f"{alphabet}/character{number:02d}"
        for name, alphabet, first, last in rows
        if name == split
        for number in range(int(first), int(last) + 1)
    )


def _of_list(names: Sequence[str], split: Split) -> list[str]:
    full_names = {name.partition("/")[2]: name for name in names}
    characters = vinyals_characters(split)
    missing = [character for character in characters if character not in full_names]
    if missing:
        raise DataError(
            f"omniglot: --split vinyals needs {len(characters)} characters for {split}, the archives lack {len(missing)} "
            f"of them, such as {missing[0]}. Use the official archives, or another --split."
        )
    return [full_names[character] for character in characters]
