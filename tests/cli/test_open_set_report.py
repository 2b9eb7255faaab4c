"""``tokay evaluate --open-set``."""

import json
from pathlib import Path

import pytest

from ..tasks.tables import patients, write_table
from .helpers import Call, refused

FEW = ("--tasks", "30", "--seen-tasks", "0", "--inductive-tasks", "0")


def test_auroc_is_printed(call: Call, proto_run: Path) -> None:
    result = call("evaluate", proto_run, *FEW, "--open-set")
    assert result.code == 0, result.err
    report = json.loads(call("evaluate", proto_run, *FEW, "--open-set", "--json").out)["open_set"]
    assert (report["tasks"], report["known_ways"], report["unknown_ways"]) == (30, 3, 3)
    assert 0.5 < report["auroc"]["mean"] <= 1
    score = f"{report['auroc']['mean']:.4f} ± {report['auroc']['ci95']:.4f}"
    assert (
        f"Open set: AUROC {score} over 30 tasks, queries of 3 classes in the support set against 3 others" in result.out
    )
    assert "open_set" not in json.loads(call("evaluate", proto_run, *FEW, "--json").out)


def test_sizes_are_those_of_the_flags(call: Call, proto_run: Path) -> None:
    words = (*FEW, "--open-set", "--json", "--ways", "4", "--split", "validation", "--seed", "1")
    report = json.loads(call("evaluate", proto_run, *words).out)["open_set"]
    assert report["known_ways"] == 4


def test_tasks_with_the_same_classes_are_refused(call: Call, tmp_path: Path, sine_run: Path) -> None:
    refused(call("evaluate", sine_run, *FEW, "--open-set"), "a task must draw its classes from many, those of sinusoid")
    frame = patients()
    file = write_table(tmp_path, frame.assign(score=frame["score"] > 50))
    words = (
        "--task",
        "patient",
        "--target",
        "score",
        "--shots",
        "1",
        "--queries",
        "1",
        "--steps",
        "1",
        "--hidden",
        "4",
    )
    result = call(
        "train", "protonet", "table", "--file", file, *words, "--validate-every", "0", "--out", tmp_path / "run"
    )
    assert result.code == 0, result.err
    refused(
        call("evaluate", tmp_path / "run", *FEW, "--open-set"), "those of table have no classes, or always the same"
    )


@pytest.mark.parametrize("method", ["reptile_run", "snail_run"])
def test_methods_with_a_fixed_number_of_classes(call: Call, method: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(method)
    report = json.loads(call("evaluate", run, *FEW[2:], "--tasks", "3", "--open-set", "--json").out)["open_set"]
    assert report["known_ways"] == 3
