"""Progress bars appear on stderr, and only on a terminal."""

import pytest

from tokay.tasks.progress_bars import download_bar, show_progress


def test_items_pass_through_and_nothing_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(show_progress(iter("abc"), "reading", total=3)) == ["a", "b", "c"]
    with download_bar() as bar:
        bar.update(bar.add_task("fetching", total=10), completed=10)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_it_is_drawn_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then treats the stream as a terminal
    assert list(show_progress(iter("abc"), "reading", total=3)) == ["a", "b", "c"]
    with download_bar() as bar:
        bar.update(bar.add_task("fetching", total=10), completed=10)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading" in err
    assert "fetching" in err
