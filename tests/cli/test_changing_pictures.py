"""Folders of pictures as people have them, and what happens to a run if they change."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from .helpers import Call, refused, write_letters

SMALL = ("--size", "16", "--filters", "3", "--ways", "2", "--queries", "2", "--train-ways", "2", "--train-queries", "2")
FEW_STEPS = ("--steps", "2", "--validate-every", "2", "--validation-tasks", "2")
FEW_TASKS = ("--tasks", "3", "--seen-tasks", "2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve classes of four pictures."""
    return write_letters(tmp_path / "pictures", classes=12, files=4)


def train(call: Call, root: Path | str, out: Path | str, *flags: str) -> str:
    """Train two steps, and return what the program says."""
    result = call("train", "protonet", "images", "--root", str(root), *SMALL, *FEW_STEPS, *flags, "--out", out)
    assert result.code == 0, result.err
    return result.err


def classes(run: Path) -> dict[str, list[str]]:
    record = json.loads((run / "data.json").read_text())
    return {split: list(record[split]) for split in ("train", "validation", "test")}


@pytest.fixture
def run(folder: Path, call: Call) -> Path:
    train(call, folder, folder.parent / "run")
    return folder.parent / "run"


def test_the_classes_of_each_split_are_said(call: Call, folder: Path, tmp_path: Path) -> None:
    expected = f"images: 8 training, 2 validation and 2 test classes in {folder}\n"
    assert expected in train(call, folder, tmp_path / "run")


def test_new_classes_are_said_and_change_nothing(call: Call, folder: Path, run: Path, tmp_path: Path) -> None:
    previous = call("evaluate", run, *FEW_TASKS)
    write_letters(tmp_path / "more", classes=9, files=4)
    for place in sorted((tmp_path / "more").iterdir()):
        place.rename(folder / f"n{place.name}")
    result = call("evaluate", run, *FEW_TASKS)
    assert result.out == previous.out
    line = f"{run}: images: the data changed since the training: 9 classes are new (nc0, nc1, nc2, ...)."
    assert (
        f"{line} The run keeps its division of the classes: --new-classes tests on the new ones, too.\n" in result.err
    )
    assert "new (nc0" in call("plot", run, "--tasks", "2").err
    shutil.copytree(run, tmp_path / "copy")
    assert call("compare", run, tmp_path / "copy", "--tasks", "3").err.count("new (nc0") == 2
    words = ("--tasks", "3", "--seen-tasks", "0", "--ways", "11")  # two test classes and nine new ones
    with_new = call("evaluate", run, *words, "--new-classes")
    assert with_new.code == 0
    assert "--new-classes" not in with_new.err


def test_the_same_data_are_no_news(call: Call, run: Path) -> None:
    for command in (("evaluate", run, *FEW_TASKS), ("plot", run, "--tasks", "2"), ("train", "--resume", run)):
        assert "changed" not in call(*command).err


def test_resume_refuses_other_training_data(call: Call, folder: Path, run: Path) -> None:
    name = classes(run)["train"][0]
    shutil.rmtree(folder / name)
    weights = (run / "model.safetensors").read_bytes()
    words = ("train", "--resume", run, "--steps", "4")
    refused(call(*words), f"1 training class is gone ({name})", "add --changed-data to go on")
    assert (run / "model.safetensors").read_bytes() == weights
    result = call(*words, "--changed-data")
    assert result.code == 0, result.err
    assert f"1 training class is gone ({name}). The run keeps its division of the classes." in result.err
    assert name in classes(run)["train"]


def test_resume_refuses_other_validation_data(call: Call, folder: Path, run: Path, tmp_path: Path) -> None:
    """The best step is chosen by its score on them."""
    name = classes(run)["validation"][0]
    train(call, folder, tmp_path / "unvalidated", "--validate-every", "0")
    (folder / name / "0.png").unlink()
    words = ("--steps", "4")
    refused(call("train", "--resume", run, *words), f"1 validation class differs ({name})", "add --changed-data")
    assert call("train", "--resume", run, *words, "--changed-data").code == 0
    assert "changed since" not in call("train", "--resume", run).err
    assert call("train", "--resume", tmp_path / "unvalidated", *words).code == 0


