from pathlib import Path

import pytest

from tokay.tasks.data_folders import cache_dir, data_dir


def test_folders_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    for name in ("TOKAY_DATA", "TOKAY_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert data_dir() == Path("/home/someone/.cache/tokay")
    assert cache_dir() == Path("/home/someone/.cache/tokay/decoded")
    monkeypatch.setenv("TOKAY_DATA", "~/data")
    monkeypatch.setenv("TOKAY_CACHE", "")  # an empty value counts as not set
    assert data_dir() == Path("/home/someone/data")
    assert cache_dir() == Path("/home/someone/.cache/tokay/decoded")
    monkeypatch.setenv("TOKAY_CACHE", "/fast")
    assert cache_dir() == Path("/fast")
