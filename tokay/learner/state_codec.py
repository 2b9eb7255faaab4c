"""Task states as plain data: nested tuples, lists and dictionaries of tensors to tensors and JSON, and back.

What ``adapt`` returns can be any nest of these. Nothing is pickled: tensors go to a dictionary by name, the nest to JSON.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..errors import ConfigError, DataError
from .import_paths import import_path, resolve

_PLAIN = (bool, int, float, str, type(None))
_TASK_STATE = "a task state"


def encode(value: Any, tensors: dict[str, Tensor], prefix: str = "state", *, what: str = _TASK_STATE) -> Any:
    """JSON for ``value``; its tensors are added to ``tensors`` under names that start with ``prefix``.
    ``what`` names the value in the error message.

    Raises ``ConfigError`` for anything but tensors, numbers, strings, None, tuples, lists and dictionaries.
    """
    if isinstance(value, Tensor):
        tensors[prefix] = value
        return {"tensor": prefix}
    if isinstance(value, _PLAIN):
        return {"value": value}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        names = value._fields
        parts = {name: encode(getattr(value, name), tensors, f"{prefix}.{name}", what=what) for name in names}
        return {"named tuple": import_path(type(value), "the class of a task state"), "parts": parts}
    if isinstance(value, tuple | list):
        parts_in_order = [encode(part, tensors, f"{prefix}.{index}", what=what) for index, part in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": parts_in_order}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dictionary": {key: encode(part, tensors, f"{prefix}.{key}", what=what) for key, part in value.items()}}
    advice = (
        "Let adapt return plain values, such as a NamedTuple of tensors."
        if what == _TASK_STATE
        else "Give save a factory with plain arguments from a module that can be imported: "
        "factory=functools.partial(MyNet, width=32)."
    )
    raise ConfigError(
        f"save: {what} must consist of tensors, numbers, strings, tuples, lists and dictionaries with strings as keys, "
        f"got {type(value).__name__}. {advice}"
    )


def decode(data: Any, tensors: Mapping[str, Tensor], where: str) -> Any:
    """The value that ``encode`` turned into ``data``. Raises ``DataError`` for anything else; ``where`` names the file."""
    try:
        return _decode(data, tensors, where)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, StopIteration) as error:
        raise DataError(f"{where}: a saved value is damaged ({error}). Take the file from a backup.") from error


def _decode(data: dict[str, Any], tensors: Mapping[str, Tensor], where: str) -> Any:
    kind = next(iter(data))
    content = data[kind]
    if kind == "tensor":
        return tensors[content]
    if kind == "value":
        return content
    if kind == "dictionary":
        return {key: _decode(part, tensors, where) for key, part in content.items()}
    if kind in ("tuple", "list"):
        parts = [_decode(part, tensors, where) for part in content]
        return tuple(parts) if kind == "tuple" else parts
    cls = resolve(content, where)
    if not (isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")):
        raise DataError(f"{where}: {content} must be a NamedTuple, and is not. Take the file from a backup.")
    return cls(**{name: _decode(part, tensors, where) for name, part in data["parts"].items()})
