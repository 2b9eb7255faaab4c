from typing import Any

import pytest
import torch

from tokay.core.seeding import generator
from tokay.core.task import Sizes, Split, check_task
from tokay.errors import ConfigError, TaskError
from tokay.tasks import ClassPool, Omniglot, list_sources, omniglot as module
from tokay.tasks.omniglot import Scheme, split_characters, with_rotations

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ONE_EACH = Sizes(ways=5, shots=1, queries=1)


def names_of(background: int, evaluation: int) -> tuple[str, ...]:
    """964 + 659 characters, spread over the alphabets as evenly as possible."""
    return tuple(
        f"{part}/{part}{c % alphabets:02d}/character{c // alphabets + 1:02d}"
        for part, count, alphabets in (("background", background, 30), ("evaluation", evaluation, 20))
        for c in range(count)
    )


NAMES = names_of(964, 659)


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch) -> ClassPool:
    """All 1,623 characters with 20 drawings of 2 x 2 pixels, instead of the archives."""
    images = torch.randint(0, 256, (1623 * 20, 1, 2, 2), generator=generator(0, "drawings")).to(torch.uint8)
    pool = ClassPool(images, torch.full((1623,), 20), NAMES)
    monkeypatch.setattr(module, "characters", lambda size: pool)
    return pool


def alphabet(name: str) -> str:
    return name.split("/")[1]


def test_is_registered() -> None:
    assert list_sources()["omniglot"] is Omniglot


@pytest.mark.parametrize("scheme", ["random", "vinyals", "lake"])
def test_splits_are_disjoint_and_complete(scheme: Scheme) -> None:
    parts = [split_characters(NAMES, scheme, split, 1) for split in SPLITS]
    assert sorted(name for part in parts for name in part) == sorted(NAMES)
    if scheme == "random":
        assert [len(part) for part in parts] == [1100, 100, 423]
        assert len({alphabet(name) for name in parts[2]}) == 50  # characters of all alphabets
    else:
        alphabets = [{alphabet(name) for name in part} for part in parts]
        assert [len(a) for a in alphabets] == ([33, 5, 12] if scheme == "vinyals" else [25, 5, 20])
        assert len(set.union(*alphabets)) == 50
    if scheme == "lake":
        assert parts[2] == list(NAMES[964:])
    again = [split_characters(NAMES[::-1], scheme, split, 1) for split in SPLITS]
    assert [set(part) for part in again] == [set(part) for part in parts]
    assert set(split_characters(NAMES, scheme, "train", 2)) != set(parts[0])


def test_rotations_turn_left_and_are_classes_of_their_own() -> None:
    images = torch.tensor([[[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]], [[[9, 9], [9, 9]]]], dtype=torch.uint8)
    rotated = with_rotations(ClassPool(images, torch.tensor([2, 1]), ("a", "b")))
    assert rotated.names == ("a", "b", "a@90", "b@90", "a@180", "b@180", "a@270", "b@270")
    assert rotated.counts.tolist() == [2, 1] * 4
    assert rotated.images[[0, 3, 6, 9], 0].tolist() == [
        [[1, 2], [3, 4]], [[2, 4], [1, 3]], [[4, 3], [2, 1]], [[3, 1], [4, 2]]
    ]  # fmt: skip


@pytest.mark.parametrize(
    "rotations, classes", [("all", [4400, 400, 1692]), ("train", [4400, 100, 423]), ("none", [1100, 100, 423])]
)
def test_which_splits_are_rotated(synthetic: ClassPool, rotations: Any, classes: list[int]) -> None:
    sources = [Omniglot(rotations=rotations).tasks(split, ONE_EACH) for split in SPLITS]
    assert [len(source.pool.names) for source in sources] == classes
    upright = [{name.partition("@")[0] for name in source.pool.names} for source in sources]
    assert [len(part) for part in upright] == [1100, 100, 423]
    assert len(set.union(*upright)) == 1623  # no character is in two splits, in any rotation


def test_tasks(synthetic: ClassPool) -> None:
    source = Omniglot().tasks("test", Sizes(ways=20, shots=5, queries=15))
    task = source.sample(3, generator(0, "test"))
    check_task(task, source.spec, where="test")
    assert task.query.x.shape == (3, 300, 1, 2, 2)
    row = synthetic.names.index(source.pool.names[0]) * 20
    assert torch.equal(source.pool.images[:20], synthetic.images[row : row + 20])


def test_within_one_alphabet(synthetic: ClassPool, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Omniglot(split="lake", within_alphabet=True).tasks("test", ONE_EACH)
    pairs = {(alphabet(name), name.partition("@")[2]) for name in source.pool.names}
    assert len(pairs) == 80
    for number in range(80):  # every group is one alphabet in one rotation
        inside = [
            name for name, group in zip(source.pool.names, source.groups.tolist(), strict=True) if group == number
        ]
        assert len({(alphabet(name), name.partition("@")[2]) for name in inside}) == 1
    with pytest.raises(TaskError, match="40 ways needs 40 classes, the largest group of this split has 33"):
        Omniglot(split="lake", within_alphabet=True).tasks("test", Sizes(ways=40, shots=1, queries=1))


def test_a_split_too_small(synthetic: ClassPool) -> None:
    with pytest.raises(TaskError) as caught:
        Omniglot(rotations="train").tasks("validation", Sizes(ways=101))
    assert str(caught.value) == (
        "omniglot (validation): an episode of 101 ways needs 101 classes, this split has 100. Ask for at most 100 ways."
    )
    with pytest.raises(TaskError, match=r"omniglot \(train\): 6 shots \+ 15 queries need 21 examples"):
        Omniglot().tasks("train", Sizes(shots=6))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"split": "mini"}, "omniglot: split must be one of random, vinyals, lake, got 'mini'."),
        ({"rotations": True}, "omniglot: rotations must be one of train, all, none, got True."),
        ({"size": 0}, "omniglot: size must be at least 1 pixel, got 0."),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Omniglot(**settings)
    assert str(caught.value) == message
