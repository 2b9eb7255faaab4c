"""Run folders of every format are read; a newer one says which version reads it."""

import json
import shutil
from pathlib import Path

import pytest

from tokay import DataError
from tokay.cli.main import main
from tokay.runs.checkpoint import load_model
from tokay.runs.format import CONVERSIONS, FORMAT, convert
from tokay.runs.settings import read

OLD = sorted(Path(__file__).parent.glob("format_*/*"))


def test_every_older_format_has_a_conversion() -> None:
    assert sorted(CONVERSIONS) == list(range(FORMAT))


def test_every_older_format_has_an_example() -> None:
    assert {old.parent.name for old in OLD} == {f"format_{number}" for number in range(FORMAT)}


def test_format_0_knew_no_fewest_shots() -> None:
    assert convert({}, "run.json") == {"format": FORMAT, "fewest_shots": None, "fewest_ways": None, "id": None}
    assert convert({"fewest_shots": 3}, "run.json")["fewest_shots"] == 3


@pytest.mark.parametrize("old", OLD, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_run_that_an_older_version_wrote(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written half way through its training: it loads, goes on to the end and is evaluated."""
    run = tmp_path / "run"
    shutil.copytree(old, run)
    number = int(old.parent.name.removeprefix("format_"))
    settings = (run / "run.json").read_bytes()
    assert json.loads(settings).get("format", 0) == number
    load_model(run)
    assert main(["train", "--resume", str(run)]) == 0
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"] == read(run)[0].fit.steps
    load_model(run)
    assert (run / "run.json").read_bytes() == settings
    capsys.readouterr()
    assert main(["evaluate", str(run), "--tasks", "3", "--seen-tasks", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == 3


def test_a_newer_format_names_the_versions(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(OLD[0], run)
    settings = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**settings, "format": FORMAT + 1, "tokay": "9.1.0"}))
    with pytest.raises(
        DataError, match=rf"has format {FORMAT + 1}, written by Tokay 9\.1\.0; this is Tokay .* up to {FORMAT}"
    ):
        read(run)


@pytest.mark.parametrize("number", ["one", -1, 1.5, None, True])
def test_a_format_that_is_no_number(number: object) -> None:
    with pytest.raises(DataError, match="format must be a number from 0"):
        convert({"format": number}, "run.json")


def test_settings_that_are_no_object() -> None:
    with pytest.raises(DataError, match="must hold one JSON object, got list"):
        convert([], "run.json")
