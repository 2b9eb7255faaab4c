"""Explains the error that torch raises for an operation without a second derivative."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import NetworkError

_MISSING = re.compile(r"derivative for (?:aten::)?'?(\w+)'? is not implemented")
_ONCE = "once_differentiable"


@contextmanager
def explain_missing_derivatives(where: str) -> Iterator[None]:
    """Raise ``NetworkError`` if the code inside needs a derivative that torch lacks; name the operation."""
    try:
        yield
    except RuntimeError as error:
        missing = _MISSING.search(str(error))
        if missing is None and _ONCE not in str(error):
            raise
        operation = (
            missing[1].removesuffix("_backward").strip("_") if missing else "a function marked once_differentiable"
        )
        raise NetworkError(
            f"{where}: every operation of the network must have a second derivative for second-order meta-gradients, "
            f"{operation} has none. Replace it, or use a first-order method (maml --order 1, reptile)."
        ) from error
