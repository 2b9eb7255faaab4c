"""``tokay predict``: a saved learner answers pictures, tables and texts without its run and without its data."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tokay
from tokay.tasks import Table

from ..tasks.sentence_models import write_encoder, write_lines, write_texts
from ..tasks.tables import patients, species, write_table
from .helpers import Call, refused

pandas = pytest.importorskip("pandas")

STEPS = ("--steps", "2", "--validate-every", "0")


def succeed(call: Call, *words: str | Path) -> dict[str, Any]:
    result = call(*words, "--json")
    assert result.code == 0, result.err
    report: dict[str, Any] = json.loads(result.out)
    return report


def save_and_predict(call: Call, run: Path, support: Path, query: Path, *data: Path) -> dict[str, Any]:
    """The answers of ``adapt``, which must be those of ``predict`` when the run and its data are gone."""
    file = run.parent / "mine.learner"
    report = succeed(call, "adapt", run, "--support", support, "--query", query, "--save", file)
    for path in (run, *data):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert succeed(call, "predict", file, query) == report
    return report


@pytest.fixture
def measures(tmp_path: Path, call: Call) -> Path:
    """ProtoNet on a table of species; its columns are measures, a text and one with missing values."""
    frame = species(20)
    frame["site"] = np.where(np.arange(len(frame)) % 3 > 0, "wood", "1.50")
    frame.loc[::5, "m3"] = np.nan
    file = write_table(tmp_path, frame, "species.csv")
    sizes = ("--ways", "2", "--shots", "2", "--queries", "2", "--hidden", "8")
    words = ("train", "protonet", "table", "--file", file, "--target", "species", *sizes, *STEPS)
    assert call(*words, "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


def new_species(folder: Path) -> tuple[Path, Path, pandas.DataFrame]:
    """Three classes with 1, 2 and 3 rows to learn from, and rows to answer without the target and in another order."""
    frame = species(3, seed=7).assign(species=np.repeat(["x", "y", "z"], 8))
    frame["site"] = "1.50"
    support = frame.groupby("species").head(3).drop(index=[0, 1, 8])
    query = frame.drop(index=support.index)
    support_file = Path(write_table(folder, support, "support.csv"))
    query.drop(columns="species")[["site", "m3", "m2", "m1", "m0"]].to_json(
        folder / "query.jsonl", orient="records", lines=True
    )
    return support_file, folder / "query.jsonl", query


def test_pictures(call: Call, proto_run: Path, letters: Path, tmp_path: Path) -> None:
    run = shutil.copytree(proto_run, tmp_path / "run")
    report = save_and_predict(call, run, letters, letters / "c1")
    assert report["classes"] == ["c0", "c1", "c2"]


def test_a_table_of_classes(call: Call, measures: Path, tmp_path: Path) -> None:
    support, query, frame = new_species(tmp_path)
    settings = json.loads((measures / "run.json").read_text())["source"]
    encoding = Table(file=settings["file"], target="species").contents().encoding
    learner = tokay.load(measures)
    rows = pandas.read_csv(support, dtype={"site": str})
    learner.fit(encoding.encode(rows, "t"), rows["species"].to_numpy())
    expected = learner.predict_proba(encoding.encode(frame.reset_index(drop=True), "t"))
    report = save_and_predict(call, measures, support, query, tmp_path / "species.csv")
    assert report["classes"] == ["x", "y", "z"]
    assert [(entry["file"], entry["row"]) for entry in report["predictions"]] == [
        (str(query), row) for row in range(1, len(frame) + 1)
    ]
    answers = np.array([list(entry["probabilities"].values()) for entry in report["predictions"]])
    np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-6)


def test_a_table_of_real_targets_answers_in_their_units(call: Call, tmp_path: Path) -> None:
    file = write_table(tmp_path, patients())
    words = ("train", "maml", "table", "--file", file, "--task", "patient", "--target", "score")
    assert call(*words, "--shots", "4", "--queries", "3", *STEPS, "--out", tmp_path / "run").code == 0
    new = patients(1, 40, seed=3).assign(score=lambda frame: frame["score"] + 1000)
    support = Path(write_table(tmp_path, new.head(10), "support.csv"))
    query = Path(write_table(tmp_path, new.tail(5).drop(columns=["score", "patient"]), "query.csv"))
    source = Table(file=file, task="patient", target="score").resolve()
    mean, std = source.contents().scale or (0.0, 0.0)
    learner = tokay.load(tmp_path / "run")
    inputs = source.contents().encoding.encode(new, "t")
    learner.fit(inputs[:10], ((new["score"] - mean) / std).to_numpy()[:10])
    expected = learner.predict(inputs[-5:]) * std + mean
    report = save_and_predict(call, tmp_path / "run", support, query, Path(file))
    values = [entry["value"] for entry in report["predictions"]]
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    assert "classes" not in report
    head, *rows = csv.reader(call("predict", tmp_path / "mine.learner", query, "--csv").out.splitlines())
    assert head == ["file", "row", "value"]
    assert [float(row[2]) for row in rows] == values
    assert "each row is answered separately" in call("predict", tmp_path / "mine.learner", query).out


@pytest.mark.parametrize("encoder", ["hashed", "sentence"])
def test_texts(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str) -> None:
    monkeypatch.setenv("TOKAY_CACHE", str(tmp_path / "cache"))
    file = write_texts(tmp_path / "texts.csv")
    flags: tuple[str | Path, ...] = ("--length", "24", "--buckets", "64")
    if encoder == "sentence":
        flags = ("--encoder", "sentence", "--model", write_encoder(tmp_path / "model"))
    sizes = ("--ways", "2", "--queries", "2", "--train-ways", "3", "--train-queries", "2")
    words = ("train", "protonet", "text", "--file", file, *flags, *sizes, *STEPS, "--out", tmp_path / "run")
    assert call(*words).code == 0
    support = write_lines(
        tmp_path / "s.csv", ["text,label", "pay my bill,money", "rain and snow,weather", "sun,weather"]
    )
    query = write_lines(tmp_path / "q.csv", ["text", "pay my bill", "rain and snow"])
    report = save_and_predict(call, tmp_path / "run", support, query, file)
    assert [entry["class"] for entry in report["predictions"]] == ["money", "weather"]
    assert [entry["row"] for entry in report["predictions"]] == [1, 2]
    if encoder == "sentence":
        shutil.rmtree(tmp_path / "model")
        write_encoder(tmp_path / "model", seed=1)
        refused(call("predict", tmp_path / "mine.learner", query), "must be the one that was trained with")


def test_files_that_cannot_be_read_are_named(call: Call, measures: Path, tmp_path: Path) -> None:
    support, query, _ = new_species(tmp_path)
    assert call("adapt", measures, "--support", support, "--save", tmp_path / "x.learner").code == 0
    short = write_lines(tmp_path / "short.csv", ["m0,m1", "1,2"])
    words = write_lines(tmp_path / "words.csv", ["m0,m1,m2,m3,site", "1,2,many,4,wood"])
    result = call("predict", tmp_path / "x.learner", short, tmp_path / "gone.csv", query, words, "--json")
    assert result.code == 1
    lines = result.err.splitlines()
    assert [str(short) in lines[0], "gone.csv" in lines[1], str(words) in lines[2], len(lines)] == [True] * 3 + [3]
    assert "has no column m2" in lines[0]
    assert "such as 'many' (row 1). Mend them, or leave them empty." in lines[2]
    assert {entry["file"] for entry in json.loads(result.out)["predictions"]} == {str(query)}
    refused(call("predict", tmp_path / "x.learner", short), "has no column m2")


def test_what_predict_refuses(call: Call, proto_run: Path, letters: Path, tmp_path: Path) -> None:
    learner = tokay.load(proto_run)
    tokay.save(learner, learner.net, tmp_path / "empty.learner")
    tokay.save(learner.fit(torch.rand(2, 1, 28, 28), ["a", "b"]), learner.net, tmp_path / "arrays.learner")
    picture = letters / "c0" / "0.png"
    refused(call("predict", proto_run, picture), "it is a folder. For a run, use tokay adapt")
    refused(call("predict", tmp_path / "none.learner", picture), "none.learner")
    refused(call("predict", tmp_path / "empty.learner", picture), "has not learned a task yet")
    refused(call("predict", tmp_path / "arrays.learner", picture), "does not know how its run read files")
    refused(call("predict", tmp_path / "arrays.learner"), "Name files or folders")
    refused(call("predict", picture, picture), str(picture))
    refused(call("predict", tmp_path / "arrays.learner", picture, "--csv", "--json"), "exclude each other")


def test_bad_support_files(call: Call, measures: Path, tmp_path: Path) -> None:
    support, query, _ = new_species(tmp_path)
    table = pandas.read_csv(support)
    words = ("--query", query)
    without = write_table(tmp_path, table.drop(columns="species"), "w.csv")
    refused(call("adapt", measures, "--support", without, *words), "has no column species")
    table.loc[1, "species"] = None
    gap = write_table(tmp_path, table, "g.csv")
    refused(call("adapt", measures, "--support", gap, *words), f"row 2 of {gap} has no value in the column species")
    one = write_table(tmp_path, table.head(1), "o.csv")
    refused(call("adapt", measures, "--support", one, *words), "at least two classes, got only 'x'")
    refused(call("adapt", measures, "--support", support, *words, "--invert", "yes"), "invert is for pictures")


def test_none_of_these(call: Call, measures: Path, tmp_path: Path) -> None:
    support, query, frame = new_species(tmp_path)
    far = frame.drop(columns="species").assign(m0=1000.0).head(2)
    far.to_json(tmp_path / "far.jsonl", orient="records", lines=True)
    file = tmp_path / "x.learner"
    words = ("adapt", measures, "--support", support, "--reject", "0.2", "--save", file)
    result = call(*words, "--query", tmp_path / "far.jsonl", "--json")
    assert result.code == 0, result.err
    assert "none of these: on 200 validation tasks (2 classes, 2 shots, 1 other" in result.err
    report = json.loads(result.out)
    assert [entry["class"] for entry in report["predictions"]] == [None, None]
    assert report["reject"]["rate"] == 0.2
    assert report["reject"]["false_accept"] <= 0.2
    assert all(entry["score"] < report["reject"]["threshold"] for entry in report["predictions"])
    shutil.rmtree(measures)
    assert succeed(call, "predict", file, tmp_path / "far.jsonl") == report
    strict, loose = (
        succeed(call, "predict", file, query, "--reject", rate)["predictions"] for rate in ("0.01", "0.99")
    )
    rejected = [sum(entry["class"] is None for entry in entries) for entries in (strict, loose)]
    assert rejected[0] >= rejected[1]
    lines = call("predict", file, tmp_path / "far.jsonl", "--csv").out.splitlines()
    assert [line.split(",")[2] for line in lines[1:]] == ["", ""]
    assert "none of these" in call("predict", file, tmp_path / "far.jsonl").out
    loaded = tokay.load(file)
    assert tokay.answer(loaded, tmp_path / "far.jsonl").labels() == [None, None]


def test_what_reject_refuses(call: Call, proto_run: Path, letters: Path, tmp_path: Path) -> None:
    words = ("adapt", proto_run, "--support", letters, "--query", letters / "c0")
    refused(call(*words, "--reject", "5"), "--reject: the false-accept rate must be above 0 and below 1, got 5")
    assert call(*words, "--save", tmp_path / "x.learner").code == 0
    again = ("predict", tmp_path / "x.learner", letters / "c0", "--reject")
    refused(call(*again, "0.1"), "has no validation tasks to choose a threshold on. Make it with tokay adapt --reject")
    refused(call(*again, "0"), "must be above 0 and below 1")
