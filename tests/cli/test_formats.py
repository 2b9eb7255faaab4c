"""Formats, devices and the progress bar."""

import json

import pytest
import torch

from tokay.cli.formats import find_device, format_score, format_with_median, print_json, progress
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
    data = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert data == {"a": [None, 1.5], "b": {"c": None}}


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("work") as bar:
        bar.update(bar.add_task("", total=2, text=""), completed=2, text="fine")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert all(words in printed.err for words in ("work", "2/2", "fine"))


def test_scores_with_their_interval() -> None:
    assert format_score("accuracy", Score(0.5, 0.25, 4, 0.5)) == "50.00 ± 25.00 %"
    assert format_score("loss", Score(0.5, 0.25, 4, 0.5)) == "0.5000 ± 0.2500"
    assert format_with_median("mse", Score(0.5, 0.25, 4, 0.4)) == "0.5000 ± 0.2500, median 0.4000"


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match="device must be one that this machine has") as caught:
        find_device(name)
    assert "\n" not in str(caught.value)


def test_devices() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
