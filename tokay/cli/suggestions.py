"""Names that a user types: methods, sources, networks, commands."""

import difflib
from collections.abc import Sequence

from ..errors import ConfigError

MOST_NAMES = 40
"""a longer list of names is not printed: a command lists them"""
_MOST_MATCHES = 3


def one_of(name: str, choices: Sequence[str], what: str) -> str:
    """``name``, if it is one of ``choices``. Raises ``ConfigError`` with the nearest choices if not."""
    if name in choices:
        return name
    if len(choices) > MOST_NAMES:
        raise ConfigError(
            f"tokay: there is no {what} {name!r}.{suggestion(name, choices)} tokay list {what}s shows all."
        )
    raise ConfigError(
        f"tokay: the {what} must be one of {', '.join(choices)}, got {name!r}.{suggestion(name, choices)}"
    )


def suggestion(name: str, choices: Sequence[str]) -> str:
    """A sentence with the choices that begin with ``name``, or else the nearest one, after a space. Empty if none is near.

    >>> suggestion("mamml", ["maml", "anil"])
    ' Did you mean maml?'
    >>> suggestion("maml", ["maml-omniglot", "maml-sinusoid", "leo"])
    ' Did you mean maml-omniglot, maml-sinusoid?'
    """
    matches = [choice for choice in choices if choice.startswith(name)] if name.strip("-") else []
    matches = matches or difflib.get_close_matches(name, choices, n=1)
    if not matches:
        return ""
    more = ", ..." if len(matches) > _MOST_MATCHES else ""
    return f" Did you mean {', '.join(matches[:_MOST_MATCHES])}{more}?"
