"""JSON becomes settings, or one line says what is wrong with it."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from tokay import ConfigError, DataError
from tokay.core.setting_types import show
from tokay.runs.typed_json import read_dataclass, read_value


@dataclass(frozen=True)
class Settings:
    """One field of each type that settings have."""

    count: int
    rate: float | None = None
    mode: Literal["loop", "vmap", 2] = "loop"
    sizes: tuple[int, ...] = (1,)
    pair: tuple[int, str] = (1, "a")
    on: bool = False
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ConfigError(f"settings: count must not be negative, got {self.count}.")
        if self.count == 99:
            raise ZeroDivisionError("no 99")


GOOD: list[dict[str, Any]] = [
    {"count": 3},
    {"count": 3, "rate": 2, "mode": 2, "sizes": [], "pair": [2, "b"], "on": True},
    {"count": 3, "rate": float("inf"), "mode": "vmap", "sizes": [4, 5]},
    {"count": 3, "rate": None},
]


@pytest.mark.parametrize("data", GOOD)
def test_good_settings(data: dict[str, Any]) -> None:
    expected = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    assert read_dataclass(Settings, data, "fit", "run.json") == Settings(**expected)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"count": "3"}, "fit.count must be a whole number, got '3'"),
        ({"count": 3.0}, "fit.count must be a whole number, got 3.0"),
        ({"count": True}, "fit.count must be a whole number, got True"),
        ({"count": None}, "fit.count must be a whole number, got None"),
        ({"count": 10**400}, "fit.count must be a whole number, got 1000000000000000000000000000000000000000..."),
        ({"rate": -(10**400)}, "fit.rate must be a number or null, got -100"),
        ({"rate": float("nan")}, "fit.rate must be a number or null, got nan"),
        ({"rate": [1]}, "fit.rate must be a number or null, got a list"),
        ({"mode": "maybe"}, "fit.mode must be loop, vmap or 2, got 'maybe'"),
        ({"mode": 2.0}, "fit.mode must be loop, vmap or 2, got 2.0"),
        ({"mode": {}}, "fit.mode must be loop, vmap or 2, got an object"),
        ({"sizes": 3}, "fit.sizes must be a list, each item a whole number, got 3"),
        ({"sizes": [3, "4"]}, "fit.sizes must be a list, each item a whole number, got a list"),
        ({"pair": [1]}, "fit.pair must be a list"),
        ({"on": 1}, "fit.on must be true or false, got 1"),
        ({"count": -1}, "settings: count must not be negative, got -1"),
        ({"count": 99}, "Settings refuses its settings (no 99)"),
        ({"evil": 1}, "Settings has no setting evil"),
    ],
)
def test_bad_settings(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_dataclass(Settings, {"count": 3, **change}, "fit", "run.json")
    assert str(caught.value).startswith("run.json: ")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_missing_settings_and_other_things() -> None:
    with pytest.raises(DataError, match=r"run.json: fit misses the setting count"):
        read_dataclass(Settings, {}, "fit", "run.json")
    for data, text in ((None, "None"), ([1], "a list"), ("x" * 99, "'xxx")):
        with pytest.raises(DataError, match=f"fit must be a JSON object, got {text}"):
            read_dataclass(Settings, data, "fit", "run.json")


def test_annotations_that_are_not_known_take_any_value() -> None:
    assert read_value(dict[str, int], {"a": "b"}, "x", "run.json") == {"a": "b"}
    assert read_value(Any, [1, 2], "x", "run.json") == (1, 2)


@dataclass
class Foreign:
    """A class of another package, whose annotation cannot be resolved."""

    size: "Missing"  # type: ignore[name-defined]  # noqa: F821


def test_annotations_that_cannot_be_resolved() -> None:
    assert read_dataclass(Foreign, {"size": 3}, "network", "run.json").size == 3


def test_values_in_messages_are_short() -> None:
    assert [show(value) for value in ({"a": 1}, [1], None, 1.5, "a")] == ["an object", "a list", "None", "1.5", "'a'"]
    assert len(show("x" * 1000)) < 50
