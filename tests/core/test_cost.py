"""Tests of the families of costs."""

from typing import get_args

from tokay.core.cost import FAMILIES, Cost, Family


def test_every_family_is_explained() -> None:
    assert set(FAMILIES) == set(get_args(Family))
    assert all(len(text) > 20 for text in FAMILIES.values())


def test_a_cost_is_a_value() -> None:
    assert Cost("gradient-based", "E_T L") == Cost("gradient-based", "E_T L")
