import os
import re
import subprocess
import sys

import pytest

from tokay.cli.catalogue import make_catalogue, read_catalogue
from tokay.core.algorithm import list_algorithms, list_recipes
from tokay.networks import list_networks
from tokay.tasks import list_sources

from .helpers import Call, refused


def test_lists_everything_there_is(call: Call) -> None:
    result = call("list")
    assert result.code == 0
    assert result.err == ""
    for registry in (list_algorithms(), list_sources(), list_networks()):
        for name, entry in registry.items():
            assert name in result.out
            assert entry.summary in result.out
    for algorithm in list_algorithms().values():
        assert f"[{algorithm.reference}]" in result.out


def test_every_cost_stands_beside_its_family(call: Call) -> None:
    lines = call("list", "costs").out.splitlines()
    for kind in list_algorithms().values():
        (line,) = [line for line in lines if f" {kind.name} " in line]
        assert kind.cost.family in line
        assert kind.cost.formula in line


def test_every_recipe_is_listed_with_its_figures(call: Call) -> None:
    lines = call("list", "recipes").out.splitlines()
    for name, (kind, recipe) in list_recipes().items():
        (line,) = [line for line in lines if f" {name} " in line]
        assert f"{kind.name} {recipe.source}" in line
        for check in recipe.checks:
            assert check.published in line


@pytest.mark.parametrize("kind, others", [("algorithms", "conv4-pool"), ("sources", "protonet"), ("networks", "maml:")])
def test_lists_one_kind(call: Call, kind: str, others: str) -> None:
    result = call("list", kind)
    assert result.code == 0
    assert result.out.splitlines()[0].strip() == kind
    assert others not in result.out


def test_no_terminal_folds_a_name() -> None:
    """A name is what one types. The other columns are folded."""
    for width in (60, 80):
        process = subprocess.run(
            [sys.executable, "-m", "tokay", "list"],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "COLUMNS": str(width), "PYTHONIOENCODING": "utf-8"},
            check=True,
        )
        cells = {cell.strip() for line in process.stdout.splitlines() for cell in re.split("[│┃]", line)}
        names = {row.get("name") or row["method"] for rows in read_catalogue().values() for row in rows}
        assert names <= cells
        assert max(map(len, process.stdout.splitlines())) <= width


def test_one_step_is_no_plural() -> None:
    (row,) = [row for row in make_catalogue()["recipes"] if row["name"] == "hausdorff-omniglot-runs"]
    assert row["what is trained"] == "hausdorff omniglot-runs, 1 step"


def test_unknown_kind(call: Call) -> None:
    refused(call("list", "algorithm"), "got 'algorithm'", "Did you mean algorithms?")


def test_unknown_kind_after_a_known_one_prints_nothing_first(call: Call) -> None:
    refused(call("list", "networks", "fruit"), "got 'fruit'")


def test_help(call: Call) -> None:
    assert call("list", "--help").code == 0
