"""A recipe is a value with sane defaults; what is asked of every method's own stands in the conformance suite."""

from dataclasses import FrozenInstanceError

import pytest

from tokay.core.recipe import Check, Recipe


def test_a_recipe_is_a_value() -> None:
    recipe = Recipe(name="a", source="omniglot", steps=10, checks=(Check(name="5w1s"),))
    assert recipe == Recipe(name="a", source="omniglot", steps=10, checks=(Check(name="5w1s"),))
    with pytest.raises(FrozenInstanceError):
        recipe.steps = 5  # type: ignore[misc]


def test_what_is_not_said_is_not_published() -> None:
    check = Check(name="5w1s")
    assert (check.published, check.step, check.tasks) == ("", None, 1000)
