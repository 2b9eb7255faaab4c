"""Every recipe's commands are ones that the command line takes; recipes enter by themselves, with their method."""

from pathlib import Path
from typing import Any

import pytest

import tokay
from tokay.cli.evaluate import Evaluate
from tokay.cli.flags import parse
from tokay.cli.main import main
from tokay.cli.reproduce import check_words, training_words
from tokay.core.algorithm import list_algorithms
from tokay.core.engine.adaptation_states import is_curve_step
from tokay.core.recipe import Recipe
from tokay.tasks import list_sources

from .helpers import methods

RECIPES = [(kind, recipe) for kind in methods().values() for recipe in kind.recipes]
each_recipe = pytest.mark.parametrize("kind, recipe", [pytest.param(*pair, id=pair[1].name) for pair in RECIPES])


def test_names_are_unique() -> None:
    names = [recipe.name for method in list_algorithms().values() for recipe in method.recipes]
    assert len(set(names)) == len(names)


@each_recipe
def test_a_recipe_is_whole(kind: type[tokay.Algorithm[Any]], recipe: Recipe) -> None:
    assert recipe.source in list_sources()
    assert recipe.steps > 0
    assert recipe.checks
    for check in recipe.checks:
        assert check.tasks >= 100
        assert check.step is None or is_curve_step(check.step), "such a step is not measured"
        assert check.instance is None or (kind.ordered and check.step is None)
        # A figure without its protocol says nothing; [M] marks what nobody could verify, and is not shown.
        assert not check.published or any(tag in check.protocol for tag in ("[P]", "[C]", "[T]", "[N]", "[R]"))
        assert "[M]" not in check.published + check.protocol


@each_recipe
def test_its_commands_exist(
    kind: type[tokay.Algorithm[Any]], recipe: Recipe, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With a flag at the end that no method has, the first complaint must be about that one."""
    words = training_words(kind, recipe, 1.0, 0)
    assert main(["train", *words, "--out", str(tmp_path / "run"), "--no-such-flag"]) == 2
    assert "has no flag --no-such-flag" in capsys.readouterr().err
    for check in recipe.checks:
        parse(Evaluate, check_words(check, tmp_path, None, 0), prog="evaluate", description="")
