"""The checksum inside a JSON file."""

import json
from typing import Any

import pytest

from tokay.errors import DataError
from tokay.runs.json_checksum import add_checksum, check_checksum, renew_checksum

GOOD: dict[str, Any] = {"steps": 3, "rate": 0.1, "limit": float("inf"), "parts": {"a": [1, None], "b": "\ud800"}}


def test_there_and_back() -> None:
    """The order of the keys and the layout do not matter."""
    data = json.loads(json.dumps(add_checksum(GOOD), indent=3))
    check_checksum(data, "file")
    check_checksum(dict(reversed(data.items())), "file")
    assert add_checksum(data) == data


@pytest.mark.parametrize("change", [{"steps": 4}, {"rate": 0.2}, {"parts": {}}, {"more": 1}, {"checksum": None}])
def test_a_change(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"^file: must match its checksum, but does not.* remove its checksum\.$"):
        check_checksum({**add_checksum(GOOD), **change}, "file")


def test_a_file_of_an_earlier_version_has_none() -> None:
    check_checksum(GOOD, "file")
    assert renew_checksum(GOOD) == GOOD
    assert renew_checksum({**add_checksum(GOOD), "steps": 4}) == add_checksum({**GOOD, "steps": 4})
