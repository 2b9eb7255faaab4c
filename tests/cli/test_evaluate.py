"""``tokay evaluate``: the keys of its JSON, its table, and damaged runs."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import tokay
from tokay.files import read_tensors
from tokay.runs.checkpoint import load_model
from tokay.runs.settings import read
from tokay.tasks.gaussian_process import Curves

from .helpers import Call, refused


@pytest.fixture
def copied(sine_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sine_run, tmp_path / "copied")


def evaluated(call: Call, *words: str | Path) -> dict[str, Any]:
    result = call("evaluate", *words, "--json")
    assert result.code == 0, result.err
    report: dict[str, Any] = json.loads(result.out)
    return report


def test_json_of_classification(call: Call, reptile_run: Path) -> None:
    report = evaluated(call, reptile_run, "--tasks", "4")
    fixed = {"algorithm": "reptile", "source": "glyphs", "ways": 3, "shots": 2, "queries": 4, "tasks": 4}
    fixed["split"] = "test"
    assert {name: report[name] for name in fixed} == fixed
    support = {"support_accuracy", "support_loss"}
    text = {"curve", "adaptation", "calibration_error", "seconds"}
    assert set(report) == {*fixed, "transductive", "norm", "inductive", "accuracy", "loss", *support, *text}
    assert 0 <= report["calibration_error"] <= 1
    assert report["transductive"] is True
    assert report["norm"] == "batch"
    assert set(report["accuracy"]) == set(report["loss"]) == {"mean", "ci95", "median"}
    assert [point["step"] for point in report["curve"]] == [0, 1, 2, 3]
    assert report["curve"][-1]["accuracy"] == report["accuracy"]
    assert report["seconds"] > 0


def test_json_of_regression(call: Call, sine_run: Path) -> None:
    report = evaluated(call, sine_run, "--tasks", "4")
    assert set(report["mse"]) == {"mean", "ci95", "median"}
    assert "accuracy" not in report
    assert report["calibration_error"] is None
    assert report["transductive"] is False


def test_own_measures_of_a_method_are_printed(call: Call, gp_run: Path) -> None:
    report = evaluated(call, gp_run, "--tasks", "4")
    run, net = load_model(gp_run)
    expected = tokay.evaluate(run.algorithm, net, run.tasks("test"), tasks=4)["log_likelihood"]
    assert report["log_likelihood"] == {"mean": expected.mean, "ci95": expected.ci95, "median": expected.median}
    assert report["curve"][-1]["log_likelihood"] == report["log_likelihood"]
    result = call("evaluate", gp_run, "--tasks", "4")
    score = f"{expected.mean:.4f} ± {expected.ci95:.4f}"
    assert result.out.count(score) == 2  # in the table and below it
    assert f"log likelihood {score}" in result.out
    assert "support loss" in result.out
    assert "cnp on gp, 3-to-10-point, 4 unseen tasks" in result.out


def test_the_exact_posterior_is_printed(call: Call, gp_run: Path, sine_run: Path) -> None:
    """On the same tasks, and only if the source knows its posterior and the method has a likelihood."""
    report = evaluated(call, gp_run, "--tasks", "6", "--seed", "2")
    source = read(gp_run)[0].tasks("test")
    assert isinstance(source, Curves)
    bound = source.exact_log_likelihood(tasks=6, seed=2)
    assert report["exact_log_likelihood"]["mean"] == pytest.approx(float(bound.mean()))
    assert report["log_likelihood"]["mean"] < report["exact_log_likelihood"]["mean"]
    text = call("evaluate", gp_run, "--tasks", "6", "--seed", "2").out
    assert f"exact posterior on the same tasks {float(bound.mean()):.4f} ±" in text
    assert "exact_log_likelihood" not in evaluated(call, sine_run, "--tasks", "2")
    assert "exact_log_likelihood" not in evaluated(call, sine_run, "--tasks", "2", "--on", "gp")


def test_the_score_is_that_of_the_library(call: Call, sine_run: Path) -> None:
    run, net = load_model(sine_run)
    expected = tokay.evaluate(run.algorithm, net, run.tasks("test"), tasks=31, seed=5)
    report = evaluated(call, sine_run, "--tasks", "31", "--seed", "5")
    score = expected["mse"]
    assert report["mse"] == {"mean": score.mean, "ci95": score.ci95, "median": float(expected.per_task["mse"].median())}


def test_a_squared_error_has_its_median(call: Call, sine_run: Path) -> None:
    report = evaluated(call, sine_run, "--tasks", "5")["mse"]
    text = " ".join(call("evaluate", sine_run, "--tasks", "5").out.split())
    assert f"mse {report['mean']:.4f} ± {report['ci95']:.4f}, median {report['median']:.4f} (95% interval)" in text


def test_the_seed_decides_the_tasks(call: Call, sine_run: Path) -> None:
    def mse(*words: str) -> object:
        return evaluated(call, sine_run, "--tasks", "3", *words)["mse"]

    assert mse() == mse("--seed", "0") != mse("--seed", "1")


def test_inductive_and_other_sizes(call: Call, proto_run: Path) -> None:
    sizes = ("--ways", "5", "--shots", "1", "--queries", "2")
    report = evaluated(call, proto_run, "--tasks", "2", "--inductive", *sizes)
    assert (report["ways"], report["shots"], report["queries"], report["transductive"]) == (5, 1, 2, False)


def test_both_protocols_are_scored_where_they_differ(call: Call, reptile_run: Path, sine_run: Path) -> None:
    """Paired: the inductive scores are those of the first of the same tasks."""
    report = evaluated(call, reptile_run, "--tasks", "6", "--inductive-tasks", "4", "--seed", "3")
    run, net = load_model(reptile_run)
    expected = tokay.evaluate(run.algorithm, net, run.tasks("test"), tasks=4, seed=3, inductive=True, curve=False)
    inductive = report["inductive"]
    assert inductive["tasks"] == 4
    assert inductive["accuracy"]["mean"] == expected["accuracy"].mean
    assert inductive["loss"]["mean"] == expected["loss"].mean
    assert report["tasks"] == 6
    assert inductive["accuracy"] != report["accuracy"]
    for run_folder, words in (
        (reptile_run, ("--inductive-tasks", "0")),
        (reptile_run, ("--inductive",)),
        (sine_run, ()),
    ):
        assert "inductive" not in evaluated(call, run_folder, "--tasks", "2", *words)


def test_the_table_has_both_columns_where_they_differ(call: Call, reptile_run: Path, sine_run: Path) -> None:
    """The sentence below the table compares both on the same tasks: the first ten of thirty."""
    run, net = load_model(reptile_run)

    def score(tasks: int, *, inductive: bool) -> str:
        evaluation = tokay.evaluate(
            run.algorithm, net, run.tasks("test"), tasks=tasks, inductive=inductive, curve=False
        )
        return f"{100 * evaluation['accuracy'].mean:.2f} ± {100 * evaluation['accuracy'].ci95:.2f} %"

    out = call("evaluate", reptile_run, "--tasks", "30", "--inductive-tasks", "10", "--seen-tasks", "0").out
    assert "accuracy, transductive" in out
    assert "accuracy, inductive" in out
    (row,) = [line for line in out.splitlines() if line.startswith("│ 3 ")]  # the last step has both
    few = score(10, inductive=True)
    assert [cell.strip() for cell in row.split("│")[2:4]] == [score(30, inductive=False), few]
    assert f"the first 10 of these tasks: {few}. Transductive on the same: {score(10, inductive=False)}." in out
    for run_folder, words in ((reptile_run, ("--inductive",)), (sine_run, ())):
        out = call("evaluate", run_folder, "--tasks", "2", "--seen-tasks", "0", *words).out
        assert "transductive" not in out


def test_a_small_transductive_batch_warns(call: Call, reptile_run: Path) -> None:
    """The run has 3 x 2 support examples and 3 x 4 queries."""
    words = ("--tasks", "2", "--seen-tasks", "0", "--inductive-tasks", "2")
    assert "Transductive answers" not in call("evaluate", reptile_run, *words).err
    small = call("evaluate", reptile_run, *words, "--queries", "1")
    assert "depend on only 3 queries, fewer than the 6 support examples" in small.err
    assert "Transductive answers" not in call("evaluate", reptile_run, *words, "--queries", "1", "--inductive").err


def test_real_targets_have_one_column_for_error_and_loss(call: Call, sine_run: Path) -> None:
    """Their loss is the error: the same number twice tells nothing."""
    out = call("evaluate", sine_run, "--tasks", "3", "--seen-tasks", "0").out
    head = next(line for line in out.splitlines() if "steps" in line)
    assert [cell.strip() for cell in head.replace("┃", "|").split("|")[1:-1]] == ["steps", "mse", "support loss"]
    (last,) = [line for line in out.splitlines() if line.startswith("mse ")]
    assert "loss" not in last
    assert "training classes" not in call("evaluate", sine_run, "--tasks", "3").err


def test_the_table(call: Call, reptile_run: Path) -> None:
    result = call("evaluate", reptile_run, "--tasks", "2")
    assert result.code == 0
    assert "reptile on glyphs, 3-way 2-shot, 2 unseen tasks (transductive" in " ".join(result.out.split())
    assert "(95% interval)" in result.out
    assert "reptile 3-way 2-shot" in result.err  # the bar


def test_bad_words(call: Call, sine_run: Path, reptile_run: Path, proto_run: Path, tmp_path: Path) -> None:
    refused(call("evaluate"), "run folder")
    refused(call("evaluate", tmp_path), "no run folder", "run.json", "tokay train --out")
    refused(call("evaluate", tmp_path / "none"), "none does not exist. Give the folder that tokay train --out made")
    refused(call("evaluate", sine_run, "--tasks", "1"), "at least 2", "got 1")
    refused(call("evaluate", sine_run, "--inductive-tasks", "1"), "--inductive-tasks must be at least 2", "got 1")
    refused(call("evaluate", sine_run, "--tasks", "many"), "--tasks", "'many'")
    refused(call("evaluate", sine_run, "--runs", "x"), "has no flag --runs.", "It has --device")
    refused(call("evaluate", sine_run, "--device", "nonsense"), "'nonsense'", "Use cpu")
    refused(call("evaluate", sine_run, "--shots", "0"), "shots must be at least 1, got 0")
    refused(call("evaluate", reptile_run, "--ways", "4"), "3 ways", "got 4")
    refused(call("evaluate", proto_run, "--ways", "400"), "400 ways", "at most")
    refused(call("evaluate", proto_run, "--shots", "18"), "18 shots + 4 queries", "has 20")


def test_weights_that_were_cut_short(call: Call, copied: Path) -> None:
    file = copied / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-20])
    refused(call("evaluate", copied), str(file), "truncated or damaged", "backup")
    file.write_bytes(b"")
    refused(call("evaluate", copied), str(file), "is empty")
    file.unlink()
    refused(call("evaluate", copied), str(file), "does not exist")


class _Trap:
    """An object that makes a file if it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.sprung,)


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_pickle_is_never_opened(call: Call, copied: Path, tmp_path: Path, kind: str) -> None:
    file, sprung = copied / "model.safetensors", tmp_path / "sprung"
    if kind == "pickle":
        file.write_bytes(pickle.dumps(_Trap(sprung)))
    else:
        torch.save({"trap": _Trap(sprung)}, file)
    refused(call("evaluate", copied), str(file), "a pickle, which Tokay never opens")
    assert not sprung.exists()


