"""``run.json``: the settings of a run, written once and read by every command that uses the run.

Random draws are a pure function of (seed, step), so the step is all the random state there is to save.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import torch

from .._version import __version__
from ..core.algorithm import list_algorithms
from ..core.task import Kind, Sizes, TaskSpec
from ..errors import ConfigError, DataError, TokayError
from ..files import read_json, write_json
from ..networks import list_networks
from ..tasks import list_sources
from ..training.config import FitConfig
from .file_names import SETTINGS
from .format import FORMAT, convert
from .machine import git_commit
from .run import Run

T = TypeVar("T")


def create(path: Path, run: Run, spec: TaskSpec, *, overwrite: bool) -> None:
    """Make the folder ``path`` and write ``run.json``. ``overwrite`` replaces an existing run folder.

    Raises ``ConfigError`` if the folder exists, or is no run folder; ``DataError`` if it cannot be made.
    """
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: already exists. Add --overwrite to replace it, or go on with --resume {path}.")
    if path.exists() and not _is_replaceable(path):
        raise ConfigError(f"{path}: --overwrite only replaces a run folder, and this is none. Choose another --out.")
    try:
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: the folder cannot be made ({reason}). Choose another --out.") from error
    write_json(
        path / SETTINGS,
        {
            "format": FORMAT,
            "tokay": __version__,
            "torch": torch.__version__,
            "commit": git_commit(),
            "spec": asdict(spec),
            **{name: settings_json(getattr(run, name)) for name in ("algorithm", "source", "network")},
            **{name: asdict(getattr(run, name)) for name in ("test", "train", "fit")},
            "fewest_shots": run.fewest_shots,
            "fewest_ways": run.fewest_ways,
        },
    )


def _is_replaceable(path: Path) -> bool:
    """A run folder, or one that a kill left before its ``run.json`` was renamed: only a temporary file lies there."""
    return path.is_dir() and (
        (path / SETTINGS).is_file() or all(file.name.startswith(f".{SETTINGS}.") for file in path.iterdir())
    )


def read(path: Path) -> tuple[Run, TaskSpec]:
    """The settings of the run folder ``path``, and what its tasks look like. Older formats are converted.

    Raises ``DataError`` for a folder that is no run folder, that a newer Tokay wrote, or whose settings are damaged.
    """
    if not (path / SETTINGS).is_file():
        raise DataError(
            f"{path}: is no run folder (it has no {SETTINGS}). Give the folder that tokay train --out made."
        )
    where = str(path / SETTINGS)
    data = convert(read_json(path / SETTINGS), where)
    try:
        kind: Kind = data["spec"]["kind"]
        run = Run(
            algorithm=make_registered(list_algorithms(), data["algorithm"], "method", where),
            source=make_registered(list_sources(), data["source"], "source", where),
            network=make_registered(list_networks(), data["network"], "network", where),
            test=_make(Sizes, data["test"], where),
            train=_make(Sizes, data["train"], where),
            fit=_make(FitConfig, data["fit"], where),
            fewest_shots=data["fewest_shots"],
            fewest_ways=data["fewest_ways"],
        )
        return run, TaskSpec(x_shape=tuple(data["spec"]["x_shape"]), y_dim=data["spec"]["y_dim"], kind=kind)
    except TokayError:
        raise
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: misses or garbles {error}. Take it from a backup, or train again.") from error


def settings_json(part: Any) -> dict[str, Any]:
    """JSON for the settings of a method, source or network. One of another package also names its module."""
    module = type(part).__module__
    return {"name": part.name, **({} if _is_ours(module) else {"module": module}), **asdict(part)}


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "tokay"


def make_registered(registry: Mapping[str, type[Any]], data: dict[str, Any], what: str, where: str) -> Any:
    """The registered class that ``data`` names, with the settings in it. ``what`` and ``where`` are for error messages.

    Raises ``DataError`` if the name is not registered or a setting is unknown.
    """
    name, module = data["name"], data.get("module")
    if name not in registry:
        origin = f"It was defined in {module}: add --import {module}, or import it first in Python."
        newer = "Does it belong to a newer Tokay, or to a package that is not installed?"
        raise DataError(
            f"{where}: the {what} {name!r} is not known here, only {', '.join(registry)}. {origin if module else newer}"
        )
    return _make(registry[name], {key: value for key, value in data.items() if key not in ("name", "module")}, where)


def _make(kind: type[T], data: dict[str, Any], where: str) -> T:
    """A dataclass from its JSON: lists become the tuples they were."""
    unknown = data.keys() - {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise DataError(
            f"{where}: {kind.__name__} has no setting {', '.join(sorted(unknown))}. Does it belong to another version?"
        )
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in data.items()})
