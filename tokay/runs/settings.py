"""``run.json``: the settings of a run, written once and read by every command that uses the run.

Random draws are a pure function of (seed, step), so the step is all the random state there is to save.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from .._version import __version__
from ..core.algorithm import list_algorithms
from ..core.setting_types import show
from ..core.task import Sizes, TaskSpec
from ..errors import DataError
from ..files import read_json, write_json
from ..networks import list_networks
from ..tasks import list_sources
from ..training.config import FitConfig
from .data_record import keep_division
from .file_names import SETTINGS
from .format import FORMAT, convert
from .json_checksum import add_checksum, check_checksum, renew_checksum
from .machine import git_commit
from .run import Run
from .typed_json import read_dataclass, read_value


def write(path: Path, run: Run, spec: TaskSpec) -> None:
    """Write ``run.json`` into the folder ``path``. Raises ``DataError`` if it cannot be written."""
    data = {
        "format": FORMAT,
        "id": identify(run, spec),
        "tokay": __version__,
        "torch": torch.__version__,
        "commit": git_commit(),
        "spec": asdict(spec),
        **run_json(run),
    }
    write_json(path / SETTINGS, add_checksum(data))


def identify(run: Run, spec: TaskSpec) -> str:
    """The id of a run: a hash of what decides its weights, so equal runs have equal files.

    The number of steps and the patience are left out: the weights of a shorter run are on the way to those of a longer one.
    """
    settings = {**run_json(run), "spec": asdict(spec)}
    settings["fit"] = {name: value for name, value in settings["fit"].items() if name not in ("steps", "patience")}
    return blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def change_fit(path: Path, **changes: Any) -> None:
    """Write other values of ``FitConfig`` into the ``run.json`` of the folder ``path``; all else stays, the format too.

    Raises ``DataError`` if the file cannot be read or written.
    """
    data = read_json(path / SETTINGS)
    write_json(path / SETTINGS, renew_checksum({**data, "fit": {**data["fit"], **changes}}))


def read_id(path: Path) -> str | None:
    """The id of the run in the folder ``path``. None for a run of an earlier version."""
    run_id = convert(read_json(path / SETTINGS), str(path / SETTINGS)).get("id")
    if not isinstance(run_id, str | None):
        raise DataError(f"{path / SETTINGS}: id must be a text, got {type(run_id).__name__}. Take it from a backup.")
    return run_id


def run_json(run: Run) -> dict[str, Any]:
    """JSON for every setting of a run."""
    return {
        **{name: settings_json(getattr(run, name)) for name in ("algorithm", "source", "network")},
        **{name: asdict(getattr(run, name)) for name in ("test", "train", "fit")},
        "fewest_shots": run.fewest_shots,
        "fewest_ways": run.fewest_ways,
    }


def differences(run: Run, other: Run) -> list[tuple[str, Any, Any]]:
    """The settings in which two runs differ, as (name, value in ``run``, value in ``other``): ``fit.seed``, 0, 7.

    A part of another kind (another method, source or network) is one difference: its name.
    """
    rows: list[tuple[str, Any, Any]] = []
    for part, mine in run_json(run).items():
        theirs = run_json(other)[part]
        if not isinstance(mine, dict):
            rows += [(part, mine, theirs)] if mine != theirs else []
        elif mine.get("name") != theirs.get("name"):
            rows.append((part, mine.get("name"), theirs.get("name")))
        else:
            names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
            rows += [(f"{part}.{name}", mine.get(name), theirs.get(name)) for name in names]
    return rows


def check_run_folder(path: Path) -> None:
    """Raise ``DataError`` for a path that does not exist, and for one that is no run folder."""
    if not os.path.lexists(path):
        raise DataError(f"{path} does not exist. Give the folder that tokay train --out made.")
    if not (path / SETTINGS).is_file():
        raise DataError(
            f"{path}: is no run folder (it has no {SETTINGS}). Give the folder that tokay train --out made."
        )


def read(path: Path) -> tuple[Run, TaskSpec]:
    """The settings of the run folder ``path``, and what its tasks look like. Older formats are converted. The
    source keeps the division of its classes that the run has (`tokay.runs.data_record`).

    Raises ``DataError`` for a folder that is no run folder, that a newer Tokay wrote, or whose settings are damaged.
    """
    check_run_folder(path)
    where = str(path / SETTINGS)
    content = read_json(path / SETTINGS)
    data = convert(content, where)
    try:
        spec = read_dataclass(TaskSpec, data["spec"], "spec", where)
        if min((spec.y_dim, *spec.x_shape)) < 1:
            raise DataError(f"{where}: spec must have sizes of at least 1, got {spec}. Take it from a backup.")
        run = Run(
            algorithm=make_registered(list_algorithms(), data["algorithm"], "method", where),
            source=keep_division(path, make_registered(list_sources(), data["source"], "source", where)),
            network=make_registered(list_networks(), data["network"], "network", where),
            test=read_dataclass(Sizes, data["test"], "test", where),
            train=read_dataclass(Sizes, data["train"], "train", where),
            fit=read_dataclass(FitConfig, data["fit"], "fit", where),
            fewest_shots=read_value(int | None, data["fewest_shots"], "fewest_shots", where),
            fewest_ways=read_value(int | None, data["fewest_ways"], "fewest_ways", where),
        )
    except KeyError as error:
        raise DataError(f"{where}: misses or garbles {error}. Take it from a backup, or train again.") from error
    check_checksum(content, where)  # last: the other messages say what is wrong
    return run, spec


def settings_json(part: Any) -> dict[str, Any]:
    """JSON for the settings of a method, source or network. One of another package also names its module."""
    module = type(part).__module__
    return {"name": part.name, **({} if _is_ours(module) else {"module": module}), **asdict(part)}


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "tokay"


def make_registered(registry: Mapping[str, type[Any]], data: Any, what: str, where: str) -> Any:
    """The registered class that ``data`` names, with the settings in it. ``what`` and ``where`` are for error messages.

    Raises ``DataError`` if the name is not registered or a setting is unknown.
    """
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise DataError(
            f"{where}: the {what} must be a JSON object with a name, got {show(data)}. Take it from a backup."
        )
    name, module = data["name"], data.get("module")
    if name not in registry:
        origin = f"It was defined in {module}: add --import {module}, or import it first in Python."
        newer = "Does it belong to a newer Tokay, or to a package that is not installed?"
        raise DataError(
            f"{where}: the {what} {show(name)} is not known here, only {', '.join(registry)}. "
            f"{origin if isinstance(module, str) else newer}"
        )
    settings = {key: value for key, value in data.items() if key not in ("name", "module")}
    return read_dataclass(registry[name], settings, what, where)
