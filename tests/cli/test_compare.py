"""``tokay compare``: the same tasks for all, and paired differences."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

import tokay
from tokay.cli.adaptation_report import adaptation_json
from tokay.cli.output import stdout
from tokay.evaluation.adaptation_speed import adaptation
from tokay.figures import adaptation as adaptation_figures, style
from tokay.runs.checkpoint import load_model
from tokay.runs.settings import read

from .helpers import SMALL, Call, quietly, refused


@pytest.fixture(scope="module")
def other_waves(runs: Path) -> Path:
    out = runs / "other-waves"
    quietly("train", "scratch", "sinusoid", "--variant", "reptile", "--out", out)
    return out


def test_json(call: Call, sine_run: Path, sine_rival: Path) -> None:
    result = call("compare", sine_run, sine_rival, "--tasks", "30", "--seed", "3", "--json")
    assert result.code == 0
    (column,) = json.loads(result.out)["columns"]
    fixed = {"source": "sinusoid", "ways": 1, "shots": 10, "queries": 10, "tasks": 30, "seed": 3, "measure": "mse"}
    assert {name: column[name] for name in fixed} == fixed
    assert set(column) == {*fixed, "runs", "differences_to_last"}
    assert [(run["run"], run["algorithm"]) for run in column["runs"]] == [
        (str(sine_run), "maml"),
        (str(sine_rival), "scratch"),
    ]

    expected = []
    for path in (sine_run, sine_rival):
        run, net = load_model(path)
        expected.append(tokay.evaluate(run.algorithm, net, run.tasks("test"), tasks=30, seed=3))
    for row, evaluation in zip(column["runs"], expected, strict=True):
        assert row["mse"] == {
            "mean": evaluation["mse"].mean,
            "ci95": evaluation["mse"].ci95,
            "median": evaluation["mse"].median,
        }
        assert row["transductive"] is False
        assert set(row) == {"run", "algorithm", "cost", "transductive", "mse"}
    difference = tokay.paired_difference(expected[0].per_task["mse"], expected[1].per_task["mse"])
    (row,) = column["differences_to_last"]
    assert row == {"run": str(sine_run), "mean": difference.mean, "ci95": difference.ci95}


def test_several_shots_are_several_columns(call: Call, sine_run: Path, sine_rival: Path) -> None:
    result = call("compare", sine_run, sine_rival, "--tasks", "2", "--shots", "3", "7", "--queries", "4", "--json")
    columns = json.loads(result.out)["columns"]
    assert [(column["shots"], column["queries"]) for column in columns] == [(3, 4), (7, 4)]


def test_table_of_methods_of_any_kind(call: Call, reptile_run: Path, proto_run: Path) -> None:
    result = call("compare", reptile_run, proto_run, "--tasks", "2")
    assert result.code == 0
    for words in (
        "reptile",
        str(reptile_run),
        "protonet",
        str(proto_run),
        "3-way 2-shot",
        "minus protonet",
        "per cent",
    ):
        assert words in result.out
    assert "Transductive" in result.out
    assert "Transductive" not in call("compare", reptile_run, proto_run, "--tasks", "2", "--inductive").out


def test_a_narrow_screen_shows_the_whole_path_of_a_run(
    call: Call, reptile_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 columns, two runs of one method with paths of 60 characters: no path is cut or folded, no number is cut."""
    monkeypatch.chdir(tmp_path)
    paths = [Path(name * (60 // len(name))) for name in ("abcdef", "uvwxyz")]
    for path in paths:
        shutil.copytree(reptile_run, path)
        assert len(str(path)) == 60
    monkeypatch.setattr(stdout, "_width", 80)
    result = call("compare", *paths, "--tasks", "2", "--adaptation")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert [line for line in lines if ": " in line and line.startswith("reptile (")] == [
        f"reptile (1): {paths[0]}",
        f"reptile (2): {paths[1]}",
    ]
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in result.out
    assert result.out.count("reptile (2)") >= 3  # a row in each table, the reference of the differences, the path


def test_names_are_shown_as_they_are(call: Call, sine_rival: Path, tmp_path: Path) -> None:
    odd = tmp_path / "[bold]a[/bold]"
    quietly("train", "scratch", "sinusoid", "--out", odd)
    result = call("compare", odd, sine_rival, "--tasks", "2")
    assert result.code == 0
    assert "[bold]a[/bold]" in result.out


def test_bad_words(call: Call, sine_run: Path, sine_rival: Path, reptile_run: Path, proto_run: Path) -> None:
    refused(call("compare"), "two or more", "got 0")
    refused(call("compare", sine_run), "two or more", "got 1")
    refused(call("compare", sine_run, sine_run), str(sine_run), "more than once")
    refused(call("compare", sine_run, sine_rival, sine_run / ".." / sine_run.name), "more than once")
    refused(call("compare", sine_run, sine_run.parent), str(sine_run.parent), "no run folder")
    refused(call("compare", sine_run, sine_rival, "--plot", "a.jpg"), "a.jpg", ".png, .pdf, .svg")
    refused(call("compare", sine_run, sine_rival, "--on", "'gp"), "--on cannot be read (no closing quotation)")
    refused(call("compare", sine_run, sine_rival, "--tasks", "1"), "at least 2", "got 1")
    refused(call("compare", sine_run, sine_rival, "--runs", "x"), "has no flag --runs.")
    refused(call("compare", proto_run, reptile_run, "--ways", "4"), "reptile", "3 ways", "got 4")


def test_runs_of_different_sources(call: Call, sine_run: Path, reptile_run: Path, other_waves: Path) -> None:
    refused(call("compare", sine_run, reptile_run), "one source", "Sinusoid(", "Glyphs(")
    refused(
        call("compare", sine_run, other_waves), "one source", "variant='maml'", "variant='reptile'", "--on sinusoid"
    )
    result = call("compare", sine_run, other_waves, "--on", "sinusoid", "--tasks", "2")
    assert result.code == 0, result.err  # as the message says


def test_the_first_run_decides_the_sizes(call: Call, sine_run: Path, tmp_path: Path) -> None:
    words = ("train", "scratch", "sinusoid", "--shots", "3", "--queries", "5")
    quietly(*words, "--out", tmp_path / "small", *SMALL[:2])
    result = call("compare", tmp_path / "small", sine_run, "--tasks", "2", "--json")
    assert json.loads(result.out)["columns"][0]["shots"] == 3


def test_how_fast_they_adapt(call: Call, reptile_run: Path, proto_run: Path) -> None:
    """The numbers are those of the library for each run on the same tasks."""
    words = ("--tasks", "4", "--seed", "2", "--adaptation", "--reach", "0.3")
    (column,) = json.loads(call("compare", reptile_run, proto_run, *words, "--json").out)["columns"]
    for row in column["runs"]:
        run, net = load_model(Path(row["run"]))
        evaluation = tokay.evaluate(run.algorithm, net, run.tasks("test"), tasks=4, seed=2)
        assert row["adaptation"] == adaptation_json(adaptation(evaluation, reach=0.3))
        assert row["cost"] == {"family": run.algorithm.cost.family, "formula": run.algorithm.cost.formula}
    result = call("compare", reptile_run, proto_run, *words)
    assert result.code == 0
    for expected in ("performance-based", "feed-forward", "to 30 %", "settle", "How fast they adapt"):
        assert expected in result.out


def test_errors_have_no_default_reach(call: Call, sine_run: Path, sine_rival: Path) -> None:
    result = call("compare", sine_run, sine_rival, "--tasks", "2", "--adaptation")
    assert result.code == 0
    assert "to 30 %" not in result.out
    assert "never" not in result.out.partition("How fast")[2]


def test_the_curves_in_one_picture(call: Call, reptile_run: Path, proto_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "curves.png"
    result = call("compare", reptile_run, proto_run, "--tasks", "2", "--plot", file)
    assert result.code == 0
    assert f"Drew {file}" in result.err
    with Image.open(file) as image:
        image.load()
        assert min(image.size) > 300
    refused(
        call("compare", reptile_run, proto_run, "--tasks", "2", "--plot", tmp_path / "no" / "a.png"),
        "folder of --plot",
        "must exist",
    )


def test_the_suffix_of_the_plot_decides_its_format(
    call: Call, sine_run: Path, sine_rival: Path, tmp_path: Path
) -> None:
    for name, start in (("a.pdf", b"%PDF"), ("a.svg", b"<?xml")):
        assert call("compare", sine_run, sine_rival, "--tasks", "2", "--plot", tmp_path / name).code == 0
        assert (tmp_path / name).read_bytes().startswith(start)


def test_the_plot_takes_any_name_of_a_run(call: Call, sine_rival: Path, tmp_path: Path) -> None:
    odd = shutil.copytree(sine_rival, tmp_path / r"$\foo$")
    result = call("compare", odd, sine_rival, "--tasks", "2", "--plot", tmp_path / "a.png")
    assert result.code == 0, result.err


def test_the_plot_names_the_split(call: Call, proto_run: Path, reptile_run: Path, tmp_path: Path) -> None:
    words = ("--tasks", "2", "--split", "validation", "--plot", tmp_path / "a.svg")
    titles = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation_figures, "adaptation_figure", lambda curves, title, **_: titles.append(title))
        patch.setattr(style, "write_figure", lambda path, figure: None)
        assert call("compare", proto_run, reptile_run, *words).code == 0
    assert titles == ["glyphs: 2 validation 3-way 2-shot tasks, the same for all"]


def test_the_differences_name_their_run(call: Call, reptile_run: Path, proto_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(reptile_run, tmp_path / "copy")
    out = call("compare", reptile_run, proto_run, copy, "--tasks", "2").out
    assert "Differences are to reptile (3), the last run" in out
    assert f"reptile (3): {copy}" in out


def test_help_shows_no_empty_default(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call("compare", "--help")
    text = capsys.readouterr().out
    assert "(default: )" not in text
    assert "two or more run folders" in text


def test_runs_that_differ_in_their_seed(call: Call, tmp_path: Path) -> None:
    """The interval over seeds stands beside that over tasks."""
    result = call(
        "train", "maml", "sinusoid", "--steps", "2", "--seeds", "3", "--seed", "5", "--out", tmp_path / "runs"
    )
    assert result.code == 0, result.err
    places = [tmp_path / "runs" / f"seed-{seed}" for seed in (5, 6, 7)]
    assert f"3 runs. Afterwards: tokay compare {places[0]} {places[1]} {places[2]}" in result.err
    assert [read(place)[0].fit.seed for place in places] == [5, 6, 7]
    text = " ".join(call("compare", *places, "--tasks", "4").out.split())
    assert "maml, 10-point, over 3 seeds: " in text
    assert "95% interval over seeds; over tasks" in text
    column = json.loads(call("compare", *places, "--tasks", "4", "--json").out)["columns"][0]
    (group,) = column["over_seeds"]
    assert group["runs"] == [str(place) for place in places]
    assert group["mean"] == pytest.approx(sum(run["mse"]["mean"] for run in column["runs"]) / 3)
    result = call(
        "train", "maml", "sinusoid", "--steps", "2", "--seeds", "2", "--seed", "4", "--out", tmp_path / "runs"
    )
    refused(result, f"{places[0]}: already exists")
    assert not (tmp_path / "runs" / "seed-4").exists(), "places are checked first"
    refused(
        call("train", "maml", "sinusoid", "--seeds", "0", "--out", tmp_path / "x"), "--seeds must be at least 1, got 0"
    )
