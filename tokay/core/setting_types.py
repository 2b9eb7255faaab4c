"""Whether a setting has the type that its dataclass declares: numbers, texts, choices, and tuples of them.

Other annotations (arrays, functions, classes of other packages) take any value.
"""

import math
from types import NoneType, UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from ..errors import ConfigError

NO_VALUE = object()
"""what ``as_type`` returns for a value of another type"""
_LARGEST = 2**63
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", NoneType: "null"}


class Settings:
    """A dataclass of settings that refuses a value of the wrong type before anything is computed with it.

    >>> from tokay import Sizes
    >>> Sizes(ways=5.5)
    Traceback (most recent call last):
    tokay.errors.ConfigError: Sizes: ways must be a whole number, got 5.5.
    """

    def __new__(cls, *args: Any, **settings: Any) -> Self:
        """Raises ``ConfigError`` for the first of ``settings`` that has another type than its annotation."""
        hints = type_hints(cls)
        for name, value in settings.items():
            annotation = hints.get(name, Any)
            if as_type(annotation, value) is NO_VALUE:
                words = describe_type(annotation).removesuffix(" or null")
                where = getattr(cls, "name", cls.__name__)
                raise ConfigError(f"{where}: {name} must be {words}, got {show(value)}.")
        return super().__new__(cls)


def as_type(annotation: Any, value: Any) -> Any:
    """``value`` if it is of the type that ``annotation`` says, else ``NO_VALUE``. Lists become tuples.

    >>> as_type(tuple[int, ...], [1, 2]), as_type(int | None, 2.5) is NO_VALUE
    ((1, 2), True)
    """
    origin, choices = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return next((result for kind in choices if (result := as_type(kind, value)) is not NO_VALUE), NO_VALUE)
    if origin is Literal:
        return value if any(value == choice and type(value) is type(choice) for choice in choices) else NO_VALUE
    if origin is tuple:
        return _as_tuple(choices, value)
    if annotation in _NAMES:
        return value if _is_of(annotation, value) else NO_VALUE
    return tuple(value) if isinstance(value, list) else value


def describe_type(annotation: Any) -> str:
    """A type in words: ``a whole number or null``."""
    origin, choices = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _join([words for choice in choices for words in _alternatives(choice)])
    if origin is Literal:
        return _join(_alternatives(annotation))
    if origin is tuple:
        return f"a list, each item {describe_type(choices[0])}"
    return _NAMES.get(annotation, "a value")


def _alternatives(annotation: Any) -> list[str]:
    return [*map(str, get_args(annotation))] if get_origin(annotation) is Literal else [describe_type(annotation)]


def _join(words: list[str]) -> str:
    """``a, b or c``."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def show(value: Any) -> str:
    """A value for a message: short, whatever it is."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def type_hints(kind: type[Any]) -> dict[str, Any]:
    """The annotations of a class. Empty if they name what cannot be found, as those of other packages may."""
    try:
        return get_type_hints(kind)
    except (NameError, TypeError, AttributeError):
        return {}


def _as_tuple(kinds: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, list | tuple):  # a tuple: settings that were never written
        return NO_VALUE
    if kinds[-1:] == (...,):
        kinds = kinds[:1] * len(value)
    items = [as_type(kind, item) for kind, item in zip(kinds, value, strict=False)]
    return NO_VALUE if len(kinds) != len(value) or NO_VALUE in items else tuple(items)


def _is_of(kind: type, value: Any) -> bool:
    """Whether a value has this plain type. A number with a point may be given without one."""
    if kind in (int, float) and type(value) is int:
        return abs(value) < _LARGEST
    return type(value) is kind and not (isinstance(value, float) and math.isnan(value))
