"""``run.json``: every setting there and back, and folders that are no runs."""

import contextlib
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import torch

from tokay.core.algorithm import list_algorithms
from tokay.core.task import Sizes, TaskSpec
from tokay.errors import ConfigError, DataError
from tokay.networks import Linear, list_networks
from tokay.runs.json_checksum import add_checksum
from tokay.runs.settings import change_fit, differences, identify, read, read_id
from tokay.tasks import list_sources
from tokay.training.fit import FitConfig

from .small_run import RUN, SPEC, create


def another(kind: Any, name: str, default: Any) -> Any:
    """A value that is valid for a setting and is not its default."""
    if get_args(kind) and any(isinstance(choice, str | int) for choice in get_args(kind)):  # Literal
        return next(choice for choice in get_args(kind) if choice != default)
    options = [inner for inner in get_args(kind) if inner is not type(None)]
    if get_origin(kind) is not tuple and options:  # X | None
        return another(options[0], name, default)
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        values = ("a", "b", "c") if kinds[0] is str else get_args(kinds[0]) or (3, 5, 7)
        return values if kinds[-1] is ... else values[: len(kinds)]
    if kind is bool:
        return not default
    if kind is str:
        return "else/where"
    return {int: 17, float: 0.125}[kind]


def altered(kind: type[Any]) -> list[Any]:
    """One instance per setting, with that setting changed, and one with none."""
    required = {f.name: another(f.type, f.name, None) for f in fields(kind) if f.default is MISSING}
    changed = [{f.name: another(f.type, f.name, f.default)} for f in fields(kind)]
    settings = [kind(**required)]
    for change in changed:
        for companion in ({}, *changed):  # some settings are allowed beside another one only
            with contextlib.suppress(ConfigError):
                settings.append(kind(**{**required, **companion, **change}))
                break
        else:
            pytest.fail(f"{kind.__name__} takes no {change}")
    return settings


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
        create(tmp_path / "run", run, SPEC)
        assert read(tmp_path / "run") == (run, SPEC)


def test_spec_survives(tmp_path: Path) -> None:
    for index, spec in enumerate((SPEC, TaskSpec(x_shape=(3, 84, 84), y_dim=5))):
        create(tmp_path / str(index), RUN, spec)
        assert read(tmp_path / str(index)) == (RUN, spec)


def test_what_is_recorded(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC)
    saved = json.loads((tmp_path / "run" / "run.json").read_text())
    assert saved["algorithm"] == {"name": "maml", **asdict(RUN.algorithm)}
    assert saved["algorithm"]["inner_lr"] == 0.01
    assert saved["torch"] == torch.__version__
    assert set(saved) == {
        *("format", "id", "tokay", "torch", "commit", "spec", "algorithm", "source", "network", "test", "train", "fit"),
        *("fewest_shots", "fewest_ways", "checksum"),
    }


def test_the_fewest_shots_and_ways_survive(tmp_path: Path) -> None:
    run = replace(RUN, fewest_shots=2, fewest_ways=3)
    create(tmp_path / "run", run, SPEC)
    assert read(tmp_path / "run") == (run, SPEC)


def test_a_part_of_another_package_names_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the message can say what to import, should it be missing."""
    create(tmp_path / "run", RUN, SPEC)
    file = tmp_path / "run" / "run.json"
    saved = json.loads(file.read_text())
    assert "module" not in saved["algorithm"]
    saved["algorithm"] = {"name": "centroid", "module": "mypackage.methods", "temperature": 1.0}
    file.write_text(json.dumps(saved))
    with pytest.raises(DataError, match=r"the method 'centroid' is not known here.* add --import mypackage\.methods"):
        read(tmp_path / "run")


def test_differences_of_runs() -> None:
    assert differences(RUN, replace(RUN)) == []
    other = replace(RUN, fit=replace(RUN.fit, seed=7), network=Linear(), fewest_ways=2, test=replace(RUN.test, shots=9))
    assert differences(RUN, other) == [
        ("network", "mlp", "linear"),
        ("test.shots", 5, 9),
        ("fit.seed", 0, 7),
        ("fewest_ways", None, 2),
    ]


BAD_VALUES: list[Any] = [
    *(None, True, -1, 0, 1.5, 10**30, -(10**400), float("nan"), float("inf"), "", "x" * 10_000, "\u0000"),
    *([], {}, [[]], [None], ["a"], {"name": 3}, {"name": []}, {"name": "mlp", "module": 7}),
]


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, key))


def with_value(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of ``data`` with another value at ``path``."""
    if not path:
        return value
    copy = deepcopy(data)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def test_any_value_at_any_place_is_read_or_refused_with_one_line(tmp_path: Path) -> None:
    file = create(tmp_path / "run") / "run.json"
    good = json.loads(file.read_text())
    messages = []
    for path in places(good):
        for value in BAD_VALUES:
            file.write_text(json.dumps(with_value(good, path, value)))
            try:
                read(tmp_path / "run")
                read_id(tmp_path / "run")
            except DataError as error:
                messages.append(str(error))
    assert len(messages) > 400
    for message in messages:
        assert str(file) in message
        assert "\n" not in message
        assert len(message) < len(str(file)) + 600


