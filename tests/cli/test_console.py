"""What is printed, and where."""

import json
from io import StringIO

import pytest
import torch

from tokay.cli.console import device_named, print_json, progress, shown, stderr, stdout, table
from tokay.errors import ConfigError
from tokay.evaluation.scores import Score


def test_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, 0.5], "b": {"c": None}})
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"a": [1, 0.5], "b": {"c": None}}
    assert printed.err == ""


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    print_json({"a": [float("nan"), 1.5], "b": {"c": float("inf")}})
    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found == {"a": [None, 1.5], "b": {"c": None}}


def test_results_and_everything_else_are_kept_apart(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.print("result :smile:")
    stderr.print("else :smile:")
    assert capsys.readouterr() == ("result :smile:\n", "else :smile:\n")


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("work") as bar:
        bar.update(bar.add_task("", total=2, text=""), completed=2, text="fine")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert all(words in printed.err for words in ("work", "2/2", "fine"))


def test_table_has_numbers_to_the_right() -> None:
    made = table("title", "name", "score")
    assert [column.justify for column in made.columns] == ["left", "right"]
    assert made.title == "title"


def test_scores_with_their_interval() -> None:
    assert shown("accuracy", Score(0.5, 0.25, 4, 0.5)) == "50.00 ± 25.00 %"
    assert shown("loss", Score(0.5, 0.25, 4, 0.5)) == "0.5000 ± 0.2500"


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match="device must be one that this machine has") as caught:
        device_named(name)
    assert "\n" not in str(caught.value)


def test_devices() -> None:
    assert device_named("cpu") == torch.device("cpu")
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_console_asks_for_its_stream_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = StringIO()
    monkeypatch.setattr("sys.stdout", elsewhere)
    stdout.print("here")
    assert elsewhere.getvalue() == "here\n"
