"""A run keeps the division of its classes, whatever comes into the folder or leaves it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tokay.algorithms import Finetune, ProtoNet
from tokay.core.seeding import generator
from tokay.core.task import Sizes, Split
from tokay.errors import ConfigError, DataError
from tokay.networks import Conv4
from tokay.runs.data_record import check_resumable, find_changes, read_record, write_record
from tokay.runs.file_names import DATA
from tokay.runs.json_checksum import add_checksum
from tokay.runs.run import Run
from tokay.runs.settings import read
from tokay.tasks import Glyphs, Images, Sinusoid, Source
from tokay.training.config import FitConfig

from .small_run import SPEC, create

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ONE = Sizes(ways=1, shots=1, queries=1)


def write_class(root: Path, name: str, grey: int, files: int = 3) -> None:
    (root / name).mkdir(parents=True)
    for number in range(files):
        Image.new("L", (16, 16), grey + number).save(root / name / f"{number}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for index in range(20):
        write_class(tmp_path / "pictures", f"c{index:02d}", 10 * index)
    return tmp_path / "pictures"


def make_run(source: Source, **parts: object) -> Run:
    run = Run(
        algorithm=ProtoNet(), source=source, network=Conv4(filters=2), test=ONE, train=ONE, fit=FitConfig(steps=1)
    )
    return replace(run, **parts)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path, root: Path) -> Path:
    """The folder of a run on these pictures."""
    return folder_of(tmp_path / "run", make_run(Images(root=str(root), size=16)))


def folder_of(path: Path, run: Run) -> Path:
    create(path, run, replace(SPEC, kind="classification"))
    write_record(path, run.source)
    return path


def members(source: Source) -> dict[str, list[str]]:
    return {split: list(source.tasks(split, ONE).pool.names) for split in SPLITS}  # type: ignore[attr-defined]


def first(path: Path, split: Split) -> str:
    record = read_record(path)
    assert record is not None
    return next(iter(record[split]))


def test_the_record_has_every_class_with_a_hash(path: Path, root: Path) -> None:
    content = json.loads((path / DATA).read_text())
    assert set(content) == {*SPLITS, "run", "checksum"}
    record = {split: content[split] for split in SPLITS}
    assert {split: list(classes) for split, classes in record.items()} == members(Images(root=str(root), size=16))
    hashes = [digest for classes in record.values() for digest in classes.values()]
    assert len(set(hashes)) == 20
    assert find_changes(path, read(path)[0].source) is None


def test_a_copy_of_the_folder_is_the_same_data(path: Path, root: Path) -> None:
    """Times of files and the order of the file system do not count."""
    copy = root.with_name("copy")
    shutil.copytree(root, copy, copy_function=shutil.copyfile)
    assert find_changes(path, Images(root=str(copy), size=16)) is None


def test_new_classes_are_in_no_split(path: Path, root: Path) -> None:
    previous = members(read(path)[0].source)
    sample = read(path)[0].tasks("train").sample(3, generator(0, "x"))
    for index in range(21, 36):
        write_class(root, f"n{index}", 200)
    natural = members(Images(root=str(root), size=16))
    assert set(previous["train"]) & {*natural["validation"], *natural["test"]}, "else this shows nothing"
    source = read(path)[0].source
    assert members(source) == previous
    assert torch.equal(read(path)[0].tasks("train").sample(3, generator(0, "x")).query.x, sample.query.x)
    changes = find_changes(path, source)
    assert str(changes) == "images: the data changed since the training: 15 classes are new (n21, n22, n23, ...)"
    assert check_resumable(path, read(path)[0], changed_data=False) == changes


def test_new_classes_may_be_test_classes(path: Path, root: Path) -> None:
    write_class(root, "new", 200)
    source = read(path)[0].source
    classes: dict[Split, list[str]] = {split: list(names) for split, names in members(source).items()}  # type: ignore[misc]
    assert members(source.keep_classes(classes, add_new=True)) == {**classes, "test": [*classes["test"], "new"]}


def recolour(root: Path, name: str) -> None:
    Image.new("L", (16, 16), 255).save(root / name / "0.png")


def rename_picture(root: Path, name: str) -> None:
    (root / name / "0.png").rename(root / name / "z.png")


def add_picture(root: Path, name: str) -> None:
    Image.new("L", (16, 16), 255).save(root / name / "9.png")


def remove_class(root: Path, name: str) -> None:
    shutil.rmtree(root / name)


@pytest.mark.parametrize(
    "change, words",
    [(recolour, "differs"), (rename_picture, "differs"), (add_picture, "differs"), (remove_class, "is gone")],
)
@pytest.mark.parametrize("split", SPLITS)
def test_changes_are_named(
    path: Path, root: Path, change: Callable[[Path, str], None], words: str, split: Split
) -> None:
    name = first(path, split)
    change(root, name)
    changes = find_changes(path, read(path)[0].source)
    kind = "training" if split == "train" else split
    assert changes is not None
    assert changes.describe() == f"1 {kind} class {words} ({name})"
    run = read(path)[0]
    unvalidated_run = replace(run, fit=replace(run.fit, validate_every=0))
    if split != "train":
        assert check_resumable(path, unvalidated_run, changed_data=False) == changes
    if split == "test":
        assert check_resumable(path, run, changed_data=False) == changes
        return
    with pytest.raises(ConfigError) as caught:
        check_resumable(path, run, changed_data=False)
    assert str(caught.value) == (
        f"{path}: --resume needs the training and validation data that the run was started with, but 1 {kind} class {words} "
        f"({name}). Put them back, or add --changed-data to go on with what is there."
    )


def test_accepted_changes_become_the_record(path: Path, root: Path) -> None:
    """A class that was trained on never becomes a test class, even if it comes back."""
    name = first(path, "train")
    remove_class(root, name)
    assert check_resumable(path, read(path)[0], changed_data=True) is not None
    assert find_changes(path, read(path)[0].source) is None
    write_class(root, name, 77)
    record, source = read_record(path), read(path)[0].source
    assert record is not None
    assert record["train"][name] is None
    assert name in members(source)["train"]


def test_a_network_with_an_output_per_class_needs_them_all(tmp_path: Path, root: Path) -> None:
    path = folder_of(tmp_path / "joint", make_run(Images(root=str(root), size=16), algorithm=Finetune()))
    remove_class(root, first(path, "train"))
    with pytest.raises(
        ConfigError, match=r"the network of finetune has an output for each, but 1 training class is gone"
    ):
        check_resumable(path, read(path)[0], changed_data=True)


def test_a_run_of_an_earlier_version_gets_a_record_when_it_goes_on(path: Path) -> None:
    previous = (path / DATA).read_bytes()
    (path / DATA).unlink()
    run = read(path)[0]
    assert find_changes(path, run.source) is None
    assert check_resumable(path, run, changed_data=False) is None
    assert (path / DATA).read_bytes() == previous


def test_classes_of_a_built_in_source(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "letters", make_run(Glyphs(size=16)))
    source = read(path)[0].source
    record = read_record(path)
    assert record is not None
    assert all(record.values())
    assert source == Glyphs(size=16)
    assert find_changes(path, source) is None
    assert str(find_changes(path, Glyphs(size=16, jitter_seed=1))).startswith("glyphs: the data changed since")


def test_a_source_without_classes_has_no_record(tmp_path: Path) -> None:
    write_record(tmp_path, Sinusoid())
    assert list(tmp_path.iterdir()) == []
    assert find_changes(tmp_path, Sinusoid()) is None


@pytest.mark.parametrize("content", ["[]", '{"train": []}', '{"train": {"a": 3}}', '{"other": {}}', "null"])
def test_a_damaged_record(path: Path, content: str) -> None:
    (path / DATA).write_text(content)
    with pytest.raises(DataError, match=r"data.json: must hold the classes of train, validation and test"):
        read(path)


def with_moved_class(content: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(content["train"]))
    rest = {key: value for key, value in content["train"].items() if key != name}
    return {**content, "train": rest, "test": {**content["test"], name: content["train"][name]}}


def with_class_in_two_splits(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "test": {**content["test"], **dict([next(iter(content["train"].items()))])}}


@pytest.mark.parametrize(
    "change, message",
    [
        (with_moved_class, "must match its checksum, but does not"),
        (with_class_in_two_splits, "a class must be in one split, '.*' is in train and test"),
        (lambda content: add_checksum({**content, "run": "0123"}), "must hold the classes of the run"),
        (lambda content: {**content, "evil": {}}, "must hold the classes of train, validation and test"),
    ],
)
def test_a_record_with_a_good_form(
    path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], message: str
) -> None:
    """A class that was trained on must not be tested on."""
    (path / DATA).write_text(json.dumps(change(json.loads((path / DATA).read_text()))))
    with pytest.raises(DataError, match=f"data.json: {message}"):
        read(path)


@pytest.mark.parametrize("target", ["nowhere", "/dev/zero", "."])
def test_a_record_that_is_no_file(path: Path, target: str) -> None:
    """It has no end, or is lost: not the same as a run without record."""
    (path / DATA).unlink()
    (path / DATA).symlink_to(target)
    with pytest.raises(DataError, match=r"data.json: must be a file, and is none"):
        read(path)


def test_a_record_of_an_earlier_version_has_no_checksum(path: Path) -> None:
    content = json.loads((path / DATA).read_text())
    (path / DATA).write_text(json.dumps({split: content[split] for split in SPLITS}))
    assert find_changes(path, read(path)[0].source) is None


def test_all_test_classes_may_go(path: Path, root: Path) -> None:
    for name in read(path)[0].source.tasks("test", ONE).pool.names:  # type: ignore[attr-defined]
        remove_class(root, name)
    source = read(path)[0].source
    assert not source.has_split("test")
    assert "4 test classes are gone" in str(find_changes(path, source))
    with pytest.raises(ConfigError, match=r"no test classes, because .* has none of those that the run has"):
        source.tasks("test", ONE)
