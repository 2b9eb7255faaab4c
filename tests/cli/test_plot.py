"""``tokay plot``: the pictures it draws, their tasks, and its messages."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tokay.cli import plot
from tokay.evaluation.evaluate import evaluate
from tokay.runs.checkpoint import load_model
from tokay.runs.log import read_log

from .helpers import Call, quietly, refused

ALL = ("training", "adaptation", "episodes")


def pictures(run: Path) -> set[str]:
    return {file.stem for file in run.glob("*.png")}


@pytest.mark.parametrize("kind", ["reptile_run", "proto_run", "sine_run", "gp_run", "completion_run"])
def test_draws_three_pictures_and_prints_their_paths(
    call: Call, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    run = shutil.copytree(request.getfixturevalue(kind), tmp_path / "run")
    result = call("plot", run, "--tasks", "3")
    assert result.code == 0, result.err
    assert result.out.splitlines() == [str(run / f"{name}.png") for name in ALL]
    for name in ALL:
        with Image.open(run / f"{name}.png") as image:
            image.load()
            assert min(image.size) > 300
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20
    assert not list(run.glob(".*"))


def test_a_run_that_never_trained_has_no_training_picture(call: Call, sine_rival: Path, tmp_path: Path) -> None:
    run = shutil.copytree(sine_rival, tmp_path / "run")
    result = call("plot", run, "--tasks", "2")
    assert result.code == 0
    assert pictures(run) == {"adaptation", "episodes"}
    assert "no logged steps" in result.err


def test_tasks_and_seed_are_those_of_evaluate(
    call: Call, sine_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {}

    def adaptation(curves: Any, title: str, *, chance: float | None) -> Any:
        arguments.update(curves=curves, title=title, chance=chance)
        return plot.training_figure([{"step": 1, "loss": 1.0, "mse": 1.0}], "")

    monkeypatch.setattr(plot, "adaptation_figure", adaptation)
    run = shutil.copytree(sine_run, tmp_path / "run")
    assert call("plot", run, "--tasks", "4", "--seed", "9", "--seen-tasks", "3").code == 0
    trained, net = load_model(run)
    expected = evaluate(trained.algorithm, net, trained.tasks("test"), tasks=4, seed=9)
    unseen, training = arguments["curves"].values()
    assert unseen.curve == expected.curve
    second = evaluate(trained.algorithm, net, trained.source.tasks("train", trained.test), tasks=3, seed=9)
    assert training.curve == second.curve
    assert arguments["chance"] is None
    assert arguments["title"] == "maml on sinusoid: 4 unseen 10-point tasks (inductive)"


def test_titles_say_what_was_measured(
    call: Call, reptile_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = []

    def note(path: Path, figure: Any) -> None:
        titles.append(figure.get_suptitle())

    monkeypatch.setattr(plot, "write_figure", note)
    assert call("plot", reptile_run, "--tasks", "2").code == 0
    training, adaptation, episode = titles
    assert training == "reptile on glyphs: meta-training"
    assert adaptation == "reptile on glyphs: 2 unseen 3-way 2-shot tasks (transductive)"
    first, second, score = episode.splitlines()
    assert first == "reptile on glyphs: one unseen 3-way 2-shot task (transductive),"
    assert second == "the one with the median loss of 25"
    assert score.endswith("of 12 right")


def test_titles_name_a_range_of_sizes(
    call: Call, gp_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = []
    monkeypatch.setattr(plot, "write_figure", lambda path, figure: titles.append(figure.get_suptitle()))
    assert call("plot", gp_run, "--tasks", "2").code == 0
    assert titles[1:] == [
        "cnp on gp: 2 unseen 3-to-10-point tasks (inductive)",
        "cnp on gp: one unseen 3-to-10-point task (inductive),\nthe one with the median loss of 25",
    ]


def test_the_episode_is_unseen_and_the_seed_decides_it(sine_run: Path, reptile_run: Path) -> None:
    import torch

    device = torch.device("cpu")
    episode, again, other = (plot._predict_one_task(sine_run, seed, device) for seed in (0, 0, 1))
    task = episode.task
    assert torch.equal(task.query.x, again.task.query.x)
    assert not torch.equal(task.query.x, other.task.query.x)
    assert episode.initial is not None
    assert (episode.std, episode.names) == (None, None)
    assert episode.initial.shape == episode.adapted.shape == task.query.y.shape == (50, 1)
    run, net = load_model(sine_run)
    torch.testing.assert_close(episode.initial, net(task.query.x).detach())
    state = run.algorithm.at_test().adapt(net, task.support)
    torch.testing.assert_close(episode.adapted, run.algorithm.predict(net, state, task.query.x).detach())
    letters = plot._predict_one_task(reptile_run, 0, device)
    assert letters.task.query.x.shape == (12, 1, 28, 28)
    assert letters.adapted.shape == (12, 3)


def test_the_episode_is_a_typical_one(sine_run: Path) -> None:
    """Its loss is the median of the first 25 tasks: twelve are better and twelve are worse."""
    import torch

    episode = plot._predict_one_task(sine_run, 3, torch.device("cpu"))
    run, net = load_model(sine_run)
    tasks = run.source.tasks("test", replace(run.test, queries=50))
    losses = evaluate(run.algorithm, net, tasks, tasks=25, seed=3).per_task["loss"]
    loss = float((episode.adapted - episode.task.query.y).square().mean())
    assert loss == pytest.approx(float(losses.median()), rel=1e-4)
    assert episode.candidates == 25


def test_the_classes_of_a_picture_folder_have_their_names(call: Call, tmp_path: Path) -> None:
    import torch

    from .helpers import SMALL, write_letters

    root = write_letters(tmp_path / "letters", classes=12, files=4)
    sizes = ("--channels", "grey", "--size", "16", "--filters", "2", "--ways", "2", "--queries", "2")
    quietly("train", "maml", "images", "--root", root, *sizes, "--steps", "1", *SMALL, "--out", tmp_path / "run")
    episode = plot._predict_one_task(tmp_path / "run", 0, torch.device("cpu"))
    names = load_model(tmp_path / "run")[0].tasks("test").pool.names  # type: ignore[attr-defined]
    assert episode.names is not None
    assert set(episode.names) <= set(names)
    assert len(set(episode.names)) == 2
    figure = plot.episode_figure(episode.task, episode.adapted, "what", names=episode.names)
    labels = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert labels == [f"{number}: {name}" for number, name in enumerate(episode.names, start=1)]
    assert call("plot", tmp_path / "run", "--tasks", "2").code == 0


def test_a_plot_clears_what_a_kill_of_the_last_one_left(call: Call, sine_run: Path, tmp_path: Path) -> None:
    """A training that goes on meanwhile keeps its own temporary files."""
    run = shutil.copytree(sine_run, tmp_path / "run")
    for name in (".training.png.999.tmp", ".episodes.png.0.tmp", ".model.safetensors.5.tmp"):
        (run / name).touch()
    assert call("plot", run, "--tasks", "2").code == 0
    assert [file.name for file in run.glob(".*.tmp")] == [".model.safetensors.5.tmp"]


def test_any_name_of_a_run_is_printed_as_it_is(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with the brackets of a markup language, in a message that names it."""
    monkeypatch.chdir(tmp_path)
    quietly("train", "scratch", "quadratic", "--out", "[/q]")
    result = call("plot", "[/q]", "--tasks", "2")
    assert result.code == 0, result.err
    assert "[/q]: inputs" in result.err
    assert "so there is no episodes.png" in result.err


