"""Many files as one pool: decoded once, for each folder and form."""

from pathlib import Path

import pytest
import torch

from tokay.tasks.image_folders import list_folder
from tokay.tasks.image_pools import Form, FrozenFolders, load_pool, read_images


def test_a_pool_has_the_pictures_of_the_files(root: Path, cache: Path) -> None:
    folders, form = list_folder(root), Form(6, "rgb", False)
    pool = load_pool(root, cache, folders.fingerprint(), FrozenFolders(folders), form)
    files = [file for paths in folders.files.values() for file in paths]
    assert torch.equal(pool.images, read_images(files, 6, "rgb"))
    assert pool.counts.tolist() == list(folders.counts().values())
    assert form.shape == (3, 6, 6)
    assert Form(6, "grey", False).shape == (1, 6, 6)


def test_a_form_has_a_file_of_its_own(root: Path, cache: Path) -> None:
    folders = list_folder(root)
    forms = (Form(6, "rgb", False), Form(6, "grey", False), Form(6, "grey", True), Form(5, "grey", True))
    for form in (*forms, *forms):
        load_pool(root, cache, folders.fingerprint(), FrozenFolders(folders), form)
    assert len(list(cache.iterdir())) == 4


def test_the_fingerprint_decides(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders, form = list_folder(root), Form(6, "rgb", False)
    first = load_pool(root, cache, "one", FrozenFolders(folders), form)
    assert load_pool(root, cache, "one", FrozenFolders(list_folder(root)), form) is first
    assert load_pool(root, cache, "two", FrozenFolders(folders), form) is not first
