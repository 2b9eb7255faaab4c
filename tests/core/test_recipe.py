"""Recipes of every method: names that tell, sources that exist, figures that say where they are from."""

import pytest

import tokay
from tokay.core.recipe import Recipe
from tokay.tasks import sources

RECIPES = [(kind, recipe) for kind in tokay.algorithms().values() for recipe in kind.recipes]


def test_names_are_unique() -> None:
    names = [recipe.name for _, recipe in RECIPES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind, recipe", [pytest.param(*pair, id=pair[1].name) for pair in RECIPES])
def test_a_recipe_is_whole(kind: type[tokay.Algorithm[object]], recipe: Recipe) -> None:
    assert recipe.source in sources()
    assert recipe.steps > 0
    assert recipe.checks
    for check in recipe.checks:
        assert check.tasks >= 100
        # A figure without its protocol says nothing; [M] marks what nobody could verify, and is not shown.
        assert not check.published or any(tag in check.protocol for tag in ("[P]", "[C]", "[T]", "[N]"))
        assert "[M]" not in check.published + check.protocol
