"""A checksum inside a JSON file: a damaged value is refused, even if it looks like a good one."""

import json
from hashlib import blake2b
from typing import Any

from ..errors import DataError

_KEY = "checksum"


def add_checksum(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with a checksum of all its other keys. The order of the keys and the layout of the file do not matter.

    >>> add_checksum({"steps": 3})
    {'steps': 3, 'checksum': 'e380add7c382535d'}
    """
    content = _without_checksum(data)
    return {**content, _KEY: _compute(content)}


def renew_checksum(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with a fitting checksum if it has one: files of earlier versions have none, and stay so."""
    return add_checksum(data) if _KEY in data else data


def check_checksum(data: dict[str, Any], where: str) -> None:
    """Raise ``DataError`` if ``data`` from the file ``where`` has a checksum that does not fit.

    Files of earlier versions have none. Who changes a file by hand removes it.
    """
    if _KEY in data and data[_KEY] != _compute(_without_checksum(data)):
        raise DataError(
            f"{where}: must match its checksum, but does not: it was damaged or changed after it was written. "
            "Take it from a backup. If you changed it on purpose, remove its checksum."
        )


def _without_checksum(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != _KEY}


def _compute(content: dict[str, Any]) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()
