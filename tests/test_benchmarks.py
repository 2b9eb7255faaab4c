"""Benchmarks stay valid: the command line accepts their commands, and their report can be rendered."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image

import tokay
from tokay.cli.evaluate import Evaluate
from tokay.cli.flags import parse
from tokay.cli.main import main

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def module(path: str) -> ModuleType:
    """A script of ``benchmarks/`` as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, BENCHMARKS / path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # dataclasses look up their module
    spec.loader.exec_module(script)
    return script


RECIPES = module("accuracy/recipes.py").RECIPES


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_commands_are_valid(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With an unknown flag at the end, the error must be about that flag."""
    recipe = RECIPES[name]
    assert recipe.train[0] in tokay.list_algorithms()
    assert main(["train", *recipe.train, "--out", str(tmp_path / "run"), "--no-such-flag"]) == 2
    assert "has no flag --no-such-flag" in capsys.readouterr().err
    for protocol in recipe.evaluations:
        parse(Evaluate, ["run", *protocol.flags], prog="evaluate", description="")


def test_published_figures_have_their_source() -> None:
    for recipe in RECIPES.values():
        for protocol in recipe.evaluations:
            assert "[M]" not in protocol.published, "unverified figures must not be shown"
            assert not protocol.published or protocol.published.endswith("]")


@pytest.mark.parametrize("path", sorted((BENCHMARKS / "accuracy/results").glob("*.json")), ids=lambda path: path.stem)
def test_results_have_all_fields(path: Path) -> None:
    report = json.loads(path.read_text())
    assert report["recipe"] == path.stem
    for key in ("command", "steps", "seed", "commit", "torch", "hardware", "threads", "training_seconds"):
        assert report[key] is not None, key
    for row in report["results"]:
        measured = row.get("accuracy") or row.get("mse") or row["loss"]
        assert measured["ci95"] > 0
        assert row["tasks"] >= 300 or (row["source"], row["tasks"]) == ("omniglot-runs", 20)
        assert isinstance(row["transductive"], bool)


def test_the_report_is_up_to_date() -> None:
    """benchmarks/README.md is the output of report.py."""
    report = module("report.py")
    assert report.render() == (BENCHMARKS / "README.md").read_text(encoding="utf-8")


def test_outdated_settings_are_reported() -> None:
    """If the command of a result differs from its recipe, the table says so."""
    report = module("report.py")
    for prefix, table in report.TABLES.items():
        results = report.measured(prefix)
        if prefix != "optimizers-":
            assert "outdated settings" not in table(results)
            results[0]["command"] = results[0]["command"].replace(" --", " --lr 7 --", 1)
            assert f"outdated settings, measure again: `{results[0]['command']}`" in table(results)


def test_tables_can_be_rendered_from_partial_results() -> None:
    report = module("report.py")
    for prefix, table in report.TABLES.items():
        results = report.measured(prefix)
        for result in results:
            result["results"] = result["results"][:1]
        assert table(results).startswith("###")


def test_published_figures_belong_to_the_method() -> None:
    """Figures of the first-order form and of tasks within an alphabet are excluded."""
    table = module("published.py")
    assert table.figures("maml", ("5w1s", "20w1s")) == "98.7 ± 0.4 / 95.8 ± 0.3"
    assert table.figures("siamese", ("5w1s", "20w1s")) == "97.3 / 88.2"
    assert table.figures("anil", ("5w1s", "20w1s")) == "– / 96.2 ± 0.5"
    assert table.figures("versa", ("5w1s", "20w1s")) == ""
    (line,) = table.protocols(["maml", "versa"], ("20w1s",))
    assert line.startswith("- `maml`: queries per class: 1, transductive")


def test_the_picture_is_up_to_date() -> None:
    """The picture stores a hash of its figures."""
    report = module("report.py")
    with Image.open(BENCHMARKS / "budget.png") as picture:
        rows = report.budget_rows(report.measured("budget-"))
        assert picture.text["Description"] == report.pictures.fingerprint(rows)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", sorted((BENCHMARKS / "reproduced").glob("*.json")), ids=lambda path: path.stem)
def test_reproductions_have_all_fields(path: Path) -> None:
    report = json.loads(path.read_text())
    assert report["recipe"] == path.stem
    for key in ("command", "fraction", "seed", "commit", "torch", "hardware", "threads", "training_seconds"):
        assert report[key] is not None, key
    for row in report["results"]:
        assert row["measured"]["ci95"] > 0
        assert row["tasks"] >= 300
        assert row["protocol"] or not row["published"]


def test_existing_scores_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With --again only missing protocols are scored; the result has them in the order of the recipe."""
    script, protocols = module("accuracy/run.py"), []

    def score(out: str, protocol: Any, tasks: int, seed: int) -> dict[str, Any]:
        protocols.append(protocol.name)
        return {"protocol": protocol.name, "accuracy": {"mean": 0.5, "ci95": 0.1}}

    empty_report = {"recipe": "budget-versa", "steps": 3, "results": []}
    monkeypatch.setattr(script, "HERE", tmp_path)
    monkeypatch.setattr(script, "score", score)
    monkeypatch.setattr(script, "train", lambda *_, **__: dict(empty_report))
    options: dict[str, Any] = {"minutes": None, "steps": None, "tasks": 9, "seed": 0, "runs": tmp_path}
    script.run("budget-versa", **options, again=False, only=["5w5s"])
    script.run("budget-versa", **options, again=True, only=None)
    script.run("budget-versa", **options, again=True, only=None)
    assert protocols == ["5w5s", "5w1s", "20w1s"]
    with pytest.raises(SystemExit, match="must name protocols of budget-versa, got 5w9s"):
        script.run("budget-versa", **options, again=True, only=["5w9s"])
    report = json.loads((tmp_path / "results/budget-versa.json").read_text())
    assert report["steps"] == 3
    assert [row["protocol"] for row in report["results"]] == ["5w1s", "5w5s", "20w1s"]


def test_the_optimizers_are_compared_on_the_same_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """At small size: one row per optimizer, all with the same initial loss; and RMSprop equals torch's."""
    script = module("accuracy/optimizers.py")
    for name, value in {"STEPS": 3, "CURVE_STEPS": (0, 3), "RATES": [0.01, 0.1]}.items():
        monkeypatch.setattr(script, name, value)
    problem = script.problems(0.0005, 0)["quadratics"]
    optimizer = script.train_optimizer("quadratics", problem)
    rows = list(script.compare(problem, optimizer, tasks=6, tuning=4, seed=0))
    assert [row["optimizer"] for row in rows] == ["learned", *script.HAND_MADE]
    assert len({round(row["curve"]["0"], 4) for row in rows}) == 1
    assert all(row["loss"]["ci95"] > 0 and row["tasks"] == 6 for row in rows)
    assert rows[1]["loss"]["mean"] < rows[1]["curve"]["0"]

    x, y = torch.randn(2, 5, 1)
    net = torch.nn.Linear(1, 1)
    task = tokay.Task(*(tokay.Examples(x[None], y[None]) for _ in range(2)))
    losses = script.hand_made_losses(net, script.HAND_MADE["RMSprop"](0.01), 128, task)
    initial = script.draw_weights(script.trainable(net), script.task_seed(tokay.Examples(x, y)))
    net.load_state_dict(dict(initial))
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
    assert float(losses[0, -1]) == pytest.approx(float(torch.nn.functional.mse_loss(net(x), y).detach()), rel=1e-5)
