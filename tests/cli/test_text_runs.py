"""From a file of texts to a number, with the program."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import tokay
from tokay.files import read_tensors, write_tensors
from tokay.tasks import Text
from tokay.tasks.text_pools import embedded_pool

from ..tasks.sentence_models import write_encoder, write_lines, write_texts
from .helpers import Call, refused

pytest.importorskip("pandas")

SMALL = ("--ways", "2", "--queries", "2", "--train-ways", "3", "--train-queries", "2", "--steps", "4")
CHECKS = ("--validate-every", "2", "--validation-tasks", "2")
FEW = ("--tasks", "4", "--seen-tasks", "2")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten labels of six texts, and an empty cache."""
    monkeypatch.setenv("TOKAY_CACHE", str(tmp_path / "cache"))
    return write_texts(tmp_path / "texts.csv")


@pytest.fixture
def run(call: Call, file: Path, tmp_path: Path) -> Path:
    """ProtoNet on hashes, four steps."""
    small = ("--buckets", "64", "--vector", "8", "--layers", "4", "--length", "24")
    result = call("train", "protonet", "text", "--file", file, *SMALL, *CHECKS, *small, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert f"text: 6 training, 2 validation and 2 test labels in {file}\n" in result.err
    return tmp_path / "run"


def test_every_command_takes_a_run_on_texts(call: Call, run: Path, tmp_path: Path) -> None:
    score = call("evaluate", run, *FEW, "--json")
    assert 0 <= json.loads(score.out)["accuracy"]["mean"] <= 1
    plot = call("plot", run, "--tasks", "2")
    assert plot.code == 0, plot.err
    assert "inputs (24,) are no picture and no curve, so there is no episodes.png" in plot.err
    shutil.copytree(run, tmp_path / "copy")
    assert call("compare", run, tmp_path / "copy", "--tasks", "4").code == 0
    resumed = call("train", "--resume", run, "--steps", "6")
    assert resumed.code == 0, resumed.err


def test_adapt_refuses_folders_of_texts(call: Call, run: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    refused(
        call("adapt", run, "--support", tmp_path / "a", "--query", tmp_path / "a"), "must be a file, it is a folder"
    )


def test_a_run_labels_new_texts_from_python(run: Path, file: Path) -> None:
    source = Text(file=str(file), length=24)
    learner = tokay.load(run).fit(source.encode(["pay my bill", "rain and snow"]), ["money", "weather"])
    assert learner.predict(source.encode(["pay my bill now", "rain and snow"])).tolist() == ["money", "weather"]


def test_a_file_that_changed_is_named(call: Call, run: Path, file: Path) -> None:
    lines = file.read_text().splitlines()
    write_lines(file, [lines[0], *lines[:0:-1]])
    assert "changed" not in call("evaluate", run, *FEW).err  # another order is no news
    name = next(iter(json.loads((run / "data.json").read_text())["train"]))
    write_lines(file, [*lines, f"something else,{name}", *(f"text {n},extra" for n in range(4))])
    assert f"1 training class differs ({name}), 1 class is new (extra)" in call("evaluate", run, *FEW).err
    refused(call("train", "--resume", run, "--steps", "6"), "add --changed-data to go on")


def test_sentences_with_their_usual_network(call: Call, file: Path, tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "model")
    words = ("--file", file, "--encoder", "sentence", "--model", model, *SMALL, *CHECKS)
    result = call("train", "protonet", "text", *words, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "text, residual, cpu" in result.err
    embedded_pool.cache_clear()  # as in a new process
    score = call("evaluate", tmp_path / "run", *FEW)
    assert (score.code, "anew" in score.err) == (0, False)
    # Another machine rounds vectors otherwise. The texts are the same, so the data did not change.
    (place,) = (tmp_path / "cache").iterdir()
    tensors, about = read_tensors(place)
    write_tensors(place, {**tensors, "vectors": tensors["vectors"] * (1 + 1e-6)}, about)
    embedded_pool.cache_clear()
    score = call("evaluate", tmp_path / "run", *FEW)
    assert (score.code, "changed" in score.err) == (0, False)


def test_inputs_of_another_type_are_refused(call: Call, run: Path, file: Path, tmp_path: Path) -> None:
    """Hashes of 8 and vectors of 8 have one shape."""
    model = write_encoder(tmp_path / "model")
    words = ("--file", file, "--length", "8", *SMALL, *CHECKS, "--buckets", "64")
    assert call("train", "protonet", "text", *words, "--out", tmp_path / "short").code == 0
    other = f"text --file {file} --encoder sentence --model {model} --test 1"
    refused(call("evaluate", tmp_path / "short", "--on", other), "was trained on inputs of type integer", "are float")
    refused(call("evaluate", run, "--on", other), "was trained on inputs of shape (24,)")


def test_a_run_is_scored_on_another_file(call: Call, run: Path, tmp_path: Path) -> None:
    other = write_texts(tmp_path / "other.csv", labels=4)
    result = call(
        "evaluate", run, "--on", f"text --file {other} --length 24 --test 1", "--tasks", "4", "--seen-tasks", "0"
    )
    assert result.code == 0, result.err


def test_the_three_lines_of_python(file: Path, tmp_path: Path) -> None:
    config = tokay.FitConfig(steps=2, validate_every=0)
    sizes = tokay.Sizes(ways=2, shots=1, queries=2)
    source = Text(file=str(file))
    learner = tokay.train(tokay.ProtoNet(), source, test=sizes, training=sizes, config=config, out=tmp_path / "run")
    assert isinstance(learner.net, torch.nn.Sequential)
    assert type(learner.net[0]).__name__ == "HashBag"
    assert (tmp_path / "run" / "data.json").is_file()


@pytest.mark.parametrize(
    "lines, flags, message",
    [
        (["text,label", ",x"], (), "row 1 of {file} has no value in the column text"),
        (["text,label", "a,x"], ("--label", "lable"), "has no column lable. Did you mean label?"),
        (
            ["text,label", *(f"{n},{n}" for n in range(9))],
            ("--ways", "2"),
            "need 16 texts of each of 2 classes, 2 of 2 classes",
        ),
        (["text,label,part", "a,x,train", "b,x,test"], ("--split", "part"), "x is in train and, in row 2"),
        (["text,label", "a,x"], ("--encoder", "wrods"), "--encoder"),
        (["text,label", "a,x"], ("--domains", "nowhere.json"), "nowhere.json: cannot be read"),
    ],
)
def test_what_cannot_be_trained_on(
    call: Call, tmp_path: Path, lines: list[str], flags: tuple[str, ...], message: str
) -> None:
    file = write_lines(tmp_path / "x.csv", lines)
    result = call("train", "protonet", "text", "--file", file, *flags, "--out", tmp_path / "run")
    refused(result, message.format(file=file))
    assert not (tmp_path / "run").exists()