def test_weights_of_another_run(call: Call, copied: Path, proto_run: Path) -> None:
    file = copied / "model.safetensors"
    shutil.copy(proto_run / "model.safetensors", file)
    refused(call("evaluate", copied), "must hold weights of maml, got those of protonet")
    tensors, about = read_tensors(copied / "state.safetensors")
    weights = {name.removeprefix("net."): value for name, value in tensors.items() if name.startswith("net.")}
    save_file({**weights, "head.weight": torch.zeros(2, 40)}, file, about)
    refused(call("evaluate", copied), "head.weight", "(1, 40)", "(2, 40)")
    save_file(weights, file)
    refused(call("evaluate", copied), "must hold weights of maml, got those of no run")


def test_damaged_settings(call: Call, copied: Path) -> None:
    file = copied / "run.json"
    good = json.loads(file.read_text())
    file.write_text('{"tokay": ')
    refused(call("evaluate", copied), str(file), "must be a JSON file")
    file.write_text("[]")
    refused(call("evaluate", copied), str(file), "must hold one JSON object, got list")
    file.write_text(json.dumps({**good, "algorithm": {"name": "from-the-future"}}))
    refused(call("evaluate", copied), "'from-the-future'", "newer Tokay")
    file.write_text(json.dumps({**good, "fit": {**good["fit"], "levity": 3}}))
    refused(call("evaluate", copied), "FitConfig has no setting levity")
    file.write_text(json.dumps({name: value for name, value in good.items() if name != "spec"}))
    refused(call("evaluate", copied), "misses or garbles 'spec'")


