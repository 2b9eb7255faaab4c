"""Progress of slow reading and downloading: on stderr, and only where somebody watches."""

import pytest

from tokay.tasks.progress_bars import download_bar, watched


def test_items_pass_through_and_nothing_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(watched(iter("abc"), "reading", total=3)) == ["a", "b", "c"]
    with download_bar() as bar:
        bar.update(bar.add_task("fetching", total=10), completed=10)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_it_is_drawn_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the stream for a terminal
    assert list(watched(iter("abc"), "reading", total=3)) == ["a", "b", "c"]
    with download_bar() as bar:
        bar.update(bar.add_task("fetching", total=10), completed=10)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading" in err
    assert "fetching" in err
