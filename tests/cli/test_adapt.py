"""``tokay adapt``: learn classes from folders of pictures, and label other pictures."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import tokay
from tokay.tasks.image_pools import read_images

from .helpers import Call, quietly, refused, write_letters


@pytest.fixture(scope="session")
def queries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of each of three classes, named after their class, dark on light."""
    place = tmp_path_factory.mktemp("queries")
    folders = write_letters(place / "classes", classes=3, files=2, size=60)
    (place / "flat").mkdir()
    for file in sorted(folders.glob("*/*.png")):
        shutil.copy(file, place / "flat" / f"{file.parent.name}_{file.name}")
    return place / "flat"


@pytest.fixture(scope="session")
def trained(runs: Path) -> Path:
    """ProtoNet after enough steps to tell patterns of blocks apart."""
    out = runs / "trained"
    sizes = ("--ways", "3", "--shots", "2", "--queries", "4", "--filters", "8", "--train-ways", "8")
    quietly("train", "protonet", "glyphs", "--out", out, "--steps", "40", *sizes, "--validate-every", "0")
    return out


def labelled(call: Call, *words: str | Path) -> dict[str, Any]:
    result = call("adapt", *words, "--json")
    assert result.code == 0, result.err
    report: dict[str, Any] = json.loads(result.out)
    return report


def probabilities(report: dict[str, Any]) -> torch.Tensor:
    return torch.tensor([list(entry["probabilities"].values()) for entry in report["predictions"]])


