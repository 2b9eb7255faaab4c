"""Tests of the classes for recipes. The conformance suite tests the recipes of all methods."""

from dataclasses import FrozenInstanceError

import pytest

from tokay.core.recipe import Check, Recipe


def test_a_recipe_is_a_value() -> None:
    recipe = Recipe(name="a", source="omniglot", steps=10, checks=(Check(name="5w1s"),))
    assert recipe == Recipe(name="a", source="omniglot", steps=10, checks=(Check(name="5w1s"),))
    with pytest.raises(FrozenInstanceError):
        recipe.steps = 5  # type: ignore[misc]


def test_defaults_of_a_check() -> None:
    check = Check(name="5w1s")
    assert (check.published, check.step, check.tasks) == ("", None, 1000)
