import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from tokay.core.seeding import generator
from tokay.core.task import Sizes, Split, check_task
from tokay.errors import ConfigError, DataError, TaskError
from tokay.tasks import Images, image_pools, list_sources
from tokay.tasks.data_folders import data_dir
from tokay.tasks.image_decoding import Channels
from tokay.tasks.image_pools import read_images

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ONE_EACH = Sizes(ways=1, shots=1, queries=1)


def members(source: Images) -> dict[str, set[str]]:
    return {split: set(source.tasks(split, ONE_EACH).pool.names) for split in SPLITS}


def test_is_registered() -> None:
    assert list_sources()["images"] is Images


def test_tasks_of_a_folder(root: Path) -> None:
    source = Images(root=str(root), size=6).tasks("train", Sizes(ways=3, shots=1, queries=2))
    task = source.sample(5, generator(0, "test"))
    check_task(task, source.spec, where="test")
    assert source.spec.x_shape == (3, 6, 6)
    assert task.query.x.shape == (5, 6, 3, 6, 6)
    values = (task.query.x[:, :, 0, 0, 0] * 255).round().long() // 20  # the grey value encodes the class
    for labels, owners in zip(task.query.y.int().argmax(-1), values, strict=True):
        assert len({(int(a), int(b)) for a, b in zip(labels, owners, strict=True)}) == 3


def test_grey_and_inverted(root: Path) -> None:
    grey = Images(root=str(root), size=6, channels="grey").tasks("train", ONE_EACH).pool
    dark = Images(root=str(root), size=6, channels="grey", invert=True).tasks("train", ONE_EACH).pool
    assert grey.images.shape[1:] == (1, 6, 6)
    assert torch.equal(dark.images, 255 - grey.images)


def test_settings_do_not_share_a_cached_copy(root: Path) -> None:
    shapes: tuple[tuple[Channels, int, tuple[int, ...]], ...] = (
        ("rgb", 6, (3, 6, 6)),
        ("grey", 6, (1, 6, 6)),
        ("grey", 5, (1, 5, 5)),
    )
    for channels, size, shape in shapes:
        image_pools.load_pool.cache_clear()
        assert Images(root=str(root), channels=channels, size=size).tasks("train", ONE_EACH).spec.x_shape == shape


def test_splits_are_disjoint_and_complete(root: Path) -> None:
    parts = members(Images(root=str(root), size=4))
    assert [len(parts[split]) for split in SPLITS] == [6, 2, 2]
    assert set.union(*parts.values()) == {f"class{i}" for i in range(10)}
    assert members(Images(root=str(root), size=4, split_seed=1)) != parts
    assert members(Images(root=str(root), size=5, channels="grey")) == parts


def test_a_pool_holds_each_class_s_own_pictures(root: Path) -> None:
    for split in SPLITS:
        pool = Images(root=str(root), size=4).tasks(split, ONE_EACH).pool
        for name, part in zip(pool.names, torch.split(pool.stored(), pool.counts.tolist()), strict=True):
            index = int(name.removeprefix("class"))
            assert part[:, 0, 0, 0].tolist() == [20 * index + number for number in range(3 + index % 2)]


def test_the_order_of_the_file_system_does_not_matter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Images(root=str(root), size=4)
    previous = source.tasks("train", Sizes(ways=3, shots=1, queries=1)).sample(4, generator(0, "test"))
    listing = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(list(listing(self))))
    shutil.rmtree(root.parent / "cache")
    image_pools.load_pool.cache_clear()
    rebuilt = source.tasks("train", Sizes(ways=3, shots=1, queries=1)).sample(4, generator(0, "test"))
    assert torch.equal(previous.support.x, rebuilt.support.x)


