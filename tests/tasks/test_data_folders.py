from pathlib import Path

import pytest

from tokay.tasks.data_folders import cache_dir, data_dir, replacing


def test_folders_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    for name in ("TOKAY_DATA", "TOKAY_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert data_dir() == Path("/home/someone/.cache/tokay")
    assert cache_dir() == Path("/home/someone/.cache/tokay/decoded")
    monkeypatch.setenv("TOKAY_DATA", "~/data")
    monkeypatch.setenv("TOKAY_CACHE", "")  # set but empty means not set
    assert data_dir() == Path("/home/someone/data")
    assert cache_dir() == Path("/home/someone/.cache/tokay/decoded")
    monkeypatch.setenv("TOKAY_CACHE", "/fast")
    assert cache_dir() == Path("/fast")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with replacing(target) as temporary:
        temporary.write_text("first")
        assert not target.exists()
    assert target.read_text() == "first"

    def interrupted() -> None:
        with replacing(target) as temporary:
            temporary.write_text("sec")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "first"
    assert list(target.parent.iterdir()) == [target]
