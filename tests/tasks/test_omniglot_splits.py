"""Which characters each split holds."""

import pytest

from tokay.core.task import Split
from tokay.errors import DataError
from tokay.tasks.data_folders import data_dir
from tokay.tasks.omniglot_splits import Scheme, split_characters, vinyals_characters

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
# 964 + 659 characters, spread over the alphabets as evenly as possible
NAMES = tuple(
    f"{part}/{part}{c % alphabets:02d}/character{c // alphabets + 1:02d}"
    for part, count, alphabets in (("background", 964, 30), ("evaluation", 659, 20))
    for c in range(count)
)


def alphabet(name: str) -> str:
    return name.split("/")[1]


@pytest.mark.parametrize("scheme", ["random", "alphabets", "lake"])
def test_splits_are_disjoint_and_complete(scheme: Scheme) -> None:
    parts = [split_characters(NAMES, scheme, split, 1) for split in SPLITS]
    assert sorted(name for part in parts for name in part) == sorted(NAMES)
    if scheme == "random":
        assert [len(part) for part in parts] == [1100, 100, 423]
        assert len({alphabet(name) for name in parts[2]}) == 50  # characters of all alphabets
    else:
        alphabets = [{alphabet(name) for name in part} for part in parts]
        assert [len(a) for a in alphabets] == ([33, 5, 12] if scheme == "alphabets" else [25, 5, 20])
        assert len(set.union(*alphabets)) == 50
    if scheme == "lake":
        assert parts[2] == list(NAMES[964:])
    again = [split_characters(NAMES[::-1], scheme, split, 1) for split in SPLITS]
    assert [set(part) for part in again] == [set(part) for part in parts]
    assert set(split_characters(NAMES, scheme, "train", 2)) != set(parts[0])


def test_alphabets_are_drawn_as_ever() -> None:
    """Runs of earlier versions call this split vinyals. They must find the alphabets that they were trained on."""
    members = {alphabet(name) for name in split_characters(NAMES, "alphabets", "validation", 1)}
    assert members == {"background13", "background28", "evaluation00", "evaluation02", "evaluation08"}


def test_the_published_lists() -> None:
    parts = [set(vinyals_characters(split)) for split in SPLITS]
    assert [len(part) for part in parts] == [1028, 172, 423]
    assert len(set.union(*parts)) == 1623  # no character is in two splits
    alphabets = [{name.split("/")[0] for name in part} for part in parts]
    assert [len(part) for part in alphabets] == [33, 5, 13]
    assert alphabets[0] & alphabets[2] == {"Gurmukhi"}
    assert not alphabets[1] & (alphabets[0] | alphabets[2])
    assert {f"Gurmukhi/character{number}" for number in range(42, 46)} < parts[2]
    assert "Gurmukhi/character41" in parts[0]


def test_vinyals_takes_the_listed_characters_from_either_archive() -> None:
    names = [f"evaluation/{name}" for split in SPLITS for name in vinyals_characters(split)]
    names[0] = names[0].replace("evaluation/", "background/")
    assert split_characters(names, "vinyals", "train", 1)[0] == names[0]
    assert split_characters(names[::-1], "vinyals", "validation", 1) == names[1028:1200]
    assert split_characters(names, "vinyals", "test", 2) == names[1200:]
    with pytest.raises(DataError) as caught:
        split_characters(names[:1199] + names[1200:], "vinyals", "validation", 1)
    assert str(caught.value) == (
        "omniglot: --split vinyals needs 172 characters for validation, the archives lack 1 of them, such as "
        "Mkhedruli_(Georgian)/character41. Use the official archives, or another --split."
    )


@pytest.mark.data
@pytest.mark.skipif(
    not (data_dir() / "omniglot" / "vinyals_split").exists(),
    reason="TOKAY_DATA names no folder with omniglot/vinyals_split",
)
def test_the_lists_are_those_of_the_authors() -> None:
    folder = data_dir() / "omniglot" / "vinyals_split"
    for split, file in zip(SPLITS, ("train.txt", "val.txt", "test.txt"), strict=True):
        assert sorted(vinyals_characters(split)) == sorted((folder / file).read_text().split())
