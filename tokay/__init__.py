"""Tokay: learning to learn. Meta-train on many related tasks, then solve a new one from a handful of examples."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .api import *


def __getattr__(name: str) -> Any:
    """Import the public names at first use: ``import tokay`` itself needs no torch, so the command line starts at once."""
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    names = _public_names()
    globals().update(names)  # this function is not asked for them again
    if name == "__all__":
        return sorted(names)
    if name not in names:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return names[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_public_names()})


def _public_names() -> dict[str, Any]:
    api = import_module(".api", __name__)
    return {name: value for name, value in vars(api).items() if not name.startswith("_") and _is_ours(value)}


def _is_ours(value: Any) -> bool:
    """Whether a name of ``api`` is a class or a function of Tokay: modules that it imports are no public names."""
    return getattr(value, "__module__", "").startswith(__name__)
