"""``run.json``: every setting there and back, and folders that are no runs."""

import json
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import torch

from tokay.core.algorithm import list_algorithms
from tokay.core.task import Sizes, TaskSpec
from tokay.errors import ConfigError, DataError
from tokay.networks import list_networks
from tokay.runs.settings import create, read
from tokay.tasks import list_sources
from tokay.training.fit import FitConfig

from .small_run import RUN, SPEC


def another(kind: Any, name: str, default: Any) -> Any:
    """A value that is valid for a setting and is not its default."""
    if get_args(kind) and any(isinstance(choice, str | int) for choice in get_args(kind)):  # Literal
        return next(choice for choice in get_args(kind) if choice != default)
    options = [inner for inner in get_args(kind) if inner is not type(None)]
    if get_origin(kind) is not tuple and options:  # X | None
        return another(options[0], name, default)
    if get_origin(kind) is tuple:
        return (3, 5, 7)
    if kind is bool:
        return not default
    if kind is str:
        return "else/where"
    return {int: 17, float: 0.125}[kind]


def altered(kind: type[Any]) -> list[Any]:
    """One instance per setting, with that setting changed, and one with none."""
    required = {f.name: another(f.type, f.name, None) for f in fields(kind) if f.default is MISSING}
    changed = [{f.name: another(f.type, f.name, f.default)} for f in fields(kind)]
    return [kind(**{**required, **change}) for change in ({}, *changed)]


@pytest.mark.parametrize("part", ["algorithm", "source", "network", "test", "train", "fit"])
def test_every_setting_of_everything_registered_survives(tmp_path: Path, part: str) -> None:
    registered: dict[str, list[type[Any]]] = {
        "algorithm": list(list_algorithms().values()),
        "source": list(list_sources().values()),
        "network": list(list_networks().values()),
        "test": [Sizes],
        "train": [Sizes],
        "fit": [FitConfig],
    }
    all_settings = [settings for kind in registered[part] for settings in altered(kind)]
    assert len(set(all_settings)) > len(registered[part])
    for settings in all_settings:
        run = replace(RUN, **{part: settings})
        create(tmp_path / "run", run, SPEC, overwrite=True)
        assert read(tmp_path / "run") == (run, SPEC)


def test_spec_survives(tmp_path: Path) -> None:
    for index, spec in enumerate((SPEC, TaskSpec(x_shape=(3, 84, 84), y_dim=5))):
        create(tmp_path / str(index), RUN, spec, overwrite=False)
        assert read(tmp_path / str(index)) == (RUN, spec)


def test_what_is_recorded(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    saved = json.loads((tmp_path / "run" / "run.json").read_text())
    assert saved["algorithm"] == {"name": "maml", **asdict(RUN.algorithm)}
    assert saved["algorithm"]["inner_lr"] == 0.01
    assert saved["torch"] == torch.__version__
    assert set(saved) == {
        *("format", "tokay", "torch", "commit", "spec", "algorithm", "source", "network", "test", "train", "fit"),
        *("fewest_shots", "fewest_ways"),
    }


def test_the_fewest_shots_and_ways_survive(tmp_path: Path) -> None:
    run = replace(RUN, fewest_shots=2, fewest_ways=3)
    create(tmp_path / "run", run, SPEC, overwrite=False)
    assert read(tmp_path / "run") == (run, SPEC)


def test_a_part_of_another_package_names_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the message can say what to import, should it be missing."""
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    file = tmp_path / "run" / "run.json"
    saved = json.loads(file.read_text())
    assert "module" not in saved["algorithm"]
    saved["algorithm"] = {"name": "centroid", "module": "mypackage.methods", "temperature": 1.0}
    file.write_text(json.dumps(saved))
    with pytest.raises(DataError, match=r"the method 'centroid' is not known here.* add --import mypackage\.methods"):
        read(tmp_path / "run")


def test_an_existing_folder(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    (tmp_path / "run" / "old.png").write_text("")
    with pytest.raises(ConfigError, match=r"already exists\. Add --overwrite to replace it, or go on with --resume"):
        create(tmp_path / "run", RUN, SPEC, overwrite=False)
    assert (tmp_path / "run" / "old.png").exists()
    create(tmp_path / "run", RUN, SPEC, overwrite=True)
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["run.json"]


def test_overwriting_an_empty_folder_and_one_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty", RUN, SPEC, overwrite=True)
    assert read(tmp_path / "empty") == (RUN, SPEC)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("")
    with pytest.raises(ConfigError, match="--overwrite only replaces a run folder"):
        create(tmp_path / "home", RUN, SPEC, overwrite=True)
    assert (tmp_path / "home" / "letter.txt").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with pytest.raises(DataError, match="cannot be made"):
        create(tmp_path / "link", RUN, SPEC, overwrite=True)
    assert read(tmp_path / "run") == (RUN, SPEC)


def _be_killed(*args: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_that_a_kill_left_before_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file of ``run.json`` is all there is. ``--overwrite`` takes the folder for the run that it was to be."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _be_killed)
        patch.setattr(Path, "unlink", lambda *args, **options: None)  # a killed process cleans nothing up
        with pytest.raises(KeyboardInterrupt):
            create(tmp_path / "run", RUN, SPEC, overwrite=False)
    assert [file.suffix for file in (tmp_path / "run").iterdir()] == [".tmp"]
    create(tmp_path / "run", RUN, SPEC, overwrite=True)
    assert read(tmp_path / "run") == (RUN, SPEC)
