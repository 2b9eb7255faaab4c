"""Tables of the user, from the command line."""

import json
from pathlib import Path

import pytest

from tokay.cli.main import main

from ..tasks.tables import patients, species, write_table
from .helpers import Call, refused

FEW_STEPS = ("--steps", "2", "--validate-every", "2", "--validation-tasks", "2", "--hidden", "8")
PATIENTS = ("--task", "patient", "--target", "score", "--shots", "4", "--queries", "3")


SMALL = ("--ways", "2", "--shots", "2", "--queries", "2")


def train(call: Call, method: str, file: str, out: Path, *flags: str) -> str:
    result = call("train", method, "table", "--file", file, "--out", out, *FEW_STEPS, *flags)
    assert result.code == 0, result.err
    return result.err


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write_table(tmp_path, patients())


@pytest.fixture
def run(file: str, tmp_path: Path, call: Call) -> Path:
    train(call, "maml", file, tmp_path / "run", *PATIENTS)
    return tmp_path / "run"


def test_train_says_what_it_read(call: Call, file: str, tmp_path: Path) -> None:
    text = train(
        call, "protonet", write_table(tmp_path, species(), "s.csv"), tmp_path / "s", "--target", "species", *SMALL
    )
    assert f"table: 6 training, 2 validation and 2 test classes in {tmp_path / 's.csv'}; target species (classi" in text
    text = train(call, "reptile", file, tmp_path / "p", *PATIENTS, "--order-by", "day")
    assert (
        f"table: 6 training, 2 validation and 2 test tasks (patient) in {file}; target score (regression), 6 in" in text
    )


def test_the_run_states_its_division(call: Call, run: Path) -> None:
    settings = json.loads((run / "run.json").read_text())["source"]
    assert (settings["kind"], settings["task"], settings["target"]) == ("regression", "patient", "score")
    record = json.loads((run / "data.json").read_text())
    assert sorted(name for split in ("train", "validation", "test") for name in record[split]) == [
        f"p{number}" for number in range(10)
    ]


def test_evaluate_shows_units_and_what_to_beat(call: Call, run: Path) -> None:
    result = call("evaluate", run, "--seen-tasks", "3")
    assert result.code == 0, result.err
    text = " ".join(result.out.split())
    assert "2 unseen tasks" in text
    assert "mae in score" in text
    assert "To beat: the mean of the support targets of each task, mae in score" in text
    scores = json.loads(call("evaluate", run, "--seen-tasks", "0", "--json").out)
    assert scores["unit"] == "score"
    assert scores["tasks"] == 2
    assert scores["rmse"]["mean"] >= scores["mae"]["mean"] > 1  # the score has a spread of 10
    assert scores["support_mean_mae"]["mean"] > 1
    assert scores["mse"]["mean"] < 20


def test_tasks_too_small_for_other_sizes(call: Call, tmp_path: Path) -> None:
    frame = patients()
    part = frame["patient"].map({"p0": "test", "p1": "test", "p2": "test"}).fillna("train")
    file = write_table(tmp_path, frame.assign(part=part)[(frame["patient"] != "p1") | (frame["day"] < 8)])
    train(call, "maml", file, tmp_path / "run", *PATIENTS, "--split", "part")
    result = call("evaluate", tmp_path / "run", "--shots", "8", "--seen-tasks", "0")
    assert result.code == 0, result.err
    assert "table: left out 1 of 3 test tasks, with fewer than 11 rows (p1 8)\n" in result.err
    result = call("evaluate", tmp_path / "run", "--shots", "20", "--seen-tasks", "0")
    refused(result, "table (test): 20 shots + 3 queries need 23 rows in a task, the largest of 3 tasks has 12.")


def test_a_plot_has_no_picture_of_a_task(call: Call, run: Path) -> None:
    result = call("plot", run, "--tasks", "2")
    assert result.code == 0, result.err
    assert "inputs (6,) are no picture and no curve, so there is no episodes.png." in result.err
    assert (run / "adaptation.png").is_file()


