"""The commands on a source with a fixed list of test tasks: the one-shot runs of Omniglot, with noise for drawings."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tokay import Sizes
from tokay.runs.settings import read
from tokay.tasks import ClassPool, omniglot_runs

from .helpers import Call, refused

SMALL = ("--size", "16", "--filters", "2", "--steps", "1", "--validation-tasks", "2", "--train-queries", "1")


@pytest.fixture(autouse=True)
def _noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine background alphabets of 20 to 28 characters, and the 20 runs."""
    names = tuple(f"background/{a}/character{c:02d}" for a in range(9) for c in range(20 + a))
    characters = ClassPool(_drawings(len(names) * 2), torch.full((len(names),), 2), names)
    runs = tuple(f"run{r:02d}/class{k:02d}/item{21 - k:02d}" for r in range(20) for k in range(1, 21))
    drawings = ClassPool(_drawings(800), torch.full((400,), 2), runs)
    monkeypatch.setattr(omniglot_runs, "characters", lambda size: characters)
    monkeypatch.setattr(omniglot_runs, "run_drawings", lambda size: drawings)


def _drawings(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n)
    return torch.randint(256, (n, 1, 16, 16), generator=generator, dtype=torch.uint8)


def untouched(*arguments: Any) -> Any:
    pytest.fail("a method that does not train needs no training data")


def test_sizes_need_not_be_given(call: Call, tmp_path: Path) -> None:
    """Test tasks have the sizes of the runs. Training tasks have as many ways as half of the four training alphabets hold."""
    assert call("train", "protonet", "omniglot-runs", *SMALL, "--out", tmp_path / "run").code == 0
    run, _ = read(tmp_path / "run")
    assert run.test == Sizes(ways=20, shots=1, queries=1)
    alphabets = {name.split("/")[1] for name in run.source.tasks("train", Sizes(ways=1, queries=1)).pool.names}  # type: ignore[attr-defined]
    assert len(alphabets) == 4
    assert sum(20 + int(alphabet) >= run.train.ways for alphabet in alphabets) == 2
    other = call("train", "protonet", "omniglot-runs", *SMALL, "--out", tmp_path / "other", "--ways", "5")
    refused(other, "omniglot-runs (test)", "got 5 ways")


def test_evaluate_scores_each_once_and_says_so(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert call("train", "protonet", "omniglot-runs", *SMALL, "--out", out).code == 0
    results = [call("evaluate", out, "--seed", seed, "--seen-tasks", "2", "--json") for seed in ("0", "1")]
    assert [result.code for result in results] == [0, 0]
    assert "omniglot-runs: has only 20 such tasks; each is scored once." in results[0].err
    assert "20/20" in results[0].err
    reports = [json.loads(result.out) for result in results]
    assert [scores["tasks"] for scores in reports] == [20, 20]
    assert reports[0]["accuracy"] == reports[1]["accuracy"]
    other = call("evaluate", out, "--tasks", "20", "--seen-tasks", "0", "--json")
    assert "such tasks" not in other.err
    assert json.loads(other.out)["accuracy"] == reports[0]["accuracy"]
    refused(call("evaluate", out, "--queries", "5"), "omniglot-runs (test)", "1 shot and 1 query per class")


def test_the_title_of_a_comparison_has_the_number_of_scored_tasks(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(omniglot_runs, "characters", untouched)
    for name in ("nearest", "hausdorff"):
        assert call("train", name, "omniglot-runs", "--size", "16", "--out", tmp_path / name).code == 0
    result = call("compare", tmp_path / "nearest", tmp_path / "hausdorff")
    assert "omniglot-runs: 20 unseen tasks" in result.out
    data = json.loads(call("compare", tmp_path / "nearest", tmp_path / "hausdorff", "--json").out)
    assert data["columns"][0]["tasks"] == 20


def test_a_method_that_does_not_train_has_no_gap(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(omniglot_runs, "characters", untouched)
    assert call("train", "nearest", "omniglot-runs", "--size", "16", "--out", tmp_path / "run").code == 0
    result = call("evaluate", tmp_path / "run", "--json")
    assert result.code == 0
    assert json.loads(result.out)["adaptation"]["gap"] is None


def test_plot(call: Call, tmp_path: Path) -> None:
    assert call("train", "nearest", "omniglot-runs", "--size", "16", "--out", tmp_path / "run").code == 0
    assert call("plot", tmp_path / "run").code == 0
    assert (tmp_path / "run" / "episodes.png").exists()
