"""Values of JSON as the types that a dataclass declares: the one reader of the settings in a run folder.

Every value is checked against the annotation of its field, so that a damaged file gives one line, whatever it holds.
"""

import math
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import DataError, TokayError

T = TypeVar("T")
_ADVICE = "Take it from a backup, or train again."
_LARGEST = 2**63
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", NoneType: "null"}


def read_dataclass(kind: type[T], data: Any, name: str, where: str) -> T:
    """An instance of the dataclass ``kind`` from a JSON object. ``name`` is its place in the file ``where``.

    Raises ``DataError`` for settings that are unknown, missing, of another type, or refused by the class.
    """
    if not isinstance(data, dict):
        raise DataError(f"{where}: {name} must be a JSON object, got {show(data)}. {_ADVICE}")
    own = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    unknown = data.keys() - own.keys()
    if unknown:
        raise DataError(
            f"{where}: {kind.__name__} has no setting {', '.join(sorted(unknown))[:200]}. "
            "Does it belong to another version?"
        )
    for field in own.values():
        if field.name not in data and field.default is MISSING and field.default_factory is MISSING:
            raise DataError(f"{where}: {name} misses the setting {field.name}. {_ADVICE}")
    hints = _hints(kind)
    values = {key: read_value(hints.get(key, Any), value, f"{name}.{key}", where) for key, value in data.items()}
    try:
        return kind(**values)
    except TokayError as error:
        raise DataError(f"{where}: {error}") from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise DataError(f"{where}: {kind.__name__} refuses its settings ({error}). {_ADVICE}") from error


def read_value(annotation: Any, value: Any, name: str, where: str) -> Any:
    """``value`` if it has the type that ``annotation`` says; lists become tuples. Raises ``DataError`` if it has not.

    Annotations that are not among those of settings (numbers, texts, choices, tuples) take any value.
    """
    result = _convert(annotation, value)
    if result is _NOTHING:
        raise DataError(f"{where}: {name} must be {_describe(annotation)}, got {show(value)}. {_ADVICE}")
    return result


def show(value: Any) -> str:
    """A value of JSON for a message: short, whatever it is."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


_NOTHING = object()
"""no value of the type"""


def _convert(annotation: Any, value: Any) -> Any:
    origin, choices = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return next((result for kind in choices if (result := _convert(kind, value)) is not _NOTHING), _NOTHING)
    if origin is Literal:
        return value if any(value == choice and type(value) is type(choice) for choice in choices) else _NOTHING
    if origin is tuple:
        return _convert_tuple(choices, value)
    if annotation in _NAMES:
        return value if _is_of(annotation, value) else _NOTHING
    return tuple(value) if isinstance(value, list) else value


def _convert_tuple(kinds: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, list | tuple):  # a tuple: settings that were never written
        return _NOTHING
    if kinds[-1:] == (...,):
        kinds = kinds[:1] * len(value)
    items = [_convert(kind, item) for kind, item in zip(kinds, value, strict=False)]
    return _NOTHING if len(kinds) != len(value) or _NOTHING in items else tuple(items)


def _is_of(kind: type, value: Any) -> bool:
    """Whether a value of JSON has this plain type. A number with a point may be given without one."""
    if kind in (int, float) and type(value) is int:
        return abs(value) < _LARGEST
    return type(value) is kind and not (isinstance(value, float) and math.isnan(value))


def _describe(annotation: Any) -> str:
    origin, choices = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(map(_describe, choices))
    if origin is Literal:
        return " or ".join(map(str, choices))
    if origin is tuple:
        return f"a list, each item {_describe(choices[0])}"
    return _NAMES.get(annotation, "a value")


def _hints(kind: type[Any]) -> dict[str, Any]:
    """The annotations of a class. Empty if they name what cannot be found, as those of other packages may."""
    try:
        return get_type_hints(kind)
    except (NameError, TypeError, AttributeError):
        return {}
