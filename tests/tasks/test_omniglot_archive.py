import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tokay.errors import DataError
from tokay.tasks import ClassPool
from tokay.tasks.omniglot_archive import read_archive

from .archives import Entries, drawing, write


def entries() -> Entries:
    """Two alphabets with three characters of two drawings, not sorted by name."""
    places = [("Latin", 2), ("Latin", 1), ("Greek", 1)]
    return {
        f"images_background/{alphabet}/character0{c}/000{c}_0{d}.png": drawing(2 * row + d)
        for row, (alphabet, c) in enumerate(places)
        for d in (1, 0)
    }


def read(path: Path) -> ClassPool:
    return read_archive(path, size=8, characters=3, drawings=2)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith("omniglot: ")
    assert "\n" not in message
    assert str(path) in message
    return message.removeprefix("omniglot: ").replace(str(path), "ZIP")


REMEDY = "Replace it with the official images_background.zip, or delete it: Tokay then downloads it."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "images_background.zip", entries())


def test_drawings_come_in_the_order_of_their_names_with_ink_255(path: Path) -> None:
    pool = read(path)
    assert pool.names == (
        "background/Greek/character01",
        "background/Latin/character01",
        "background/Latin/character02",
    )
    assert pool.counts.tolist() == [2, 2, 2]
    assert pool.images.shape == (6, 1, 8, 8)
    for image, column in zip(pool.images[:, 0], [4, 5, 2, 3, 0, 1], strict=True):
        expected = torch.zeros(8, 8, dtype=torch.uint8)
        expected[:, column] = 255
        assert torch.equal(image, expected)


def test_shrinking_is_smooth(path: Path) -> None:
    grey = read_archive(path, size=4, characters=3, drawings=2).images
    assert ((grey > 50) & (grey < 200)).any()


def test_folders_and_litter_are_skipped(path: Path) -> None:
    extra = {
        "images_background/": b"",
        "images_background/Latin/": b"",
        "images_background/.DS_Store": b"x",
        "images_background/Latin/character01/Thumbs.db": b"x",
        "images_background/Latin/character01/._0001_00.png": b"x",
        "__MACOSX/images_background/Latin/._0001_00.png": b"x",
    }
    assert torch.equal(read(write(path, entries() | extra)).images, read(write(path, entries())).images)


@pytest.mark.parametrize("length", [0, 10, 200, -1])
def test_a_truncated_archive(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    assert refused(path) == f"ZIP is not a valid zip file (File is not a zip file). {REMEDY}"


def test_not_a_zip(path: Path) -> None:
    path.write_text("404: Not Found")
    assert refused(path) == f"ZIP is not a valid zip file (File is not a zip file). {REMEDY}"
    path.unlink()
    path.mkdir()
    assert refused(path) == f"ZIP is not a valid zip file (Is a directory). {REMEDY}"


def test_a_flipped_byte_is_noticed_or_harmless(path: Path) -> None:
    good, expected = path.read_bytes(), read(path).images
    refusals = []
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x55]) + good[position + 1 :])
        try:
            assert torch.equal(read(path).images, expected)
        except DataError as error:
            refusals.append(str(error))
    assert len(refusals) > len(good) / 3
    assert not any("\n" in message for message in refusals)


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "/etc/evil.png", "images_background/../../evil.png", "..\\evil.png", "C:\\evil.png", "C:/evil.png"],
)
def test_an_entry_that_leaves_the_folder(path: Path, name: str) -> None:
    write(path, entries() | {name: drawing(0)})
    assert refused(path) == f"ZIP has the entry {name!r}, a path outside its folder. {REMEDY}"


def test_an_entry_of_the_folder_itself(path: Path) -> None:
    read(write(path, entries() | {"./": b""}))


def without(text: str) -> Callable[[Entries], Entries]:
    return lambda content: {name: data for name, data in content.items() if text not in name}


def renamed(content: Entries) -> Entries:
    return {name.replace("background", "evaluation"): data for name, data in content.items()}


@pytest.mark.parametrize(
    "change, message",
    [
        (without("Greek"), f"ZIP must have 3 characters, it has 2. {REMEDY}"),
        (without(""), f"ZIP must have 3 characters, it has 0. {REMEDY}"),
        (renamed, f"ZIP must have 3 characters, it has 0. {REMEDY}"),
        (
            without("Latin/character01/0001_00"),
            f"ZIP must have 2 drawings of each character, background/Latin/character01 has 1. {REMEDY}",
        ),
        (
            lambda content: content | {"images_background/Greek/character01/0001_02.png": drawing(0)},
            f"ZIP must have 2 drawings of each character, background/Greek/character01 has 3. {REMEDY}",
        ),
        (
            lambda content: content | {"images_background/Greek/character01/0001_00.png": bytes(1 << 21)},
            f"images_background/Greek/character01/0001_00.png in ZIP must have at most 1048576 bytes, got 2097152. {REMEDY}",
        ),
        (
            lambda content: content | {"images_background/Greek/character01/0001_00.png": b"hello"},
            "images_background/Greek/character01/0001_00.png in ZIP is not an image that PIL can read. "
            "Remove or convert it.",
        ),
    ],
)
def test_what_the_archive_must_hold(path: Path, change: Callable[[Entries], Entries], message: str) -> None:
    assert refused(write(path, change(entries()))) == message


def test_a_truncated_drawing(path: Path) -> None:
    name = "images_background/Greek/character01/0001_00.png"
    write(path, entries() | {name: drawing(0)[:-25]})
    assert re.fullmatch(rf"{name} in ZIP cannot be read; it is damaged or cut short \(.+\). Replace it.", refused(path))
