"""One file that cannot be read does not stop the others."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tokay import DataError
from tokay.learner.file_rows import Place, read_each


def read(file: Path) -> tuple[list[Place], Tensor]:
    if "bad" in file.name:
        raise DataError(f"{file} is\nbad")
    return [Place(file.name)], torch.ones(1, 2)


def list_files(path: Path) -> list[Path]:
    if path.name == "gone":
        raise DataError("gone")
    return [path / "a", path / "bad"] if path.name == "folder" else [path]


def test_others_are_read() -> None:
    rows = read_each(["folder", Path("gone"), Path("b")], list_files, read)
    assert [place.file for place in rows.places] == ["a", "b"]
    assert rows.inputs.shape == (2, 2)
    assert rows.failures == (f"{Path('folder/bad')} is bad", "gone")


def test_nothing_can_be_read() -> None:
    with pytest.raises(DataError, match="gone"):
        read_each([Path("gone"), Path("bad")], list_files, read)