def test_half_a_line_at_the_end_of_the_log_is_left_out(call: Call, sine_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(sine_run, tmp_path / "run")
    with (run / "metrics.jsonl").open("a") as log:
        log.write('{"step": 8, "lo')
    assert [line["step"] for line in read_log(run)] == [2, 4, 6]
    assert call("plot", run, "--tasks", "2").code == 0


def test_bad_words(call: Call, sine_run: Path, tmp_path: Path) -> None:
    refused(call("plot"), "run folder")
    refused(call("plot", tmp_path), "no run folder")
    refused(call("plot", sine_run, "--tasks", "1"), "at least 2", "got 1")
    refused(call("plot", sine_run, "--steps", "1"), "has no flag --steps", "--tasks")
    run = shutil.copytree(sine_run, tmp_path / "run")
    (run / "metrics.jsonl").write_text("gibberish\n")
    refused(call("plot", run), "metrics.jsonl", "JSON")
    assert pictures(sine_run) == pictures(run) == set()


def test_inputs_that_cannot_be_drawn(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    quietly("train", "scratch", "sinusoid", "--out", run)
    settings = json.loads((run / "run.json").read_text())
    monkeypatch.setattr(plot, "_drawable", lambda run, spec: False)
    assert settings["spec"]["x_shape"] == [1]
    result = call("plot", run, "--tasks", "2")
    assert result.code == 0
    assert "no picture and no curve" in result.err
    assert pictures(run) == {"adaptation"}


def test_the_spread_of_answers_is_drawn(gp_run: Path, completion_run: Path) -> None:
    import torch

    task, initial, adapted, std, *_ = plot._predict_one_task(gp_run, 0, torch.device("cpu"))
    assert (initial, len(adapted)) == (None, 200)
    run, net = load_model(gp_run)
    mean, expected = run.algorithm.distribution(net, run.algorithm.adapt(net, task.support), task.query.x)
    torch.testing.assert_close((adapted, std), (mean.detach(), expected.detach()))
    task, _, adapted, std, *_ = plot._predict_one_task(completion_run, 0, torch.device("cpu"))
    assert adapted.shape == task.query.y.shape == std.shape == (144, 1)
    assert plot._drawable(*plot.read(completion_run))
    assert len(plot.episode_figure(task, adapted, "what", std=std).axes) == 4
