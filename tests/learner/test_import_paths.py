"""Code is named by its path, and only imported code is found again."""

import collections
import sys

import pytest
from torch import nn

from tokay import ConfigError, DataError
from tokay.learner.import_paths import import_path, resolve


def test_there_and_back() -> None:
    assert import_path(collections.OrderedDict, "it") == "collections:OrderedDict"
    for code in (nn.Linear, resolve):
        assert resolve(import_path(code, "it"), "file") is code


def test_what_cannot_be_imported() -> None:
    with pytest.raises(ConfigError, match="is defined in a function, or is a lambda"):
        import_path(lambda: None, "it")
    impostor = type("OrderedDict", (), {"__module__": "collections"})
    with pytest.raises(ConfigError, match="collections:OrderedDict is something else"):
        import_path(impostor, "it")


def test_nothing_is_imported_that_was_not_imported_before() -> None:
    assert "antigravity" not in sys.modules
    with pytest.raises(
        DataError, match=r"needs antigravity:geohash, and antigravity has not been imported\. Import it"
    ):
        resolve("antigravity:geohash", "file")
    assert "antigravity" not in sys.modules


def test_what_is_not_there() -> None:
    with pytest.raises(DataError, match="which does not exist"):
        resolve("torch.nn:NoSuchLayer", "file")