def test_patience_needs_validation_classes_before_a_folder_is_made(call: Call, folder: Path, tmp_path: Path) -> None:
    words = ("train", "protonet", "images", "--root", folder, *SMALL, *FEW_STEPS, "--validation", "0")
    result = call(*words, "--patience", "2", "--out", tmp_path / "run")
    refused(result, "patience needs validation tasks, got patience 2 and no validation. Leave it out.")
    assert not (tmp_path / "run").exists()
    train(call, folder, tmp_path / "run", "--validation", "0")
    refused(call("train", "--resume", tmp_path / "run", "--patience", "2"), "patience needs validation tasks")


def test_resume_goes_on_if_test_classes_changed(call: Call, folder: Path, run: Path) -> None:
    name = classes(run)["test"][0]
    (folder / name / "0.png").unlink()
    result = call("train", "--resume", run, "--steps", "4")
    assert result.code == 0, result.err
    assert f"1 test class differs ({name})" in result.err


def test_no_new_classes_are_said(call: Call, run: Path) -> None:
    result = call("evaluate", run, *FEW_TASKS, "--new-classes")
    assert f"{run}: --new-classes changes nothing, because no class came since the training.\n" in result.err


def test_new_classes_are_about_the_source_of_the_run(call: Call, run: Path) -> None:
    refused(call("evaluate", run, "--new-classes", "--on", "glyphs"), "Leave it out with --on")


def test_a_relative_root_is_the_same_folder_from_anywhere(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder.parent)
    train(call, folder.name, "run")
    expected = call("evaluate", "run", *FEW_TASKS).out
    elsewhere = tmp_path / "elsewhere"
    write_letters(elsewhere / folder.name, classes=3, files=4)
    monkeypatch.chdir(elsewhere)
    assert call("evaluate", "../run", *FEW_TASKS).out == expected


