"""The error message for every kind of unusable folder of images."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from tokay.core.task import Sizes, Split
from tokay.errors import ConfigError, DataError
from tokay.tasks import Images

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ONE_EACH = Sizes(ways=1, shots=1, queries=1)


def half(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()[: len(file.getvalue()) // 2]


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))


def empty_class(root: Path) -> None:
    shutil.rmtree(root / "class4")
    (root / "class4").mkdir()
    (root / "class4" / ".DS_Store").write_text("")


def folder_within(root: Path) -> None:
    (root / "class4" / "more").mkdir()


def no_classes(root: Path) -> None:
    for folder in root.iterdir():
        shutil.rmtree(folder)


def dead_link(root: Path) -> None:
    (root / "class4" / "dead.png").symlink_to(root / "nowhere")


@pytest.mark.parametrize(
    "damage, message",
    [
        (shutil.rmtree, "images: cannot list the folder {root} (No such file or directory). Check the path."),
        (
            no_classes,
            "images: {root} must have one folder of images per class, it has no folder. Put each class into a folder.",
        ),
        (empty_class, "images: {root}/class4 must have images, it has none. Add some, or remove the folder."),
        (
            folder_within,
            "images: {root}/class4 must have only image files, more is no file. Move it elsewhere, or take nested folders "
            "with --glob '**/*.jpg'.",
        ),
        (
            dead_link,
            "images: {root}/class4 must have only image files, dead.png is no file. Move it elsewhere.",
        ),
        (
            lambda root: (root / "class4" / "labels.txt").write_text("cat, dog"),
            "images: {root}/class4/labels.txt is not an image that PIL can read. Remove or convert it.",
        ),
        (
            lambda root: (root / "class4" / "cut.png").write_bytes(half(NOISE, "png")),
            "images: {root}/class4/cut.png cannot be read; it is damaged or cut short (",
        ),
        (
            lambda root: (root / "class4" / "cut.jpg").write_bytes(half(NOISE, "jpeg")),
            "images: {root}/class4/cut.jpg cannot be read; it is damaged or cut short (image file is truncated",
        ),
    ],
)
def test_what_is_wrong_with_the_folder(root: Path, damage: Callable[[Path], Any], message: str, cache: Path) -> None:
    damage(root)
    with pytest.raises(DataError) as caught:
        Images(root=str(root), size=4).tasks("train", ONE_EACH)
    assert str(caught.value).startswith(message.format(root=root))
    assert "\n" not in str(caught.value)
    assert not cache.exists() or not list(cache.iterdir())
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_root_that_is_a_file(root: Path) -> None:
    with pytest.raises(DataError, match=r"cannot list the folder .*/0.png \(Not a directory\)"):
        Images(root=str(root / "class0" / "0.png")).tasks("train", ONE_EACH)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"size": 0}, "images: size must be at least 1 pixel, got 0."),
        ({"channels": "gray"}, "images: channels must be rgb or grey, got 'gray'."),
        ({"validation": -0.1}, "leave classes to train on, got -0.1 and 0.2."),
        ({"validation": 0.5, "test": 0.5}, "leave classes to train on, got 0.5 and 0.5."),
        ({"test": float("nan")}, "test must be a number, got nan."),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Images(root="anywhere", **settings)
    assert str(caught.value).endswith(message)


def test_a_split_without_classes(root: Path) -> None:
    source = Images(root=str(root), size=4, test=0)
    assert len(source.tasks("train", ONE_EACH).pool.names) == 8
    with pytest.raises(ConfigError) as caught:
        source.tasks("test", ONE_EACH)
    assert str(caught.value) == (
        "images: there are no test classes, because test is 0. Raise it, or score a run on other pictures: "
        "--on 'images --root FOLDER --size 4 --test 1'."
    )
