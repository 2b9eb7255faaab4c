"""Nested folders, tables of files and labels, and the lists of papers."""

import json
from pathlib import Path

import pytest

from tokay import Sizes
from tokay.core.task import Split
from tokay.errors import ConfigError, DataError, TokayError
from tokay.tasks import Images
from tokay.tasks.image_lists import ImageLists, read_class_lists

from .conftest import write_class

ONE = Sizes(ways=2, shots=1, queries=1)


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """Six species in three families, three pictures each; one lies a level deeper."""
    for family in ("corvids", "finches", "owls"):
        for species in ("x", "y"):
            write_class(tmp_path / "nested" / family, species)
    write_class(tmp_path / "nested" / "owls" / "y", "chicks")
    (tmp_path / "nested" / "owls" / "y" / "notes.txt").write_text("no picture")
    (tmp_path / "nested" / ".thumbnails").mkdir()
    (tmp_path / "nested" / ".thumbnails" / "0.png").write_text("hidden")
    return tmp_path / "nested"


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Pictures a-0.png ... f-2.png in one folder, as those of miniImageNet."""
    for name in "abcdef":
        write_class(tmp_path / "classes", name)
        for number, file in enumerate(sorted((tmp_path / "classes" / name).iterdir())):
            (tmp_path / "flat").mkdir(exist_ok=True)
            file.rename(tmp_path / "flat" / f"{name}-{number}.png")
    return tmp_path / "flat"


def rows(flat: Path, names: str) -> str:
    return "".join(f"{file.name},{file.name[0]}\n" for file in sorted(flat.iterdir()) if file.name[0] in names)


def refusal(root: Path, **lists: str) -> str:
    with pytest.raises(TokayError) as caught:
        ImageLists(**lists).read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_class_is_the_path_of_its_folder(nested: Path) -> None:
    folders = ImageLists(glob="**/*.png").read(nested)
    species = [f"{family}/{name}" for family in ("corvids", "finches", "owls") for name in "xy"]
    assert list(folders.files) == [*species, "owls/y/chicks"]
    assert folders.splits is None
    assert list(ImageLists(glob="owls/**/*.png").read(nested).files) == ["owls/x", "owls/y", "owls/y/chicks"]


def test_nested_folders_make_tasks(nested: Path) -> None:
    source = Images(root=str(nested), size=4, glob="**/*.png", validation=0.3, test=0.3)
    assert source.tasks("train", ONE).spec.y_dim == 2
    assert source.describe_classes().startswith(f"images: 3 training, 2 validation and 2 test classes in {nested}")


def test_folders_of_splits_around_nested_ones(nested: Path) -> None:
    (nested / "corvids").rename(nested / "train")
    (nested / "finches").rename(nested / "val")
    (nested / "owls").rename(nested / "test")
    for species in "xy":
        (nested / "val" / species).rename(nested / "val" / f"v{species}")
        (nested / "test" / species).rename(nested / "test" / f"t{species}")
    assert ImageLists(glob="**/*.png").read(nested).splits == {
        **{"x": "train", "y": "train", "vx": "validation", "vy": "validation"},
        **{"tx": "test", "ty": "test", "ty/chicks": "test"},
    }


@pytest.mark.parametrize("pattern", ["", "/etc/*", "**.png/["])
def test_patterns_that_are_none(nested: Path, pattern: str) -> None:
    assert "--glob" in refusal(nested, glob=pattern)


def test_patterns_that_match_nothing_or_too_much(nested: Path) -> None:
    assert refusal(nested, glob="**/*.jpeg").startswith(f"images: no file in {nested} matches --glob '**/*.jpeg'.")
    write_class(nested.parent, "nested/loose")
    (nested / "loose" / "0.png").rename(nested / "0.png")
    assert f"0.png lies in {nested} itself. Change --glob" in refusal(nested, glob="**/*.png")


@pytest.mark.parametrize("head", ["filename,label", "\ufefffilename,label", " filename , label "])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_files_and_labels(flat: Path, head: str, delimiter: str) -> None:
    table = flat.parent / ("t.tsv" if delimiter == "\t" else "t.csv")
    table.write_text(f"{head}\n{rows(flat, 'abcdef')}".replace(",", delimiter), encoding="utf-8")
    folders = ImageLists(labels=str(table)).read(flat)
    assert {name: len(files) for name, files in folders.files.items()} == dict.fromkeys("abcdef", 3)
    assert folders.splits is None


def test_a_column_of_splits(flat: Path) -> None:
    table, split = (
        flat.parent / "t.csv",
        {"a": "train", "b": "train", "c": "train", "d": "val", "e": "test", "f": "test"},
    )
    lines = [f"{line},{split[line[0]]}" for line in rows(flat, "abcdef").splitlines()]
    table.write_text("\n".join(["picture,bird,part", *lines]))
    names = {"labels": str(table), "file_column": "picture", "label_column": "bird", "split": "part"}
    folders = ImageLists(**names).read(flat)
    assert folders.splits == {**split, "d": "validation"}
    source = Images(root=str(flat), size=4, **names)  # type: ignore[arg-type]
    assert source.tasks("test", ONE).pool.names == ("e", "f")
    assert source.describe_classes().endswith("1 validation and 2 test classes in " + f"{flat} (part)")
    with pytest.raises(ConfigError, match=r"\(column part\) divides the classes already, so --test must be left out"):
        Images(root=str(flat), test=0.5, **names).tasks("test", ONE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text, message",
    [
        ("file,label\na-0.png,a\n", "has no column filename; the nearest is file. It has file, label."),
        ("filename,label\na-0.png,\n", "line 2 of {table} must have a label, it has none."),
        ("filename,label\na-0.png\n", "line 2 of {table} must have a label, it has none."),
        ("filename,label\na-0.png,a\na-0.png,b\n", "a-0.png has a and b (line 3 of {table})"),
        ("filename,label\n", "the list has no picture"),
        ("", "has no column filename. It has none."),
    ],
)
def test_tables_that_do_not_fit(flat: Path, text: str, message: str) -> None:
    table = flat.parent / "t.csv"
    table.write_text(text)
    assert message.format(table=table) in refusal(flat, labels=str(table))


def test_a_class_in_two_splits(flat: Path) -> None:
    table = flat.parent / "t.csv"
    table.write_text("filename,label,part\na-0.png,a,train\na-1.png,a,test\n")
    message = refusal(flat, labels=str(table), split="part")
    assert f"a is in train and test (line 3 of {table})" in message
    table.write_text("filename,label,part\na-0.png,a,trian\n")
    assert "a split must be train, validation or test, line 2 of" in refusal(flat, labels=str(table), split="part")


def test_a_picture_that_is_not_there(flat: Path) -> None:
    table = flat.parent / "t.csv"
    table.write_text("filename,label\n" + rows(flat, "abcdef") + "g-0.png,g\n")
    with pytest.raises(DataError, match=r"g-0.png cannot be read \(No such file or directory\)"):
        Images(root=str(flat), size=4, labels=str(table)).tasks("train", ONE)
    assert "cannot be read (No such file" in refusal(flat, labels=str(flat / "nowhere.csv"))


def test_the_tables_of_mini_imagenet(flat: Path) -> None:
    """train.csv, val.csv and test.csv of Ravi & Larochelle: filename,label."""
    lists = flat.parent / "lists"
    lists.mkdir()
    for split, names in (("train", "abc"), ("val", "d"), ("test", "ef")):
        (lists / f"{split}.csv").write_text("filename,label\n" + rows(flat, names))
    source = Images(root=str(flat), size=4, split_lists=str(lists))
    assert source.tasks("test", ONE).pool.names == ("e", "f")
    assert [source.has_split(split) for split in ("train", "validation", "test")] == [True] * 3
    (lists / "test.csv").write_text("filename,label\n" + rows(flat, "aef"))
    assert "a is in train and test" in refusal(flat, split_lists=str(lists)) or "test and train" in refusal(
        flat, split_lists=str(lists)
    )


@pytest.mark.parametrize("kind", ["txt", "", "json"])
def test_the_lists_of_cifar_fs(nested: Path, kind: str) -> None:
    """Names of classes, one per line, in train.txt, val.txt and test.txt; or JSON. Classes in no list are left out."""
    lists: dict[str, list[str]] = {
        "train": ["corvids/x", "owls/x"],
        "val": ["finches/x"],
        "test": ["corvids/y", "owls/y"],
    }
    place = nested.parent / ("lists.json" if kind == "json" else "lists")
    if kind == "json":
        place.write_text(json.dumps(lists))
    else:
        place.mkdir()
        for split, names in lists.items():
            (place / f"{split}{kind and '.'}{kind}").write_text("\n".join(names) + "\n\n")
    source = Images(root=str(nested), size=4, glob="**/*.png", split_lists=str(place))
    expected: dict[str, Split] = {"corvids/x": "train", "owls/x": "train", "finches/x": "validation"}
    assert read_class_lists(place) == {**expected, "corvids/y": "test", "owls/y": "test"}
    assert source.tasks("test", ONE).pool.names == ("corvids/y", "owls/y")
    assert "(" + str(place) + ")" in source.describe_classes()


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"train": ["corvids/x"], "test": ["corvids/x"]}', "has corvids/x in train and test"),
        ('{"train": ["corvid/x"]}', "lists the class corvid/x, which has no pictures; the nearest is corvids/x."),
        ("[1, 2]", "must have lists of classes for train, val and test"),
        ("{", "must be JSON with lists of classes, but is not"),
    ],
)
def test_lists_that_do_not_fit(nested: Path, content: str, message: str) -> None:
    (nested.parent / "lists.json").write_text(content)
    assert message in refusal(nested, glob="**/*.png", split_lists=str(nested.parent / "lists.json"))


def test_settings_that_exclude_each_other(nested: Path) -> None:
    for settings, message in (
        ({"glob": "*", "labels": "x.csv"}, "--glob and --labels both say"),
        ({"split": "part"}, "--split names a column of --labels"),
        ({"split": "part", "labels": "x.csv", "split_lists": "x"}, "--split names a column of --labels"),
    ):
        with pytest.raises(ConfigError, match=message):
            Images(root=str(nested), **settings)  # type: ignore[arg-type]
