"""Classes and functions by import path: how a saved file names code without holding any.

A file must not be able to run code that its reader did not choose. So a path is resolved only in modules that are
already imported, and in ``tokay`` and ``torch.nn``: import the module of your network before you load its file.
"""

import sys
from importlib import import_module
from typing import Any

from ..errors import ConfigError, DataError

_TRUSTED = ("tokay", "torch.nn")


def import_path(code: Any, what: str) -> str:
    """``module:qualified.name`` of a class or function. ``what`` names it in the error message.

    Raises ``ConfigError`` for what another process cannot import: a lambda, a class in ``__main__`` or in a function.
    """
    module, name = getattr(code, "__module__", None), getattr(code, "__qualname__", None)
    if module is None or name is None or "<" in name or module == "__main__":
        place = "__main__" if module == "__main__" else "a function, or is a lambda"
        raise ConfigError(
            f"save: {what} must be importable by another process, {name or repr(code)} is defined in {place}. "
            "Move it to a module (mynets.py), import it from there and build the network again."
        )
    path = f"{module}:{name}"
    try:
        is_found = _find(sys.modules[module], name) is code
    except (KeyError, AttributeError):  # a class that was made at run time, by parametrize say
        is_found = False
    if not is_found:
        raise ConfigError(f"save: {what} must be importable, {path} is something else. Give it a name of its own.")
    return path


def resolve(path: str, where: str) -> Any:
    """What ``path`` names. Raises ``DataError`` if its module has not been imported, or lacks the name."""
    module, _, name = path.partition(":")
    if module not in sys.modules and not any(f"{module}.".startswith(f"{root}.") for root in _TRUSTED):
        raise DataError(
            f"{where}: needs {path}, and {module} has not been imported. Import it before you load the file "
            f"(--import {module} on the command line)."
        )
    try:
        return _find(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DataError(
            f"{where}: needs {path}, which does not exist ({error}). Install the version it had."
        ) from error


def _find(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module