def test_adapt_refuses_in_one_line(call: Call, run: Path, tmp_path: Path) -> None:
    refused(call("adapt", run, "--support", tmp_path, "--query", tmp_path), "must be a file, it is a folder")


def test_compare_has_errors_in_units(call: Call, file: str, run: Path, tmp_path: Path) -> None:
    train(call, "anil", file, tmp_path / "anil", *PATIENTS)
    result = call("compare", run, tmp_path / "anil")
    assert result.code == 0, result.err
    assert "4-point, mean absolute error in score: maml " in result.out
    columns = json.loads(call("compare", run, tmp_path / "anil", "--json").out)["columns"]
    assert [(row["unit"], set(row["mae"])) for row in columns[0]["runs"]] == [("score", {"mean", "ci95", "median"})] * 2


def test_resume_and_new_patients(call: Call, file: str, run: Path) -> None:
    record = (run / "data.json").read_text()
    write_table(Path(file).parent, patients(13))
    result = call("evaluate", run, "--seen-tasks", "0", "--new-classes")
    assert "3 tasks are new (p10, p11, p12). The run keeps its division of the tasks." in result.err
    assert "5 unseen tasks" in " ".join(result.out.split())
    result = call("train", "--resume", run, "--steps", "4")
    assert result.code == 0, result.err
    assert (run / "data.json").read_text() == record
    frame = patients(10)
    write_table(Path(file).parent, frame[~frame["patient"].isin(list(json.loads(record)["train"])[:2])])
    result = call("train", "--resume", run, "--steps", "6")
    refused(result, "--resume needs the training and validation data", "2 training tasks are gone")


def test_the_kind_may_be_said(call: Call, tmp_path: Path) -> None:
    frame = patients(rows=20)
    file = write_table(tmp_path, frame.assign(score=(frame["score"] > 50).astype(int)))
    assert "(classification)" in train(
        call, "protonet", file, tmp_path / "a", *PATIENTS[:4], "--shots", "2", "--queries", "2"
    )
    flags = ("--kind", "regression")
    assert "(regression)" in train(call, "maml", file, tmp_path / "b", *PATIENTS, *flags)
    refused(
        call("train", "protonet", "table", "--file", file, *PATIENTS, *flags, "--out", tmp_path / "c"),
        "protonet learns classification, got regression tasks",
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), "--file"),
        (("--file", "FILE", "--target", "scor", "--task", "patient"), "has no column scor. Did you mean score?"),
        (("--file", "FILE", "--target", "score"), "score holds numbers, so it must have --task"),
        (("--file", "gone.csv", "--target", "score"), "gone.csv cannot be read (No such file or directory)"),
        (("--file", "FILE", "--taget", "score"), "has no flag --taget. Did you mean --target?"),
        (("--file", "FILE", "--target", "score", "--task", "patient", "--shots", "50"), "need 60 rows in a task"),
        (("--file", "FILE", "--target", "score", "--task", "patient", "--ways", "2"), "has no flag --ways"),
    ],
)
def test_bad_flags_are_one_line(call: Call, file: str, tmp_path: Path, flags: tuple[str, ...], expected: str) -> None:
    words = [file if word == "FILE" else word for word in flags]
    refused(call("train", "maml", "table", *words, "--out", tmp_path / "x"), expected)
    assert not (tmp_path / "x").exists()


def test_another_source_must_be_of_the_same_kind(call: Call, run: Path, tmp_path: Path) -> None:
    other = write_table(tmp_path, species(), "s.csv")
    refused(call("evaluate", run, "--on", f"table --file {other} --target species"), "must name a source of regression")


def test_the_help_lists_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "maml", "table", "--help"])
    text = capsys.readouterr().out
    for flag in ("--file", "--order-by", "--test-rows", "--columns", "--ways"):
        assert flag in text
