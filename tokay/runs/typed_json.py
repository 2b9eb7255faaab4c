"""Values of JSON as the types that a dataclass declares: the one reader of the settings in a run folder.

Every value is checked against the annotation of its field, so that a damaged file gives one line, whatever it holds.
"""

from dataclasses import MISSING, fields
from typing import Any, TypeVar

from ..core.setting_types import NO_VALUE, as_type, describe_type, show, type_hints
from ..errors import DataError, TokayError

T = TypeVar("T")
_ADVICE = "Take it from a backup, or train again."


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
    hints = type_hints(kind)
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
    result = as_type(annotation, value)
    if result is NO_VALUE:
        raise DataError(f"{where}: {name} must be {describe_type(annotation)}, got {show(value)}. {_ADVICE}")
    return result
