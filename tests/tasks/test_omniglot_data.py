"""From archives to drawings: download, decoding, and the real data if it is there."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tokay.core.seeding import generator
from tokay.core.task import Sizes, Split
from tokay.errors import DataError
from tokay.tasks import ClassPool, Omniglot, omniglot as module
from tokay.tasks.data_folders import data_dir
from tokay.tasks.download import download
from tokay.tasks.image_pools import read_images
from tokay.tasks.omniglot import characters, fetch
from tokay.tasks.omniglot_archive import read_archive
from tokay.tasks.omniglot_splits import split_characters

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ONE_EACH = Sizes(ways=5, shots=1, queries=1)


def test_missing_archives_are_fetched_and_present_ones_left_alone(tmp_path: Path) -> None:
    (tmp_path / "images_evaluation.zip").write_text("a local copy, not the official bytes")
    calls: list[tuple[str, Path, str]] = []

    def get(url: str, to: Path, *, md5: str, where: str, remedy: str) -> None:
        calls.append((url, to, md5))

    fetch(tmp_path, get)
    assert calls == [
        (
            "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_background.zip",
            tmp_path / "images_background.zip",
            "68d2efa1b9178cc56df9314c21c6e718",
        )
    ]


def test_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(url: str, timeout: float) -> Any:
        raise OSError(101, "Network is unreachable")

    def get(*arguments: Any, **named: Any) -> None:
        download(*arguments, **named, opener=offline)

    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "omniglot", get)
    assert str(caught.value) == (
        "omniglot: cannot download https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
        f"images_background.zip to {tmp_path}/omniglot/images_background.zip (Network is unreachable). "
        f"Put images_background.zip and images_evaluation.zip into {tmp_path}/omniglot (the folder omniglot in "
        "TOKAY_DATA), or use the built-in source glyphs, which needs no download."
    )


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Archives of one character each, and a source that expects one character."""
    folder = tmp_path / "data" / "omniglot"
    folder.mkdir(parents=True)
    png = io.BytesIO()
    Image.new("1", (105, 105), 0).save(png, "png")
    for name in ("images_background", "images_evaluation"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for number in range(20):
                archive.writestr(f"{name}/Latin/character01/{number:02d}.png", png.getvalue())
    monkeypatch.setenv("TOKAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TOKAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_ARCHIVES", {"images_background.zip": (1, ""), "images_evaluation.zip": (1, "")})
    module._load.cache_clear()
    return folder


def test_decoded_once_and_again_when_an_archive_changes(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def counting(path: Path, **settings: Any) -> ClassPool:
        reads.append(path.name)
        return read_archive(path, **settings)

    monkeypatch.setattr(module, "read_archive", counting)
    pool = characters(14)
    assert pool.names == ("background/Latin/character01", "evaluation/Latin/character01")
    assert pool.images.shape == (40, 1, 14, 14)
    assert (pool.images == 255).all()
    assert characters(14) is pool
    module._load.cache_clear()  # as in a new process
    characters(14)
    assert reads == ["images_background.zip", "images_evaluation.zip"]
    assert characters(7).images.shape == (40, 1, 7, 7)
    assert len(reads) == 4
    os.utime(tiny / "images_evaluation.zip", (0, 0))  # another file of the same length
    characters(14)
    assert len(reads) == 6
    with zipfile.ZipFile(tiny / "images_background.zip", "a") as archive:
        archive.writestr("images_background/Latin/character01/20.png", b"")
    with pytest.raises(DataError, match="must have 20 drawings of each character, background/Latin/character01 has 21"):
        characters(14)


needs_data = pytest.mark.skipif(
    not (data_dir() / "omniglot" / "images_background.zip").exists(),
    reason="TOKAY_DATA names no folder with omniglot/images_background.zip",
)


@pytest.mark.slow
@pytest.mark.data
@needs_data
def test_the_real_archives(tmp_path: Path) -> None:
    pool = characters(28)
    assert len(pool.names) == 1623
    assert pool.images.shape == (32_460, 1, 28, 28)
    assert len({name.split("/")[1] for name in pool.names}) == 50
    assert 0.05 < pool.images.float().mean() / 255 < 0.15  # much less ink than paper
    braille = pool.subset(["background/Braille/character01"]).stored()
    assert torch.equal(braille[2], braille[18])  # a known duplicate of the data set
    for scheme in ("random", "vinyals", "alphabets", "lake"):
        parts = [set(split_characters(pool.names, scheme, split, 1)) for split in SPLITS]
        assert sum(len(part) for part in parts) == len(set.union(*parts)) == 1623
    task = Omniglot().tasks("train", ONE_EACH).sample(32, generator(0, "test"))
    assert task.support.x.shape == (32, 5, 1, 28, 28)


@pytest.mark.data
@needs_data
def test_a_drawing_file_reads_as_in_the_archive(tmp_path: Path) -> None:
    """`tokay adapt` reads single files. They must give the same pixels as the archive."""
    name = "images_evaluation/ULOG/character26/1623_20.png"
    with zipfile.ZipFile(data_dir() / "omniglot" / "images_evaluation.zip") as archive:
        (tmp_path / "one.png").write_bytes(archive.read(name))
    expected = characters(28).subset(["evaluation/ULOG/character26"]).stored()[19]
    assert torch.equal(read_images([tmp_path / "one.png"], 28, "grey", invert=True)[0], expected)
