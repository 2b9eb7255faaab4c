"""The commands of README.md in order, each in a process of its own."""

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
    result = program("train", "reptile", "glyphs", "--out", runs / "reptile", "--test-steps", "2", *common)
    assert (result.code, result.out) == (0, ""), result.err
    assert f"Next: tokay evaluate {runs / 'reptile'}" in result.err

    result = program("evaluate", runs / "reptile", "--tasks", "3", "--json")
    assert result.code == 0, result.err
    score = json.loads(result.out)["accuracy"]

    result = program("compare", runs / "reptile", runs / "protonet", "--tasks", "3", "--json")
    assert result.code == 0, result.err
    (column,) = json.loads(result.out)["columns"]
    assert column["runs"][0]["accuracy"] == score

    letters = write_letters(tmp_path / "letters", classes=3, files=3)
    result = program("adapt", runs / "reptile", "--support", letters, "--query", letters / "c1", "--json")
    assert result.code == 0, result.err
    assert len(json.loads(result.out)["predictions"]) == 3
    refused(program("adapt", runs / "reptile", "--support", tmp_path, "--query", letters / "c1"), str(tmp_path))

    result = program("plot", runs / "reptile", "--tasks", "2", DISPLAY="")
    assert result.code == 0, result.err
    assert [Path(line).name for line in result.out.splitlines()] == ["training.png", "adaptation.png", "episodes.png"]

    result = program("train", "--resume", runs / "reptile")
    assert result.code == 0, result.err
    assert "complete, all 3 steps" in result.err
