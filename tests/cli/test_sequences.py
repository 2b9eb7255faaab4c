"""The commands on sequences of bits. Their score is in bits, their only size is a length, their support has no targets."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tokay.files import read_tensors

from .helpers import Call, quietly, refused

TINY = ("--shots", "3", "--steps", "4", "--meta-batch", "2", "--validate-every", "2", "--validation-tasks", "3")


@pytest.fixture(scope="module")
def copy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "copy"
    quietly("train", "ntm", "ntm-copy", "--out", out, "--cells", "6", "--slots", "8", "--width", "4", *TINY)
    return out


@pytest.fixture(scope="module")
def lstm_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "lstm"
    quietly("train", "lstm", "ntm-copy", "--out", out, "--cells", "6", *TINY)
    return out


def test_training_tells_bits(call: Call, tmp_path: Path) -> None:
    result = call("train", "gru", "ntm-copy", "--out", tmp_path / "run", "--units", "4", *TINY)
    assert result.code == 0, result.err
    assert "sequences of length 3, tested on 3" in result.err
    assert "bits, " in result.err
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"loss", "bits", "wrong_bits"} <= set(line["validation"])


def test_evaluate(call: Call, copy_run: Path) -> None:
    result = call("evaluate", copy_run, "--tasks", "4")
    assert result.code == 0, result.err
    assert "ntm on ntm-copy, length-3, 4 unseen tasks" in result.out
    assert "support" not in result.out
    assert "learned better" not in result.out, "training mixes lengths, so there is no gap"
    longer = json.loads(call("evaluate", copy_run, "--tasks", "4", "--shots", "6", "--json").out)
    assert longer["shots"] == 6
    assert longer["bits"]["mean"] > 30
    assert longer["adaptation"]["support"] is None
    assert longer["adaptation"]["gap"] is None


@pytest.mark.parametrize("words", [("--queries", "3"), ("--ways", "2")])
def test_a_sequence_has_only_a_length(call: Call, copy_run: Path, words: tuple[str, ...]) -> None:
    refused(call("evaluate", copy_run, *words), "ntm-copy: a sequence has only a length", "--shots")


def test_inductive_has_no_meaning(call: Call, copy_run: Path) -> None:
    refused(call("evaluate", copy_run, "--inductive"), "rows of a sequence depend on")


def test_compare(call: Call, copy_run: Path, lstm_run: Path, tmp_path: Path) -> None:
    picture = tmp_path / "curves.png"
    result = call("compare", copy_run, lstm_run, "--tasks", "3", "--shots", "3", "6", "--adaptation", "--plot", picture)
    assert result.code == 0, result.err
    for text in ("length-3", "length-6", "cost of a sequence in bits"):
        assert text in result.out
    assert picture.exists()
    report = json.loads(call("compare", copy_run, lstm_run, "--tasks", "3", "--json").out)
    assert report["columns"][0]["measure"] == "bits"


def test_plot(call: Call, copy_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(copy_run, tmp_path / "run")
    result = call("plot", run, "--tasks", "3")
    assert result.code == 0, result.err
    assert [Path(line).stem for line in result.out.splitlines()] == ["training", "adaptation", "episodes"]


@pytest.mark.parametrize(
    "words, expected",
    [
        (("maml", "ntm-copy"), ["maml learns classification or regression", "sequence tasks"]),
        (("ntm", "ntm-copy", "--ways", "2"), ["no flag --ways"]),
        (("ntm", "ntm-copy", "--queries", "2"), ["no flag --queries"]),
        (("ntm", "ntm-copy", "--train-queries", "2"), ["no flag --train-queries"]),
        (("ntm", "ntm-priority-sort", "--shots", "5"), ["at least the 16 rows", "got 5"]),
        (("ntm", "ntm-copy", "--controller", "gru"), ["--controller", "feedforward"]),
    ],
)
def test_bad_words(call: Call, tmp_path: Path, words: tuple[str, ...], expected: list[str]) -> None:
    refused(call("train", *words, "--out", tmp_path / "run"), *expected)
    assert not (tmp_path / "run").exists()


def test_adapt_wants_pictures(call: Call, copy_run: Path, tmp_path: Path) -> None:
    result = call("adapt", copy_run, "--support", tmp_path, "--query", tmp_path)
    refused(result, "a run on classes", "ntm-copy has sequences")


def test_an_interrupted_run_continues_bit_for_bit(call: Call, tmp_path: Path) -> None:
    """With RMSProp: its averages and momentum are saved, as those of Adam are."""
    words = ("train", "ntm", "ntm-copy", "--cells", "6", "--slots", "8", "--width", "4", *TINY)
    uncut, short, cut = (tmp_path / name for name in ("whole", "short", "cut"))
    assert call(*words, "--out", uncut).code == 0
    assert call(*words, "--steps", "2", "--out", short).code == 0
    shutil.copytree(uncut, cut)
    shutil.copy(short / "state.safetensors", cut)
    assert call("train", "--resume", cut).code == 0
    for file in ("model.safetensors", "state.safetensors"):
        (ours, _), (theirs, _) = read_tensors(cut / file), read_tensors(uncut / file)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert any(".momentum_buffer" in name for name in ours)