def test_source_that_is_gone(call: Call, tmp_path: Path) -> None:
    from .helpers import SMALL, quietly, write_letters

    root = write_letters(tmp_path / "root", classes=12, files=4)
    sizes = ("--channels", "grey", "--size", "16", "--filters", "2", "--ways", "2", "--queries", "2")
    quietly("train", "maml", "images", "--root", root, *sizes, "--steps", "1", *SMALL, "--out", tmp_path / "run")
    shutil.rmtree(root)
    refused(call("evaluate", tmp_path / "run"), str(root), "No such file or directory")


def test_by_instance(call: Call, snail_run: Path, reptile_run: Path, sine_reader: Path) -> None:
    run, net = load_model(snail_run)
    expected = tokay.by_instance(run.algorithm, net, run.tasks("test"), tasks=4)
    report = evaluated(call, snail_run, "--tasks", "4", "--instances")["by_instance"]
    scores = [{"instance": k, "mean": s.mean, "ci95": s.ci95, "median": s.median} for k, s in expected.accuracy.items()]
    assert report == {"transductive": expected.transductive, "accuracy": scores}
    assert [row["instance"] for row in report["accuracy"]] == [1, 2]
    assert (
        len(evaluated(call, snail_run, "--tasks", "4", "--instances", "--shots", "5")["by_instance"]["accuracy"]) == 5
    )
    assert "by_instance" not in evaluated(call, snail_run, "--tasks", "4")
    table = " ".join(call("evaluate", snail_run, "--tasks", "4", "--instances").out.split())
    assert "snail, 3-way 2-shot, by instance" in table
    refused(
        call("evaluate", reptile_run, "--instances"),
        "reptile takes the support set as a whole",
        "leave out --instances",
    )
    refused(call("evaluate", sine_reader, "--instances"), "tasks must have classes, got regression tasks")
