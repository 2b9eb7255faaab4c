from typing import Any

import pytest
import torch

from tokay.core.seeding import generator
from tokay.core.task import Sizes, Split, check_task
from tokay.errors import ConfigError, TaskError
from tokay.tasks import ClassPool, Omniglot, list_sources, omniglot as module
from tokay.tasks.omniglot import with_rotations
from tokay.tasks.omniglot_splits import VINYALS_LIST

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ONE_EACH = Sizes(ways=5, shots=1, queries=1)


EVALUATION_ALPHABETS = """
Angelic Atemayar_Qelisayer Atlantean Aurek-Besh Avesta Ge_ez Glagolitic Gurmukhi Kannada Keble Malayalam Manipuri
Mongolian Old_Church_Slavonic_(Cyrillic) Oriya Sylheti Syriac_(Serto) Tengwar Tibetan ULOG
"""


def official_names() -> tuple[str, ...]:
    """The names of all 1,623 characters in the order of the archives."""
    rows = [line.split() for line in VINYALS_LIST.read_text().splitlines() if not line.startswith("#")]
    return tuple(
        sorted(
            f"{'evaluation' if alphabet in EVALUATION_ALPHABETS.split() else 'background'}/{alphabet}/character{number:02d}"
            for _, alphabet, first, last in rows
            for number in range(int(first), int(last) + 1)
        )
    )


NAMES = official_names()


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


def test_the_vinyals_split_has_the_published_number_of_classes(synthetic: ClassPool) -> None:
    sources = [Omniglot(split="vinyals").tasks(split, ONE_EACH) for split in SPLITS]
    assert [len(source.pool.names) for source in sources] == [4112, 688, 1692]  # rotations are classes of their own
    upright = [{name.partition("@")[0] for name in source.pool.names} for source in sources]
    assert len(set.union(*upright)) == 1623  # no character is in two splits, in any rotation
    again = Omniglot(split="vinyals", split_seed=2).tasks("test", ONE_EACH)
    assert again.pool.names == sources[2].pool.names


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
    with pytest.raises(TaskError, match="50 ways needs 50 classes, the largest group of this split has 47"):
        Omniglot(split="lake", within_alphabet=True).tasks("test", Sizes(ways=50, shots=1, queries=1))


def test_a_split_too_small(synthetic: ClassPool) -> None:
    with pytest.raises(TaskError) as caught:
        Omniglot(rotations="train").tasks("validation", Sizes(ways=101))
    assert str(caught.value) == (
        "omniglot (validation): an episode of 101 ways needs 101 classes, this split has 100. Ask for at most 100 ways, or "
        "hold out more classes."
    )
    with pytest.raises(TaskError, match=r"omniglot \(train\): 6 shots \+ 15 queries need 21 examples"):
        Omniglot().tasks("train", Sizes(shots=6))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"split": "mini"}, "omniglot: split must be random, vinyals, alphabets or lake, got 'mini'."),
        ({"rotations": True}, "omniglot: rotations must be train, all or none, got True."),
        ({"size": 0}, "omniglot: size must be at least 1 pixel, got 0."),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Omniglot(**settings)
    assert str(caught.value) == message
