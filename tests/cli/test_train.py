"""``tokay train``: the files it makes, and the input it refuses before it makes any."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from tokay.cli.train import USAGE
from tokay.core.task import Sizes
from tokay.runs.settings import read

from .helpers import SMALL, Call, program, refused, write_letters

PICTURES = ("--channels", "grey", "--size", "16", "--filters", "2")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_letters(tmp_path / "root", classes=12, files=5)


def test_a_run_folder(sine_run: Path) -> None:
    assert {file.name for file in sine_run.iterdir() if file.is_file()} == {
        "run.json",
        "model.safetensors",
        "state.safetensors",
        "metrics.jsonl",
    }
    run, spec = read(sine_run)
    assert (run.algorithm.name, run.source.name, run.network.name, run.fit.steps) == ("maml", "sinusoid", "mlp", 6)
    assert spec.kind == "regression"


def test_it_says_on_stderr_what_it_does_and_what_is_next(call: Call, tmp_path: Path) -> None:
    result = call("train", "maml", "sinusoid", "--out", tmp_path / "run", "--steps", "1", *SMALL[:2])
    assert result.code == 0
    assert result.out == ""
    assert "MAML(" in result.err
    assert f"Next: tokay evaluate {tmp_path / 'run'}" in result.err


def test_a_method_that_does_not_train_has_weights_and_no_log(sine_rival: Path) -> None:
    assert (sine_rival / "model.safetensors").exists()
    assert not (sine_rival / "metrics.jsonl").exists()


def test_without_words_it_says_how(call: Call) -> None:
    for words in ((), ("--help",), ("-h",)):
        result = call("train", *words)
        assert result.code == 0
        assert USAGE.splitlines()[0] in result.out
        assert "protonet" in result.out


@pytest.mark.parametrize(
    "words, expected",
    [
        (("reptile",), ["name an algorithm and a source first"]),
        (("--out", "x"), ["name an algorithm and a source first"]),
        (("reptil", "sinusoid"), ["algorithm", "'reptil'", "Did you mean reptile?", "protonet"]),
        (("maml", "sinusoids"), ["source", "'sinusoids'", "Did you mean sinusoid?", "glyphs"]),
        (("maml", "sinusoid", "--network", "conv5"), ["network", "'conv5'", "conv4"]),
        (("maml", "sinusoid", "--steps", "abc"), ["--steps", "'abc'"]),
        (("maml", "sinusoid", "--steps", "-4"), ["steps must not be negative, got -4"]),
        (("maml", "sinusoid", "--inner-batch", "4"), ["no flag --inner-batch", "--inner-lr", "--order", "--variant"]),
        (("maml", "sinusoid", "--inner-stepz", "4"), ["no flag --inner-stepz. Did you mean --inner-steps?"]),
        (("maml", "sinusoid", "--ways", "5"), ["no flag --ways"]),
        (("maml", "sinusoid", "--train-ways", "5"), ["no flag --train-ways"]),
        (("maml", "sinusoid", "--order", "3"), ["--order", "3"]),
        (("maml", "sinusoid", "--inner-lr", "nan"), ["inner_lr must be a number, got nan"]),
        (("maml", "sinusoid", "--shots", "0"), ["shots must be at least 1, got 0"]),
        (("maml", "sinusoid", "--device", "nonsense"), ["device", "'nonsense'", "cpu"]),
        (("maml", "sinusoid", "--save-every", "0"), ["--save-every must be at least 1, got 0"]),
        (("maml", "sinusoid", "--hidden", "0"), ["hidden", "(0,)"]),
        (("maml", "sinusoid", "--network", "conv4"), ["pictures", "--network mlp"]),
        (("maml", "sinusoid", "--variant", "reptile", "--shots", "60"), ["grid of 50", "shots=60"]),
        (("protonet", "sinusoid"), ["protonet", "classification", "regression"]),
        (("maml", "sinusoid", "--chunk-size", "2", "--memory", "3"), ["chunk_size and memory"]),
        (("maml", "sinusoid", "surplus"), ["surplus"]),
        (("maml", "images"), ["--root"]),
    ],
)
def test_bad_words(call: Call, tmp_path: Path, words: tuple[str, ...], expected: list[str]) -> None:
    out = tmp_path / "run"
    refused(call("train", *words, *(("--out", out) if len(words) > 1 and words[0] != "--out" else ())), *expected)
    assert not out.exists()


def test_a_run_needs_a_place(call: Call) -> None:
    refused(call("train", "maml", "sinusoid"), "--out")
    for name in ("", " "):
        refused(call("train", "maml", "sinusoid", "--out", name), f"--out must name a folder, got {name!r}")


@pytest.mark.parametrize(
    "words, expected",
    [
        (("--ways", "40"), ["40 ways", "has 2", "at most 2 ways"]),
        (("--ways", "3"), ["3 ways", "has 2", "at most 2 ways"]),  # only 2 classes are held out for validation
        (("--ways", "2", "--shots", "2", "--queries", "4"), ["2 shots + 4 queries", "with 5"]),
        (("--ways", "2", "--train-ways", "3", "--queries", "1"), ["training and test ways must agree", "3 and 2"]),
    ],
)
def test_more_than_there_is(
    call: Call, root: Path, tmp_path: Path, words: tuple[str, ...], expected: list[str]
) -> None:
    out = tmp_path / "run"
    refused(call("train", "maml", "images", "--root", root, *PICTURES, "--out", out, *words), *expected)
    assert not out.exists()


def test_bad_pictures(call: Call, root: Path, tmp_path: Path) -> None:
    out, victim = tmp_path / "run", root / "c3" / "1.png"
    words = ("train", "maml", "images", "--root", root, *PICTURES, "--out", out, "--ways", "2", "--queries", "1")
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) // 2])
    refused(call(*words), str(victim), "damaged or cut short")
    victim.write_text("this is a poem")
    refused(call(*words), str(victim), "not an image")
    for file in (root / "c3").iterdir():
        file.unlink()
    refused(call(*words), str(root / "c3"), "must have images")
    shutil.rmtree(root)
    refused(call(*words), str(root), "No such file or directory")
    assert not out.exists()


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"PK\x03\x04 and then the line went dead", "not a valid zip file"),
        (b"<html>404</html>", "not a valid zip file"),
        (None, "a path outside its folder"),
    ],
)
def test_bad_archives(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, expected: str
) -> None:
    monkeypatch.setenv("TOKAY_DATA", str(tmp_path))
    monkeypatch.setenv("TOKAY_CACHE", str(tmp_path / "cache"))
    (tmp_path / "omniglot").mkdir()
    for name in ("images_background.zip", "images_evaluation.zip"):
        file = tmp_path / "omniglot" / name
        if content is None:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("../../climbed.png", b"")
        else:
            file.write_bytes(content)
    refused(call("train", "reptile", "omniglot", "--out", tmp_path / "run"), expected, "images_background.zip")
    assert not (tmp_path / "run").exists()
    assert not list(tmp_path.parent.glob("climbed*"))


def test_no_data_and_no_network(tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9"
    result = program(
        "train", "reptile", "omniglot", "--out", tmp_path / "run", TOKAY_DATA=str(tmp_path), https_proxy=closed
    )
    assert not (tmp_path / "run").exists()
    last = result.err.splitlines()[-1]  # the lines above are the bar of the download
    refused(result._replace(err=last + "\n"), "cannot download", "TOKAY_DATA", "glyphs")


def test_an_existing_folder(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("train", "maml", "sinusoid", "--steps", "1", *SMALL[:2], "--out", out)
    assert call(*words).code == 0
    weights = (out / "model.safetensors").read_bytes()
    refused(call(*words, "--seed", "1"), str(out), "already exists", "--overwrite", f"--resume {out}")
    assert (out / "model.safetensors").read_bytes() == weights
    (out / "training.png").write_text("old")
    assert call(*words, "--seed", "1", "--overwrite").code == 0
    assert (out / "model.safetensors").read_bytes() != weights
    assert not (out / "training.png").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_overwrite_replaces_runs_only(call: Call, sine_run: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "thesis"
    if kind == "folder":
        out.mkdir()
        (out / "thesis.tex").write_text("years of work")
    elif kind == "file":
        out.write_text("years of work")
    else:
        out.symlink_to(sine_run)
    refused(
        call("train", "maml", "sinusoid", "--steps", "1", "--out", out, "--overwrite"),
        str(out),
        "only a run folder is overwritten",
    )
    assert out.is_symlink() == (kind == "link")
    assert (out if kind == "file" else out / ("thesis.tex" if kind == "folder" else "run.json")).exists()


def test_a_place_where_no_folder_can_be(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(call("train", "maml", "sinusoid", "--out", tmp_path / "file" / "run"), "cannot be made", "Not a directory")


@pytest.mark.parametrize(
    "words, message",
    [
        ("--resume", "--resume"),
        ("--resume DIR", "no run folder"),
        ("--resume=DIR", "no run folder"),
        ("--resume DIR/no", "no does not exist"),
    ],
)
def test_resume_of_what_is_no_run(call: Call, tmp_path: Path, words: str, message: str) -> None:
    refused(call("train", *(word.replace("DIR", str(tmp_path)) for word in words.split())), message)
    assert list(tmp_path.iterdir()) == []


def test_resume_takes_no_other_settings(call: Call, sine_run: Path) -> None:
    refused(call("train", "--resume", sine_run, "--lr", "9"), "no flag --lr", "--device")


def test_training_sizes_are_the_papers_unless_they_are_given(root: Path, tmp_path: Path, call: Call) -> None:
    common = ("--root", root, *PICTURES, "--ways", "2", "--shots", "1", "--queries", "2", "--steps", "0")
    assert call("train", "reptile", "images", *common, "--train-shots", "3", "--out", tmp_path / "reptile").code == 0
    assert read(tmp_path / "reptile")[0].train == Sizes(ways=2, shots=3, queries=1)
    assert call("train", "protonet", "images", *common, "--train-queries", "4", "--out", tmp_path / "proto").code == 0
    run, _ = read(tmp_path / "proto")
    assert run.train == Sizes(ways=8, shots=1, queries=4)  # 60 ways in the paper, capped at the number of classes
    assert run.test == Sizes(ways=2, shots=1, queries=2)


def test_episodes_of_fewer_shots(root: Path, tmp_path: Path, call: Call) -> None:
    sizes = ("--ways", "2", "--shots", "2", "--queries", "1", "--train-queries", "1", "--steps", "2")
    few = ("images", "--root", root, *PICTURES, *sizes, "--train-fewest-shots")
    result = call("train", "maml", *few, "1", "--out", tmp_path / "run")
    assert result.code == 0
    assert "2 ways 1 to 2 shots 1 queries" in " ".join(result.err.split())
    run, _ = read(tmp_path / "run")
    assert run.fewest_shots == 1
    lengths = {
        split: {run.tasks(split).sample(1, torch.Generator().manual_seed(i)).support.x.shape[1] for i in range(20)}
        for split in ("train", "test")
    }
    assert lengths == {"train": {2, 4}, "test": {4}}
    refused(call("train", "maml", *few, "3", "--out", tmp_path / "no"), "from 1 to the 2 shots of training, got 3")
    refused(call("train", "finetune", *few, "1", "--out", tmp_path / "no"), "finetune: --train-fewest-shots is for")
    assert not (tmp_path / "no").exists()


def test_a_graph_needs_a_cuda_device(tmp_path: Path, call: Call) -> None:
    for command in (("train", "maml", "glyphs"), ("reproduce", "maml-sinusoid")):
        result = call(*command, "--cuda-graph", "--device", "cpu", "--out", tmp_path / "no")
        refused(result, "maml: --cuda-graph needs a CUDA device, the network is on cpu. Leave it out")
    assert not (tmp_path / "no").exists()


def test_episodes_of_fewer_ways(root: Path, tmp_path: Path, call: Call) -> None:
    sizes = ("--ways", "2", "--shots", "2", "--queries", "1", "--steps", "2")
    few = ("images", "--root", root, *PICTURES, *sizes, "--train-queries", "2", "--train-fewest-ways")
    result = call("train", "lstm", *few, "1", "--out", tmp_path / "run")
    assert result.code == 0
    assert "1 to 2 ways 2 shots 2 queries" in " ".join(result.err.split())
    run, _ = read(tmp_path / "run")
    assert (run.fewest_ways, run.fewest_shots) == (1, None)
    lengths = {
        split: {run.tasks(split).sample(1, torch.Generator().manual_seed(i)).support.x.shape[1] for i in range(40)}
        for split in ("train", "test")
    }
    assert lengths == {"train": {2, 4}, "test": {4}}
    refused(call("train", "lstm", *few, "3", "--out", tmp_path / "no"), "from 1 to the 2 ways of training, got 3")
    refused(call("train", "maml", *few, "1", "--out", tmp_path / "no"), "maml: --train-fewest-ways is for methods that")
    assert not (tmp_path / "no").exists()


def test_colour_pictures_and_another_backbone(tmp_path: Path, call: Call) -> None:
    for c in range(12):
        (tmp_path / "root" / str(c)).mkdir(parents=True)
        for number in range(3):
            pixels = torch.full((20, 16, 3), 10 * c + number, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(tmp_path / "root" / str(c) / f"{number}.png")
    sizes = ("--ways", "2", "--shots", "1", "--queries", "1", "--size", "8", "--hidden", "3", "--network", "mlp")
    words = ("images", "--root", tmp_path / "root", *sizes, "--steps", "1", "--out", tmp_path / "run")
    assert call("train", "maml", *words).code == 0
    saved = json.loads((tmp_path / "run" / "run.json").read_text())
    assert saved["spec"] == {"x_shape": [3, 8, 8], "y_dim": 2, "kind": "classification", "x_type": "float"}
    assert saved["network"] == {"name": "mlp", "hidden": [3], "activation": "relu"}


def test_without_validation_no_class_is_held_out_for_it(call: Call, root: Path, tmp_path: Path) -> None:
    common = ("--root", root, *PICTURES, "--validation", "0", "--ways", "2", "--shots", "1", "--queries", "1")
    words = ("train", "maml", "images", *common, "--steps", "1", "--out", tmp_path / "run")
    result = call(*words)
    assert result.code == 0
    assert "without validation classes the last weights are kept" in result.err
    assert call(*words, "--validate-every", "0", "--overwrite").code == 0
    assert call("train", "--resume", tmp_path / "run").code == 0


def test_the_network_that_is_not_named(gp_run: Path, sine_run: Path, completion_run: Path, proto_run: Path) -> None:
    """That of the method for vectors, if it has one. Otherwise that of the source, then that of the method for pictures."""
    for run, name in ((gp_run, "linear"), (completion_run, "linear"), (sine_run, "mlp"), (proto_run, "conv4-pool")):
        assert json.loads((run / "run.json").read_text())["network"]["name"] == name
