"""Settings of another type are refused in one line when they are given, for every method, source and network."""

from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from tokay import MAML, ConfigError, FitConfig, Sizes, list_algorithms
from tokay.core.setting_types import NO_VALUE, Settings, as_type, describe_type, type_hints
from tokay.networks import list_networks
from tokay.tasks import Images, list_sources

EVERY_CLASS = [FitConfig, Sizes, *list_algorithms().values(), *list_networks().values(), *list_sources().values()]


@dataclass(frozen=True, kw_only=True)
class Example(Settings):
    """One setting of each type."""

    name: ClassVar[str] = "example"
    count: int = 1
    rate: float | None = None
    mode: Literal["loop", "vmap"] = "loop"
    sizes: tuple[int, ...] = (1,)
    anything: object = None


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"count": "3"}, "example: count must be a whole number, got '3'."),
        ({"count": np.int64(3)}, "example: count must be a whole number, got np.int64(3)."),
        ({"rate": "fast"}, "example: rate must be a number, got 'fast'."),
        ({"mode": "slow"}, "example: mode must be loop or vmap, got 'slow'."),
        ({"sizes": 3}, "example: sizes must be a list, each item a whole number, got 3."),
    ],
)
def test_another_type(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Example(**settings)
    assert str(caught.value) == message


def test_values_of_the_type() -> None:
    settings = {"count": 3, "rate": 2, "mode": "vmap", "sizes": [2, 3], "anything": object()}
    example = Example(**settings)  # type: ignore[arg-type]
    assert {name: getattr(example, name) for name in settings} == settings


def test_defaults_have_their_types() -> None:
    for kind in EVERY_CLASS:
        for field in fields(kind):
            if field.default is not MISSING:
                assert as_type(type_hints(kind)[field.name], field.default) is not NO_VALUE, (kind, field.name)


@pytest.mark.parametrize("kind", EVERY_CLASS, ids=lambda kind: kind.__name__)
def test_every_class_of_settings(kind: type) -> None:
    """A list of nothing is a value of none of their types, but of a tuple."""
    for field in fields(kind):
        if "a value" not in describe_type(type_hints(kind)[field.name]):
            with pytest.raises(ConfigError, match=rf": {field.name} must be .*, got an object\.$"):
                kind(**{field.name: {}})


def test_sizes_and_sources_from_python() -> None:
    with pytest.raises(ConfigError, match=r"^Sizes: ways must be a whole number, got 5\.5"):
        Sizes(ways=5.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^images: test must be a number, got '0\.2'"):
        Images(root=".", test="0.2")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^maml: inner_steps must be a whole number, got 2\.5"):
        MAML(inner_steps=2.5)  # type: ignore[arg-type]
