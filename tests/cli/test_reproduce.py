"""``tokay reproduce``: the commands of a recipe, its figures, and bad input."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import tokay
from tokay.cli import reproduce
from tokay.core.recipe import Check, Recipe
from tokay.evaluation.by_instance import Instances
from tokay.evaluation.scores import Score
from tokay.runs.checkpoint import load_model

from .helpers import Call, refused

TINY = Recipe(
    name="tiny",
    source="sinusoid",
    steps=40,
    flags="--inner-lr 0.01 --meta-batch 2 --test-steps 5 --validate-every 0",
    checks=(
        Check(name="5 points, 1 step", flags="--shots 5", step=1, published="0.67", protocol="600 tasks [P]", tasks=6),
        Check(name="5 points, 5 steps", flags="--shots 5", published="0.38", protocol="600 tasks [P]", tasks=6),
        Check(name="10 points", tasks=4),
    ),
    note="A note.",
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokay.MAML, "recipes", (TINY,))


def test_measured_beside_published(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = call("reproduce", "tiny", "--fraction", "0.1", "--out", out, "--seed", "3", "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert report == json.loads((out / "reproduction.json").read_text())
    assert report["recipe"] == "tiny"
    assert report["command"].startswith("tokay train maml sinusoid --inner-lr 0.01")
    assert report["command"].endswith("--steps 4 --seed 3")
    for key in ("commit", "torch", "hardware", "threads", "training_seconds"):
        assert report[key] is not None
    run, net = load_model(out)
    assert run.fit.steps == 4
    assert run.fit.seed == 3
    by_hand = tokay.evaluate(
        run.algorithm, net, run.source.tasks("test", tokay.Sizes(ways=1, shots=5, queries=10)), tasks=6, seed=3
    )
    one, five, ten = report["results"]
    assert one["measured"]["mean"] == by_hand.curve[1]["mse"].mean
    assert five["measured"]["mean"] == by_hand["mse"].mean
    assert (one["published"], one["protocol"], one["tasks"]) == ("0.67", "600 tasks [P]", 6)
    assert ten["published"] == ""
    assert ten["tasks"] == 4
    assert not one["transductive"]


def test_a_check_names_its_measure(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = (Check(name="a", tasks=4, measure="log_likelihood"), Check(name="b", tasks=4))
    recipe = Recipe(
        name="small", source="gp", steps=2, flags="--width 8 --validate-every 0 --meta-batch 2", checks=checks
    )
    monkeypatch.setattr(tokay.CNP, "recipes", (recipe,))
    out = tmp_path / "run"
    result = call("reproduce", "small", "--out", out, "--json")
    assert result.code == 0, result.err
    run, net = load_model(out)
    by_hand = tokay.evaluate(run.algorithm, net, run.tasks("test"), tasks=4)
    rows = json.loads(result.out)["results"]
    assert [row["measure"] for row in rows] == ["log_likelihood", "mse"]
    assert [row["measured"]["mean"] for row in rows] == [by_hand["log_likelihood"].mean, by_hand["mse"].mean]


def test_the_table(call: Call, tmp_path: Path) -> None:
    result = call("reproduce", "tiny", "--fraction", "0.025", "--out", tmp_path / "run", "--tasks", "3")
    assert result.code == 0, result.err
    for words in ("tiny: Finn", "2.5 % of the steps", "0.67", "theirs: 600 tasks [P]", "ours: 3 tasks, inductive"):
        assert words in result.out
    assert "none verified" in result.out
    assert "A note." in result.out


def test_goes_on_where_it_stopped(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("reproduce", "tiny", "--fraction", "0.05", "--tasks", "2", "--out", out)
    first = call(*words, "--json")
    refused(call(*words), "already exists", "--overwrite")
    resumed = call(*words, "--resume", "--json")
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out)["results"] == json.loads(first.out)["results"]
    assert [json.loads(result.out)["resumed"] for result in (first, resumed)] == [False, True]
    assert "s of training since it was resumed" in call(*words, "--resume").err
    refused(call(*words[:3], "0.1", *words[4:], "--resume"), "fit.steps must be 4, the run has 2", "--fraction")
    assert call(*words, "--overwrite").code == 0


@pytest.mark.parametrize(
    "change, seed, expected",
    [
        ({"flags": TINY.flags + " --order 1"}, "0", "algorithm.order must be 1, the run has 2. Give"),
        (
            {"flags": TINY.flags + " --shots 3 --train-shots 4"},
            "0",
            "test.shots must be 3, the run has 10 (the first of 3 diff",
        ),
        ({"flags": TINY.flags + " --hidden 8"}, "0", "network.hidden must be (8,), the run has (40, 40)"),
        ({"flags": TINY.flags + " --network linear"}, "0", "network must be linear, the run has mlp"),
        ({"source": "quadratic"}, "0", "source must be quadratic, the run has sinusoid"),
        ({}, "7", "fit.seed must be 7, the run has 0. Give those of the run"),
    ],
)
def test_the_run_of_another_recipe_is_not_resumed(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], seed: str, expected: str
) -> None:
    """No figure of one recipe is printed beside what another one measured."""
    out = tmp_path / "run"
    words = ("reproduce", "tiny", "--fraction", "0.05", "--tasks", "2", "--out", out)
    assert call(*words).code == 0
    report = (out / "reproduction.json").read_bytes()
    monkeypatch.setattr(tokay.MAML, "recipes", (replace(TINY, **change),))
    result = call(*words, "--seed", seed, "--resume")
    assert expected in result.err, result.err
    refused(result, str(out), "--resume needs the recipe, --fraction and --seed")
    assert (out / "reproduction.json").read_bytes() == report


def test_bad_words(call: Call, tmp_path: Path) -> None:
    refused(call("reproduce", "tine"), "no recipe 'tine'", "Did you mean tiny?", "tokay list recipes shows all.")
    refused(call("reproduce", "imaml-omniglot"), "Did you mean imaml-omniglot-", ", ...? tokay list recipes shows all.")
    for fraction in ("0", "-1", "1.5", "nan"):
        refused(call("reproduce", "tiny", "--fraction", fraction), "--fraction must be above 0")
    refused(call("reproduce", "tiny", "--resume", "--overwrite"), "exclude each other")
    for out in ("", " "):
        refused(call("reproduce", "tiny", "--overwrite", "--out", out), f"--out must name a folder, got {out!r}")
    refused(call("reproduce", "tiny", "--resume", "--out", tmp_path / "none"), "none does not exist")


def test_a_step_that_is_not_measured(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Check(name="after 7", step=7, tasks=2)
    monkeypatch.setattr(tokay.MAML, "recipes", (Recipe(name="tiny", source="sinusoid", steps=1, checks=(check,)),))
    result = call("reproduce", "tiny", "--out", tmp_path / "run")
    assert result.code == 2
    assert "after 7 steps was not measured, only after 0, 1, 2, 3" in result.err.splitlines()[-1]


def test_figures_by_instance(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check with an instance has the accuracy at that presentation. Other checks have the accuracy on the queries."""
    sizes = "--ways 2 --shots 3 --queries 2 --train-queries 2 --cells 4 --filters 2 --meta-batch 2 --validate-every 0"
    checks = (
        Check(name="third", instance=3, tasks=4),
        Check(name="second", instance=2, tasks=4),
        Check(name="queries", tasks=4),
    )
    monkeypatch.setattr(
        tokay.LSTM, "recipes", (Recipe(name="met", source="glyphs", steps=1, flags=sizes, checks=checks),)
    )
    instances = Instances(accuracy={k: Score(k / 10, 0.01, 4, k / 10) for k in (1, 2, 3)}, transductive=True)
    flags: list[bool] = []
    monkeypatch.setattr(
        reproduce, "score_instances", lambda path, words, device: flags.append(words.instances) or instances
    )
    out = tmp_path / "run"
    result = call("reproduce", "met", "--out", out, "--json")
    assert result.code == 0, result.err
    third, second, queries = json.loads(result.out)["results"]
    run, net = load_model(out)
    evaluation = tokay.evaluate(run.algorithm, net, run.tasks("test"), tasks=4)
    assert third["measured"] == {"mean": 0.3, "ci95": 0.01, "median": 0.3}
    assert second["measured"] == {"mean": 0.2, "ci95": 0.01, "median": 0.2}
    assert queries["measured"]["mean"] == evaluation["accuracy"].mean
    assert flags == [True], "two checks of one protocol share an evaluation"
    assert third["transductive"]
    assert "--instances" in third["command"]
    assert "--instances" not in queries["command"]
