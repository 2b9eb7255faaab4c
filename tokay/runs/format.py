"""The format of ``run.json``: a number that grows when an older Tokay could no longer read what this one writes.

Format 0 has no number: it is what Tokay wrote before there was one. An older format is converted when it is read, one
step at a time. The files themselves stay as they are.
"""

from collections.abc import Callable
from typing import Any

from .._version import __version__
from ..core.setting_types import show
from ..errors import DataError

FORMAT = 3


def _from_0(data: dict[str, Any]) -> dict[str, Any]:
    """The first runs did not name the shortest training episodes: all episodes had one length."""
    return {"fewest_shots": None, "fewest_ways": None, **data}


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Runs had no id, and weights no checksum: nothing tied the files of a run to each other."""
    return {**data, "id": None}


def _from_2(data: dict[str, Any]) -> dict[str, Any]:
    """``run.json`` and ``data.json`` had no checksum, so a changed value was noticed only if it could not be."""
    return data


CONVERSIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {0: _from_0, 1: _from_1, 2: _from_2}
"""by the format that a function converts from, to the next one"""


def convert(data: Any, where: str) -> dict[str, Any]:
    """The content of a ``run.json`` in today's format. ``where`` names the file.

    Raises ``DataError`` for a file that a newer Tokay wrote, and for one that holds no settings.
    """
    if not isinstance(data, dict):
        raise DataError(f"{where}: must hold one JSON object, got {type(data).__name__}. Take it from a backup.")
    number = data.get("format", 0)
    if type(number) is not int or number < 0:
        raise DataError(
            f"{where}: format must be a number from 0 to {FORMAT}, got {show(number)}. Take it from a backup."
        )
    if number > FORMAT:
        raise DataError(
            f"{where}: has format {show(number)}, written by Tokay {str(data.get('tokay', 'of an unknown version'))[:40]}; "
            f"this is Tokay {__version__}, which reads formats up to {FORMAT}. Upgrade: pip install --upgrade tokay."
        )
    for older in range(number, FORMAT):
        data = CONVERSIONS[older](data)
    return {**data, "format": FORMAT}
