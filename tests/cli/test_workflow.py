"""From nothing to labels, each command a process of its own, as README.md has it."""

import json
from pathlib import Path

import pytest

from .helpers import SMALL, program, quietly, refused, write_letters


@pytest.mark.slow
def test_train_evaluate_compare_adapt_plot_list(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    sizes = ("--ways", "3", "--shots", "2", "--queries", "3", "--filters", "4")
    common = ("--steps", "3", *sizes, *SMALL)
    quietly("train", "protonet", "glyphs", "--out", runs / "protonet", "--train-ways", "4", *common)  # for compare
    done = program("train", "reptile", "glyphs", "--out", runs / "reptile", "--test-steps", "2", *common)
    assert (done.code, done.out) == (0, ""), done.err
    assert f"Next: tokay evaluate {runs / 'reptile'}" in done.err

    done = program("evaluate", runs / "reptile", "--tasks", "3", "--json")
    assert done.code == 0, done.err
    score = json.loads(done.out)["accuracy"]

    done = program("compare", runs / "reptile", runs / "protonet", "--tasks", "3", "--json")
    assert done.code == 0, done.err
    (column,) = json.loads(done.out)["columns"]
    assert column["runs"][0]["accuracy"] == score

    letters = write_letters(tmp_path / "letters", classes=3, files=3)
    done = program("adapt", runs / "reptile", "--support", letters, "--query", letters / "c1", "--json")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["predictions"]) == 3
    refused(program("adapt", runs / "reptile", "--support", tmp_path, "--query", letters / "c1"), str(tmp_path))

    done = program("plot", runs / "reptile", "--tasks", "2", DISPLAY="")
    assert done.code == 0, done.err
    assert [Path(line).name for line in done.out.splitlines()] == ["training.png", "adaptation.png", "episodes.png"]

    done = program("train", "--resume", runs / "reptile")
    assert done.code == 0, done.err
    assert "complete, all 3 steps" in done.err
