"""Folders of pictures as people have them: by class, by split and class, and with things in them that are no pictures."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from tokay.errors import DataError
from tokay.tasks.image_folders import list_class_folders, list_folder, list_images

from .conftest import write_class


@pytest.fixture
def divided(tmp_path: Path) -> Path:
    """Folders train, val and test with four, two and two classes."""
    for split, classes in (("train", "abcd"), ("val", "ef"), ("test", "gh")):
        for name in classes:
            write_class(tmp_path / "divided" / split, name)
    return tmp_path / "divided"


def refusal(root: Path, fewest: int = 0) -> str:
    with pytest.raises(DataError) as caught:
        list_folder(root, fewest=fewest)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_hidden_and_loose_files_are_left_out(root: Path) -> None:
    expected = list_class_folders(root)
    (root / "README.md").write_text("about these images")
    (root / ".git").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (root / "class0" / name).write_text("")
    assert list_class_folders(root) == expected
    assert list(expected) == [f"class{i}" for i in range(10)]
    assert list_images(root / "class0") == expected["class0"] == [root / "class0" / f"{i}.png" for i in range(3)]


def test_one_folder_per_class(root: Path) -> None:
    folders = list_folder(root)
    assert folders.files == list_class_folders(root)
    assert (folders.splits, folders.small) == (None, {})


def test_folders_of_splits(divided: Path) -> None:
    folders = list_folder(divided)
    expected = {**dict.fromkeys("abcd", "train"), **dict.fromkeys("ef", "validation"), **dict.fromkeys("gh", "test")}
    assert folders.splits == expected
    assert list(folders.files) == list("abcdefgh")
    assert folders.files["e"] == [divided / "val" / "e" / f"{i}.png" for i in range(3)]


@pytest.mark.parametrize("name", ["validation", "valid", "Val"])
def test_names_of_the_validation_folder(divided: Path, name: str) -> None:
    (divided / "val").rename(divided / name)
    splits = list_folder(divided).splits
    assert splits is not None
    assert splits["e"] == "validation"


def test_splits_may_lack(divided: Path) -> None:
    shutil.rmtree(divided / "val")
    shutil.rmtree(divided / "train")
    assert list_folder(divided).splits == {"g": "test", "h": "test"}


def test_a_class_may_be_called_train(root: Path) -> None:
    write_class(root, "train")
    write_class(root, "test")
    folders = list_folder(root)
    assert folders.splits is None
    assert len(folders.files) == 12


def test_a_class_in_two_splits(divided: Path) -> None:
    write_class(divided / "test", "b")
    assert refusal(divided) == (
        f"images: a class must be in one folder of {divided}, b is in train and test: a few-shot test needs classes that "
        "were not trained on. Put all pictures of a class into one folder."
    )


@pytest.mark.parametrize("name", ["apples", "valid"])
def test_a_folder_beside_those_of_splits(divided: Path, name: str) -> None:
    write_class(divided / name, "z")
    assert f"{divided} must have class folders, or one folder each of train, validation and test" in refusal(divided)
    assert f" and {name}. Move one of them elsewhere." in refusal(divided)


def test_the_folders_that_do_not_fit_are_both_named(root: Path) -> None:
    write_class(root / "train", "z")
    assert f"it has train and {min(folder.name for folder in root.iterdir())}. Move" in refusal(root)


def test_small_classes_are_left_out(root: Path) -> None:
    """Every second class has four pictures, the others three."""
    folders = list_folder(root, fewest=4)
    assert list(folders.files) == [f"class{i}" for i in (1, 3, 5, 7, 9)]
    assert folders.small == {f"class{i}": 3 for i in (0, 2, 4, 6, 8)}
    assert refusal(root, fewest=5) == (
        f"images: --skip-small 5 leaves out all 10 classes of {root}, the largest has 4 pictures. Lower it."
    )


def test_small_classes_of_splits_are_left_out(divided: Path) -> None:
    write_class(divided / "train", "small", files=1)
    folders = list_folder(divided, fewest=2)
    assert folders.splits is not None
    assert "small" not in {**folders.splits, **folders.files}


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_refused_and_not_opened(root: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a pipe would wait for ever."""
    place = root / "class3" / "strange.png"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        monkeypatch.chdir(place.parent)  # the path of a socket must be short
        with socket.socket(socket.AF_UNIX) as connection:
            connection.bind(place.name)
    expected = f"images: {root}/class3 must have only image files, strange.png is no file. Move it elsewhere."
    assert refusal(root) == expected


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "(File name too long). Check the path." in refusal(tmp_path / ("x" * 300))


def test_a_folder_that_hides_its_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", deny)
    assert refusal(root) == f"images: {root}/class0/0.png cannot be read (Permission denied). Check its permissions."


def test_a_picture_that_disappears(root: Path) -> None:
    folders = list_folder(root)
    (root / "class3" / "0.png").unlink()
    with pytest.raises(DataError, match=r"class3/0.png cannot be read \(No such file or directory\)"):
        folders.fingerprint()


def test_names_that_are_not_utf8(root: Path) -> None:
    (root / "class3").rename(root / "caf\udce9")  # the byte E9, é in Latin-1
    folders = list_folder(root)
    assert "caf\udce9" in folders.files
    assert folders.fingerprint() != list_folder(root, fewest=4).fingerprint()
