"""What a run must beat, as ``tokay evaluate`` prints it; and every command on a run on ratings."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..tasks.rating_files import ratings, write_films, write_ratings
from .helpers import Call, refused

pytest.importorskip("pandas")

SIZES = ("--shots", "3", "--queries", "3", "--train-shots", "3", "--train-queries", "3", "--meta-batch", "4")
SMALL = ("--buckets", "64", "--vector", "4", "--layers", "8", "--steps", "4", "--validate-every", "2")
FEW = ("--seen-tasks", "2")


@pytest.fixture
def flags(tmp_path: Path) -> list[Any]:
    """The files of a small source, with new items."""
    files = ["--file", write_ratings(tmp_path), "--items", write_films(tmp_path)]
    return ["ratings", *files, "--history", "4", "--new-items", "0.3", "--test", "0.4", *SIZES, *SMALL]


@pytest.fixture
def run(call: Call, flags: list[Any], tmp_path: Path) -> Path:
    """ANIL, four steps."""
    result = call("train", "anil", *flags, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "ratings: 9 training, 3 validation and 8 test users, 17 old and 7 new items in " in result.err
    return tmp_path / "run"


def test_the_lines_to_beat(call: Call, run: Path) -> None:
    score = call("evaluate", run, *FEW)
    assert score.code == 0, score.err
    text = " ".join(score.out.split())
    assert "To beat: the mean of the support targets of each task, mae in rating " in text
    assert "To beat: the queries of each task in random order, ndcg@5 0." in text
    assert "mae in rating" in text


def test_json(call: Call, run: Path) -> None:
    report = json.loads(call("evaluate", run, *FEW, "--json").out)
    assert {"mae", "rmse", "ndcg@5", "support_mean_mae", "random_ndcg@5"} <= set(report)
    assert 0 < report["random_ndcg@5"]["mean"] < 1
    assert report["unit"] == "rating"


def test_too_few_candidates(call: Call, flags: list[Any], tmp_path: Path) -> None:
    new = (*flags, "--setting", "both-new", "--queries", "2", "--new-items", "0.25")
    assert call("train", "anil", *new, "--out", tmp_path / "run").code == 0
    score = call("evaluate", tmp_path / "run", *FEW)
    assert "a task has too few queries to rank, so there is no NDCG. Ask for more with --queries." in " ".join(
        score.err.split()
    )
    assert "ndcg" not in score.out


def test_every_command_takes_a_run_on_ratings(call: Call, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    comparison = call("compare", run, tmp_path / "copy")
    assert comparison.code == 0, comparison.err
    plot = call("plot", run, "--tasks", "2")
    assert plot.code == 0, plot.err
    resumed = call("train", "--resume", run, "--steps", "6")
    assert resumed.code == 0, resumed.err


def test_changed_ratings_are_told(call: Call, run: Path, tmp_path: Path) -> None:
    record = json.loads((run / "data.json").read_text(encoding="utf-8"))
    test_user = next(name for name in record["test"] if name.startswith("user")).removeprefix("user ")
    rows = [*ratings(), (test_user, "brand new", 3.0, 99)]
    write_ratings(tmp_path, rows)
    score = call("evaluate", run, *FEW)
    assert score.code == 0, score.err
    assert f"1 test name differs (user {test_user}), 1 name is new (item brand new)" in " ".join(score.err.split())


def test_bad_input_is_one_line(call: Call, flags: list[Any], tmp_path: Path) -> None:
    train = ("train", "anil", *flags, "--out", tmp_path / "run")
    refused(call(*train, "--rating", "ratin"), "has no column ratin. Did you mean rating?")
    refused(call(*train, "--file", tmp_path / "gone.dat"), "cannot be read (No such file or directory)")
    refused(call(*train, "--rating-range", "2", "5"), "ratings must be from 2 to 5 (--rating-range)")
    refused(call(*train, "--network", "mlp"), "")
