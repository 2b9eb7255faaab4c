"""Names are given once."""

import pytest

from tokay import ConfigError
from tokay.core.registry import register


class Gecko:
    name: str


def test_a_class_gets_its_name() -> None:
    registry: dict[str, type[Gecko]] = {}
    register(registry, Gecko, "tokay", "reptile")
    assert registry == {"tokay": Gecko}
    assert Gecko.name == "tokay"


def test_a_name_is_given_once() -> None:
    registry: dict[str, type[Gecko]] = {}
    register(registry, Gecko, "tokay", "reptile")
    other = type("Skink", (Gecko,), {})
    with pytest.raises(ConfigError, match=r"^reptile: the name 'tokay' is taken by Gecko"):
        register(registry, other, "tokay", "reptile")
    assert registry == {"tokay": Gecko}


def test_a_class_that_is_made_anew_replaces_itself() -> None:
    registry: dict[str, type[Gecko]] = {}
    register(registry, Gecko, "tokay", "reptile")
    again = type("Gecko", (), {})
    register(registry, again, "tokay", "reptile")
    assert registry["tokay"] is again