@pytest.mark.parametrize("name", ["spec", "algorithm", "source", "network", "test", "fit"])
def test_a_part_that_is_missing(tmp_path: Path, name: str) -> None:
    file = create(tmp_path / "run") / "run.json"
    settings = json.loads(file.read_text())
    del settings[name]
    file.write_text(json.dumps(settings))
    with pytest.raises(DataError, match=f"misses or garbles '{name}'"):
        read(tmp_path / "run")


@pytest.mark.parametrize(
    "part, name, value, message",
    [
        ("fit", "mode", "maybe", "fit.mode must be vmap or loop, got 'maybe'"),
        ("fit", "optimizer", "adamw", "fit.optimizer must be adam, sgd, rmsprop or null, got 'adamw'"),
        ("fit", "schedule", "steep", "fit.schedule must be constant, linear, cosine, halving or null"),
        ("fit", "steps", -3, "fit: steps must not be negative, got -3"),
        ("algorithm", "order", 3, "method.order must be 1 or 2, got 3"),
        ("network", "hidden", "8", "network.hidden must be a list"),
        ("spec", "kind", "art", "spec.kind must be classification, regression or sequence, got 'art'"),
        ("spec", "y_dim", 0, "spec must have sizes of at least 1"),
    ],
)
def test_settings_that_are_unknown_or_out_of_range(
    tmp_path: Path, part: str, name: str, value: Any, message: str
) -> None:
    file = create(tmp_path / "run") / "run.json"
    settings = json.loads(file.read_text())
    settings[part][name] = value
    file.write_text(json.dumps(settings))
    with pytest.raises(DataError) as caught:
        read(tmp_path / "run")
    assert str(caught.value).startswith(f"{file}: {message}")


def test_other_steps_change_nothing_else(tmp_path: Path) -> None:
    run = replace(RUN, fit=replace(RUN.fit, lr=0.5))
    path = create(tmp_path / "run", run, SPEC)
    previous = json.loads((path / "run.json").read_text())
    change_fit(path, steps=70, patience=4)
    assert read(path) == (replace(run, fit=replace(run.fit, steps=70, patience=4)), SPEC)
    settings = json.loads((path / "run.json").read_text())
    assert settings == add_checksum({**previous, "fit": {**previous["fit"], "steps": 70, "patience": 4}})
    assert list(path.iterdir()) == [path / "run.json"]


def test_the_length_of_a_run_is_not_in_its_id() -> None:
    longer = replace(RUN, fit=replace(RUN.fit, steps=99, patience=7))
    assert identify(longer, SPEC) == identify(RUN, SPEC)
    assert identify(replace(RUN, fit=replace(RUN.fit, seed=5)), SPEC) != identify(RUN, SPEC)


@pytest.mark.parametrize(
    "part, name, value", [("algorithm", "inner_lr", 0.02), ("test", "shots", 4), ("fit", "seed", 1)]
)
def test_a_good_value_that_is_not_that_of_the_run(tmp_path: Path, part: str, name: str, value: Any) -> None:
    """It would give other figures, and nobody would know. Who means it removes the checksum."""
    file = create(tmp_path / "run") / "run.json"
    settings = json.loads(file.read_text())
    settings[part][name] = value
    file.write_text(json.dumps(settings))
    with pytest.raises(DataError, match=r"run\.json: must match its checksum, but does not"):
        read(tmp_path / "run")
    settings.pop("checksum", None)
    file.write_text(json.dumps(settings))
    assert getattr(getattr(read(tmp_path / "run")[0], part), name) == value