def test_pictures_are_decoded_once(root: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    source = Images(root=str(root), size=4)
    first = source.tasks("train", ONE_EACH).pool.stored()
    monkeypatch.setattr(image_pools, "decode_picture", None)  # a call would fail
    for split in SPLITS:
        source.tasks(split, ONE_EACH)
    image_pools.load_pool.cache_clear()  # as in a new process, which reads the file
    assert torch.equal(source.tasks("train", ONE_EACH).pool.stored(), first)
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("change", ["content", "new file", "removed", "renamed"])
def test_changes_of_the_folder_are_seen(root: Path, change: str, cache: Path) -> None:
    source = Images(root=str(root), size=4, validation=0, test=0)
    file = root / "class3" / "0.png"
    for other in root.glob("*/*"):  # equal times, as after unpacking some archives
        os.utime(other, (0, 0))
    previous = source.tasks("train", ONE_EACH).pool
    if change == "content":
        Image.new("L", (9, 7), 255).save(file)
    elif change == "new file":
        shutil.copy(file, root / "class3" / "new.png")
    elif change == "removed":
        file.unlink()
    else:
        file.rename(root / "class3" / "z.png")
    rebuilt = source.tasks("train", ONE_EACH).pool
    assert not torch.equal(previous.images, rebuilt.images)
    assert len(list(cache.iterdir())) == 1  # the stale copy is replaced


def test_read_images(root: Path) -> None:
    pixels = read_images([root / "class1" / "2.png", root / "class0" / "0.png"], 5, "grey", invert=True)
    assert pixels.shape == (2, 1, 5, 5)
    assert pixels.dtype == torch.uint8
    assert pixels[:, 0, 0, 0].tolist() == [255 - 22, 255]
    assert read_images([], 5, "rgb").shape == (0, 3, 5, 5)


def test_few_classes_still_fill_every_split(root: Path) -> None:
    for index in range(3, 10):
        shutil.rmtree(root / f"class{index}")
    assert [len(part) for part in members(Images(root=str(root), size=4)).values()] == [1, 1, 1]
    shutil.rmtree(root / "class2")
    with pytest.raises(DataError) as caught:
        Images(root=str(root), size=4).tasks("train", ONE_EACH)
    assert str(caught.value) == (
        "images: there must be more than 1 validation + 1 test classes, got 2. "
        "Add classes, or set validation or test to 0."
    )


def test_a_split_too_small_for_the_episode(root: Path) -> None:
    with pytest.raises(TaskError, match=r"images \(test\): an episode of 5 ways needs 5 classes, this split has 2"):
        Images(root=str(root), size=4).tasks("test", Sizes(ways=5, shots=1, queries=1))
    with pytest.raises(TaskError, match=r"images \(train\): 2 shots \+ 9 queries need 11 .* 6 of 6 classes have fewer"):
        Images(root=str(root), size=4).tasks("train", Sizes(ways=2, shots=2, queries=9))


@pytest.mark.data
@pytest.mark.skipif(not (data_dir() / "grocery").is_dir(), reason="TOKAY_DATA names no folder with grocery/")
def test_real_photos() -> None:
    source = Images(root=str(data_dir() / "grocery"), size=16)
    parts = members(source)
    assert [len(parts[split]) for split in SPLITS] == [52, 13, 16]
    pools = [source.tasks(split, ONE_EACH).pool for split in SPLITS]
    assert sum(len(pool.stored()) for pool in pools) == 5421
    assert all(bool((pool.stored().float().std((1, 2, 3)) > 1).all()) for pool in pools)  # no picture is blank


def test_all_classes_may_be_test_classes(root: Path) -> None:
    source = Images(root=str(root), size=4, test=1)
    assert [source.has_split(split) for split in SPLITS] == [False, False, True]
    assert len(source.tasks("test", ONE_EACH).pool.names) == 10
    with pytest.raises(ConfigError, match=r"there are no training classes, because test is 1. Lower it."):
        source.tasks("train", ONE_EACH)


def test_root_is_absolute(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    source = Images(root=root.name)
    assert source == Images(root=str(root))
    monkeypatch.chdir("/")
    assert source.root == str(root)
    monkeypatch.setenv("HOME", str(root.parent))
    assert Images(root="~/root") == source


def test_the_division_of_a_run_stays(root: Path) -> None:
    """In the order of the run, without classes that are gone, and with new ones only if they are asked for."""
    source = Images(root=str(root), size=4)
    division: dict[Split, list[str]] = {"train": ["class3", "class1"], "validation": [], "test": ["class2", "gone"]}
    kept_source = source.keep_classes(division)
    assert kept_source == source
    assert kept_source.tasks("train", ONE_EACH).pool.names == ("class3", "class1")
    assert not kept_source.has_split("validation")
    assert kept_source.tasks("test", ONE_EACH).pool.names == ("class2",)
    names = source.keep_classes(division, add_new=True).tasks("test", ONE_EACH).pool.names
    assert names == ("class2", "class0", *(f"class{i}" for i in range(4, 10)))
    assert "2 training, 0 validation and 1 test classes" in kept_source.describe_classes()
    assert members(source) != {split: set(names) for split, names in division.items()}  # the source itself is unchanged


def test_a_folder_that_divides_itself(root: Path) -> None:
    for number in range(10):
        split = "test" if number < 3 else "train"
        (root / split).mkdir(exist_ok=True)
        (root / f"class{number}").rename(root / split / f"class{number}")
    source = Images(root=str(root), size=4)
    assert source.tasks("test", ONE_EACH).pool.names == ("class0", "class1", "class2")
    assert len(source.tasks("train", ONE_EACH).pool.names) == 7
    with pytest.raises(ConfigError, match=r"no validation classes, because .*/root has no folder validation. Add one."):
        source.tasks("validation", ONE_EACH)
