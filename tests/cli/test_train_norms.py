"""``--norm`` of the convolutional networks."""

import json
from pathlib import Path

from .helpers import Call


def test_command_line(tmp_path: Path, call: Call) -> None:
    words = ("glyphs", "--size", "16", "--filters", "3", "--ways", "2", "--steps", "1")
    for norm in ("running", "task", "none"):
        result = call("train", "protonet", *words, "--norm", norm, "--out", tmp_path / norm)
        assert result.code == 0, result.err
        result = call("evaluate", tmp_path / norm, "--tasks", "2", "--seen-tasks", "0")
        assert result.code == 0, result.err
        assert json.loads((tmp_path / norm / "run.json").read_text())["network"]["norm"] == norm


def test_methods_that_read_in_order_refuse_it(tmp_path: Path, call: Call) -> None:
    words = ("--network", "conv4", "--filters", "3", "--ways", "2", "--steps", "1", "--out", tmp_path / "run")
    result = call("train", "lstm", "glyphs", "--size", "16", *words, "--norm", "task")
    assert result.code == 2
    assert "lstm: a row must not depend on later rows" in result.err