def test_a_relative_root_of_an_earlier_version(call: Call, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It means a folder in the current one, and there is no record of the classes."""
    expected = call("evaluate", run, *FEW_TASKS).out
    settings = json.loads((run / "run.json").read_text())
    settings.pop("checksum", None)
    settings["source"] |= {"root": "pictures", "validation": 0.16, "test": 0.2, "split_seed": 0}
    del settings["source"]["skip_small"]
    (run / "run.json").write_text(json.dumps(settings))
    (run / "data.json").unlink()
    monkeypatch.chdir(run.parent)
    assert call("evaluate", run, *FEW_TASKS).out == expected


def test_folders_of_splits(call: Call, folder: Path, tmp_path: Path) -> None:
    places = {"train": range(6), "val": range(6, 9), "test": range(9, 12)}
    for split, numbers in places.items():
        for number in numbers:
            (folder / split).mkdir(exist_ok=True)
            (folder / f"c{number}").rename(folder / split / f"c{number}")
    line = f"images: 6 training, 3 validation and 3 test classes in {folder} (its own folders)\n"
    assert line in train(call, folder, tmp_path / "run")
    names = {"train": "train", "val": "validation", "test": "test"}
    assert classes(tmp_path / "run") == {
        names[split]: [f"c{n}" for n in sorted(map(str, r))] for split, r in places.items()
    }
    assert call("evaluate", tmp_path / "run", *FEW_TASKS).code == 0


@pytest.mark.parametrize("flag", ["--validation", "--test", "--split-seed"])
def test_flags_of_the_division_beside_folders_of_splits(call: Call, folder: Path, flag: str) -> None:
    (folder / "train").mkdir()
    for number in range(12):
        (folder / f"c{number}").rename(folder / "train" / f"c{number}")
    words = ("train", "protonet", "images", "--root", folder, *SMALL, flag, "0", "--out", folder.parent / "x")
    refused(call(*words), f"so {flag} must be left out.")


def test_a_small_folder_needs_no_flags(call: Call, folder: Path, tmp_path: Path) -> None:
    """Two of twelve classes are held out, which make no tasks of five ways."""
    words = ("train", "protonet", "images", "--root", folder, "--size", "16", *FEW_STEPS, "--queries", "2", "--out")
    result = call(*words, tmp_path / "run")
    assert result.code == 0, result.err
    assert (
        "images: tasks have 2 ways, not 5, because validation or test has no more classes. Change it with" in result.err
    )
    assert json.loads((tmp_path / "run" / "run.json").read_text())["test"]["ways"] == 2
    refused(
        call(*words, tmp_path / "other", "--ways", "5"), "needs 5 classes, this split has 2. Ask for at most 2 ways"
    )


def test_small_classes(call: Call, folder: Path, tmp_path: Path) -> None:
    for number in (1, 5):
        (folder / f"c{number}" / "0.png").unlink()
        (folder / f"c{number}" / "1.png").unlink()
    lines = train(call, folder, tmp_path / "all", "--validation", "0", "--test", "0")
    assert "images: left out " in lines, "they take no part in tasks of 1 shot and 2 queries"
    assert " training classes, with fewer than 3 pictures (c" in lines
    assert {"c1", "c5"} <= {name for names in classes(tmp_path / "all").values() for name in names}
    assert "; 2 with fewer than 3 pictures left out (c1 2, c5 2)\n" in train(
        call, folder, tmp_path / "run", "--skip-small", "3"
    )
    assert not {"c1", "c5"} & {name for names in classes(tmp_path / "run").values() for name in names}


def test_all_classes_may_be_trained_on(call: Call, folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines = train(call, folder, run, "--validation", "0", "--test", "0")
    assert "12 training, 0 validation and 0 test classes" in lines
    assert "without validation classes the last weights are kept, not the best" in lines
    assert lines.endswith(f"Saved {run}. It has no test classes. tokay adapt {run} uses it.\n")
    assert call("train", "--resume", run, "--steps", "4").code == 0
    advice = "--on 'images --root FOLDER --size 16 --test 1'"
    refused(call("evaluate", run, *FEW_TASKS), "there are no test classes, because the run keeps none", advice)
    write_letters(tmp_path / "other", classes=2, files=4)
    on = f"images --root {tmp_path / 'other'} --size 16 --test 1"
    result = call("evaluate", run, "--tasks", "3", "--seen-tasks", "0", "--on", on)
    assert result.code == 0, result.err


def test_names_that_are_not_utf8(call: Call, folder: Path, tmp_path: Path) -> None:
    """Old archives unpack to such names on Linux: here the byte E9, é in Latin-1."""
    (folder / "c0").rename(folder / "caf\udce9")
    strange = folder.with_name("p\udcff")
    folder.rename(strange)
    run = tmp_path / "run"
    train(call, strange, run)
    refused(
        call("train", "protonet", "glyphs", "--out", tmp_path / "r\udcff"), "the name of a run folder must be UTF-8"
    )
    assert "caf\udce9" in {name for names in classes(run).values() for name in names}
    assert call("evaluate", run, *FEW_TASKS).code == 0
    shutil.rmtree(strange / "caf\udce9")
    assert "(caf" in call("evaluate", run, "--tasks", "2", "--seen-tasks", "0").err


def make_pipe(place: Path) -> None:
    import os

    os.mkfifo(place / "pipe.png")


def make_text(place: Path) -> None:
    (place / "notes.txt").write_text("cat")


@pytest.mark.parametrize("damage, message", [(make_pipe, "pipe.png is no file"), (make_text, "is not an image")])
def test_what_is_no_picture(call: Call, folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder / "c3")
    words = ("train", "protonet", "images", "--root", folder, *SMALL, "--out", folder.parent / "x")
    refused(call(*words), message)
    refused(call("train", "protonet", "images", "--root", "x" * 300, "--out", folder.parent / "x"), "name too long")


@pytest.mark.parametrize("method", ["finetune", "protonet"])
@pytest.mark.parametrize("flags", [(), ("--shots", "6"), ("--shots", "3")])
def test_the_kind_comes_before_the_sizes(call: Call, method: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    for source in ("ntm-associative-recall", "ntm-priority-sort"):
        result = call("train", method, source, *flags, "--out", tmp_path / "x")
        refused(result, f"{source}: {method} learns classification", "got sequence tasks")


def test_colours_that_pictures_have(call: Call, folder: Path, tmp_path: Path) -> None:
    """A picture that is changed in place, with its size and time, is noticed: the hash is of its pixels."""
    run = tmp_path / "run"
    train(call, folder, run)
    name = classes(run)["train"][0]
    Image.fromarray(torch.zeros(30, 30, dtype=torch.uint8).numpy()).save(folder / name / "0.png")
    refused(call("train", "--resume", run, "--steps", "4"), f"1 training class differs ({name})")
