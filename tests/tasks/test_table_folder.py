"""A folder of tables, each of them one task."""

from pathlib import Path

import pytest

from tokay.errors import ConfigError, DataError
from tokay.tasks.table_folder import read_folder

pytest.importorskip("pandas")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "README.md").write_text("no table")
    (folder / ".hidden.csv").write_text("")
    return folder


def test_each_file_is_a_task(tmp_path: Path) -> None:
    frame, task = read_folder(write(tmp_path, b="x,y\n1,2\n3,4\n", a="y,x\n6,5\n"), None, "table")
    assert task == "file"
    assert frame.to_dict("list") == {"y": [6, 2, 4], "x": [5, 1, 3], "file": ["a", "b", "b"]}
    assert frame.index.tolist() == [0, 1, 2]


def test_files_that_are_parts_of_one_table(tmp_path: Path) -> None:
    frame, task = read_folder(write(tmp_path, a="shop,y\n01,2\n", b="shop,y\n02,3\n"), "shop", "table")
    assert (task, frame["shop"].tolist()) == ("shop", ["01", "02"])


def test_what_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"^table: .*empty must have tables .* Name another folder\."):
        read_folder(tmp_path / "empty", None, "table")
    with pytest.raises(DataError, match=r"must have the columns of a\.csv, b\.csv has no column y\. Mend it"):
        read_folder(write(tmp_path, a="x,y\n1,2\n", b="x,z\n1,2\n"), None, "table")
    with pytest.raises(DataError, match=r"b\.csv has one more, z\."):
        read_folder(write(tmp_path, a="x,y\n1,2\n", b="x,y,z\n1,2,3\n"), None, "table")
    with pytest.raises(ConfigError, match=r"have a column file, .*Rename it"):
        read_folder(write(tmp_path, a="x,file\n1,2\n", b="x,file\n1,2\n"), None, "table")
    (tmp_path / "b.csv").unlink()
    (tmp_path / "a.tsv").write_text("x\tfile\n1\t2\n")
    with pytest.raises(DataError, match=r"two tables in .* have the name a\. Rename one"):
        read_folder(tmp_path, None, "table")