def test_json(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    report = labelled(call, trained, "--support", letters, "--query", queries)
    assert set(report) == {"algorithm", "classes", "transductive", "predictions"}
    assert (report["algorithm"], report["classes"], report["transductive"]) == ("protonet", ["c0", "c1", "c2"], False)
    assert [entry["file"] for entry in report["predictions"]] == [str(file) for file in sorted(queries.iterdir())]
    for entry in report["predictions"]:
        assert set(entry) == {"file", "class", "probabilities"}
        assert list(entry["probabilities"]) == report["classes"]
        assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert entry["class"] == max(entry["probabilities"], key=entry["probabilities"].get)


def test_it_is_right(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    report = labelled(call, trained, "--support", letters, "--query", queries)
    assert all(Path(entry["file"]).name.startswith(entry["class"] + "_") for entry in report["predictions"])


def test_few_pictures_give_a_warning(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    warning = "all 6 pictures, which are few for that: without --transductive the labels may be more accurate"
    transductive = call("adapt", trained, "--support", letters, "--query", queries, "--transductive", "--json")
    assert warning in transductive.err
    assert json.loads(transductive.out)["transductive"] is True
    assert warning not in call("adapt", trained, "--support", letters, "--query", queries).err


def test_it_is_what_the_library_says(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    files = sorted(letters.glob("*/*.png"))
    x = read_images(files, 28, "grey", invert=True)
    learner = tokay.load(trained).fit(x, [file.parent.name for file in files])
    expected = learner.predict_proba(read_images(sorted(queries.iterdir()), 28, "grey", invert=True))
    report = labelled(call, trained, "--support", letters, "--query", queries)
    torch.testing.assert_close(probabilities(report), torch.from_numpy(expected))


def test_dark_on_light_is_inverted_where_ink_is_bright(
    call: Call, trained: Path, letters: Path, queries: Path, tmp_path: Path
) -> None:
    bright = write_letters(tmp_path / "bright", classes=3, files=4, paper=False)
    paper = call("adapt", trained, "--support", letters, "--query", queries, "--json")
    assert "Inverted 18 of 18 pictures" in paper.err
    assert "--invert no" in paper.err
    mixed = call("adapt", trained, "--support", bright, "--query", queries, "--json")
    assert "Inverted 6 of 18 pictures" in mixed.err
    assert json.loads(mixed.out) == json.loads(paper.out)
    unchanged = call("adapt", trained, "--support", letters, "--query", queries, "--json", "--invert", "no")
    assert "Inverted" not in unchanged.err
    assert not torch.allclose(probabilities(json.loads(unchanged.out)), probabilities(json.loads(paper.out)), atol=1e-3)
    forced = call("adapt", trained, "--support", letters, "--query", queries, "--json", "--invert", "yes")
    assert json.loads(forced.out) == json.loads(paper.out)


def test_one_file(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    file = sorted(queries.iterdir())[0]
    report = labelled(call, trained, "--support", letters, "--query", file)
    assert [entry["file"] for entry in report["predictions"]] == [str(file)]
    assert report["transductive"] is False  # there is no other picture
    assert report == labelled(call, trained, "--support", letters, "--query", file, "--transductive")


def test_inductive_answers_do_not_depend_on_the_others(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    file = sorted(queries.iterdir())[3]
    all_at_once = labelled(call, trained, "--support", letters, "--query", queries)
    one_file = labelled(call, trained, "--support", letters, "--query", file)
    assert all_at_once["transductive"] is False
    torch.testing.assert_close(probabilities(all_at_once)[3:4], probabilities(one_file), rtol=1e-4, atol=1e-5)


def test_table_of_answers(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    result = call("adapt", trained, "--support", letters, "--query", queries)
    assert result.code == 0
    assert "protonet, 3 classes (each picture is labelled separately" in " ".join(result.out.split())
    report = labelled(call, trained, "--support", letters, "--query", queries)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.out.splitlines() if "│" in line]
    for row, entry in zip(rows, report["predictions"], strict=True):
        (best, p), (second, q), _ = sorted(entry["probabilities"].items(), key=lambda item: -item[1])
        assert row == [entry["file"], best, f"{100 * p:.1f} %", f"{second} {100 * q:.1f} %"]


def test_names_with_brackets_are_shown_as_they_are(call: Call, trained: Path, letters: Path, tmp_path: Path) -> None:
    shutil.copytree(letters, tmp_path / "support")
    (tmp_path / "support" / "c0").rename(tmp_path / "support" / "[red]")
    shutil.copy(letters / "c0" / "0.png", tmp_path / "[b].png")
    result = call("adapt", trained, "--support", tmp_path / "support", "--query", tmp_path / "[b].png")
    assert result.code == 0
    assert "[b].png" in result.out
    assert "[red]" in result.out


def test_images_runs_are_read_as_their_source_reads_them(call: Call, tmp_path: Path) -> None:
    root = write_letters(tmp_path / "root", classes=12, files=4)
    sizes = ("--size", "16", "--filters", "2", "--ways", "2", "--shots", "1", "--queries", "1", "--train-queries", "2")
    words = ("train", "protonet", "images", "--root", root, *sizes, "--steps", "1", "--validate-every", "0")
    quietly(*words, "--out", tmp_path / "rgb")
    quietly(*words, "--out", tmp_path / "inverted", "--channels", "grey", "--invert")
    files = sorted(root.glob("c[0-2]/*.png"))
    for name in ("c0", "c1", "c2"):
        shutil.copytree(root / name, tmp_path / "support" / name)
    for run, invert in (("rgb", False), ("inverted", True)):
        result = call("adapt", tmp_path / run, "--support", tmp_path / "support", "--query", root / "c4", "--json")
        assert "Inverted" not in result.err
        channels = "grey" if invert else "rgb"
        learner = tokay.load(tmp_path / run)
        learner.fit(read_images(files, 16, channels, invert=invert), [file.parent.name for file in files])
        expected = learner.predict_proba(read_images(sorted((root / "c4").iterdir()), 16, channels, invert=invert))
        torch.testing.assert_close(probabilities(json.loads(result.out)), torch.from_numpy(expected))


def test_a_fixed_last_layer_needs_its_number_of_classes(call: Call, reptile_run: Path, tmp_path: Path) -> None:
    four = write_letters(tmp_path / "four", classes=4, files=1)
    refused(
        call("adapt", reptile_run, "--support", four, "--query", four / "c0"),
        "trained for 3 ways",
        f"{four} has 4 classes",
        "protonet",
    )
    shutil.rmtree(four / "c3")
    report = labelled(call, reptile_run, "--support", four, "--query", four / "c0")
    assert report["algorithm"] == "reptile"


def test_some_methods_take_any_number_of_classes(call: Call, proto_run: Path, tmp_path: Path) -> None:
    six = write_letters(tmp_path / "six", classes=6, files=1)
    assert len(labelled(call, proto_run, "--support", six, "--query", six / "c0")["classes"]) == 6


def damage(folder: Path, kind: str) -> str:
    """Damage class c1. Returns what the error must name."""
    victim = folder / "c1" / "0.png"
    if kind == "cut":
        victim.write_bytes(victim.read_bytes()[:60])
        return str(victim)
    if kind == "text":
        (folder / "c1" / "notes.txt").write_text("buy milk")
        return str(folder / "c1" / "notes.txt")
    for file in (folder / "c1").iterdir():
        file.unlink()
    return f"{folder / 'c1'} must have images"


@pytest.mark.parametrize("kind", ["cut", "text", "empty"])
def test_bad_support(call: Call, proto_run: Path, letters: Path, tmp_path: Path, kind: str) -> None:
    folder = shutil.copytree(letters, tmp_path / "support")
    culprit = damage(folder, kind)
    refused(call("adapt", proto_run, "--support", folder, "--query", letters / "c0"), culprit)
    query = folder / "c1" if kind == "empty" else Path(culprit)
    refused(call("adapt", proto_run, "--support", letters, "--query", query), culprit)


@pytest.mark.parametrize("kind", ["cut", "text"])
def test_an_unreadable_picture_is_named_and_the_others_are_labelled(
    call: Call, proto_run: Path, letters: Path, tmp_path: Path, kind: str
) -> None:
    folder = shutil.copytree(letters, tmp_path / "query")
    culprit = damage(folder, kind)
    words = ("adapt", proto_run, "--support", letters, "--query", folder / "c1", "--invert", "yes")
    result = call(*words, "--json")
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert culprit in result.err
    report = json.loads(result.out)
    assert report["unreadable"] == [result.err.strip()]
    assert {entry["file"] for entry in report["predictions"]} == {
        str(file) for file in (folder / "c1").iterdir() if str(file) != culprit
    }
    assert call(*words).code == 1
    assert call(*words, "--csv").code == 1


def test_csv(call: Call, trained: Path, letters: Path, queries: Path) -> None:
    result = call("adapt", trained, "--support", letters, "--query", queries, "--csv")
    assert result.code == 0, result.err
    head, *rows = csv.reader(result.out.splitlines())
    assert head == ["file", "row", "label", "p(c0)", "p(c1)", "p(c2)"]
    report = labelled(call, trained, "--support", letters, "--query", queries)
    for row, entry in zip(rows, report["predictions"], strict=True):
        assert row[:3] == [entry["file"], "", entry["class"]]
        assert [float(cell) for cell in row[3:]] == list(entry["probabilities"].values())


def test_folders_of_unequal_numbers_of_pictures(call: Call, trained: Path, tmp_path: Path) -> None:
    five = write_letters(tmp_path / "five", classes=5, files=4)
    for name in ("c1", "c3"):
        for number in (1, 2, 3):
            (five / name / f"{number}.png").unlink()
    report = labelled(call, trained, "--support", five, "--query", five / "c3")
    assert report["classes"] == ["c0", "c1", "c2", "c3", "c4"]
    assert report["predictions"][0]["class"] == "c3"


def test_bad_words(call: Call, proto_run: Path, sine_run: Path, letters: Path, tmp_path: Path) -> None:
    support, query = ("--support", letters), ("--query", letters / "c0")
    none = tmp_path / "none"
    refused(call("adapt", proto_run, *support), "Give --query, --save, or both")
    refused(call("adapt", proto_run, *support, *query, "--csv", "--json"), "--csv and --json exclude each other")
    refused(call("adapt", *support, *query), "run folder")
    refused(
        call("adapt", none, *support, *query), f"{none} does not exist. Give the folder that tokay train --out made"
    )
    refused(call("adapt", proto_run, "--support", none, *query), str(none), "No such file or directory")
    refused(call("adapt", proto_run, *support, "--query", none), str(none), "No such file or directory")
    refused(call("adapt", proto_run, *support, "--query", letters), "must have only image files")
    refused(call("adapt", proto_run, "--support", letters / "c0", *query), "one folder of images per class")
    refused(call("adapt", proto_run, *support, *query, "--invert", "maybe"), "maybe")
    refused(call("adapt", proto_run, *support, *query, "--shots", "1"), "has no flag --shots")
    refused(call("adapt", proto_run, *support, *query, "--device", "nonsense"), "'nonsense'")
    refused(call("adapt", sine_run, *support, *query), str(sine_run), "sinusoid is regression", "tokay.load")
    tmp_path.joinpath("one", "only").mkdir(parents=True)
    Image.new("L", (9, 9)).save(tmp_path / "one" / "only" / "0.png")
    refused(call("adapt", proto_run, "--support", tmp_path / "one", *query), "two or more class folders", "got 1")


def test_a_run_on_vectors(call: Call, proto_run: Path, letters: Path, tmp_path: Path) -> None:
    run = shutil.copytree(proto_run, tmp_path / "run")
    settings = json.loads((run / "run.json").read_text())
    settings.pop("checksum", None)
    settings["spec"]["x_shape"] = [300]
    (run / "run.json").write_text(json.dumps(settings))
    refused(call("adapt", run, "--support", letters, "--query", letters / "c0"), "square pictures", "(300,)")
