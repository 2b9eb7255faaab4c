"""What registers itself by name: algorithms, sources and networks do so as their classes are made."""

from typing import Any, TypeVar

from ..errors import ConfigError

T = TypeVar("T")


def register(registry: dict[str, type[T]], cls: type[Any], name: str, what: str) -> None:
    """Put ``cls`` into ``registry`` and its name onto it. Raises ``ConfigError`` for a name that is taken.

    A class of the same name may replace itself: ``dataclass(slots=True)`` makes it anew.
    """
    if name in registry and registry[name].__qualname__ != cls.__qualname__:
        raise ConfigError(f"{what}: the name {name!r} is taken by {registry[name].__qualname__}. Choose another.")
    cls.name = name
    registry[name] = cls
