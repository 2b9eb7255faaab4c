"""Names that a user types: methods, sources, networks, commands."""

import difflib
from collections.abc import Sequence

from ..errors import ConfigError


def one_of(name: str, choices: Sequence[str], what: str) -> str:
    """``name``, if it is one of ``choices``. Raises ``ConfigError`` with the nearest choice if not."""
    if name in choices:
        return name
    raise ConfigError(
        f"tokay: the {what} must be one of {', '.join(choices)}, got {name!r}.{suggestion(name, choices)}"
    )


def suggestion(name: str, choices: Sequence[str]) -> str:
    """A sentence with the choice that is nearest to ``name``, after a space; empty if none is near.

    >>> suggestion("mamml", ["maml", "anil"])
    ' Did you mean maml?'
    """
    nearest = difflib.get_close_matches(name, choices, n=1)
    return f" Did you mean {nearest[0]}?" if nearest else ""
