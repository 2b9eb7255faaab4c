"""A run folder: what was trained, its weights, and all it takes to go on.

``run.json``            every setting, the versions and the git commit
``model.safetensors``   the weights to use: the best validated step, or the last
``state.safetensors``   the weights to go on from, the outer optimizer's moments and the best weights
``metrics.jsonl``       one line per logged step

Random draws are a pure function of (seed, step), so the step is all the random state there is to save.
"""

import os
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from .._version import __version__
from ..core.algorithm import (Algorithm, list_algorithms)
from ..core.predictions import check_kind
from ..core.network import check_statistics
from ..core.seeding import derive_seed
from ..core.task import (Kind, Sizes, Split, TaskSource, TaskSpec)
from ..errors import (ConfigError, DataError, TokayError)
from ..files import (read_json, write_json)
from ..networks import (Network, list_networks)
from ..tasks import (VaryingShots, GrowingWays, Source, list_sources)
from ..training.fit import FitConfig

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Run:
    """Every setting of a run: with its weights, all it takes to use it or to go on."""

    algorithm: Algorithm[Any]
    source: Source
    network: Network
    test: Sizes
    train: Sizes
    fit: FitConfig
    fewest_shots: int | None = None
    """of training episodes, which then have from so many to ``train.shots``; always that many if left out"""
    fewest_ways: int | None = None
    """of training episodes, which then have from so many to ``train.ways``; always that many if left out"""

    def tasks(self, split: Split) -> TaskSource:
        """Episodes of ``split``, of the training sizes for ``train`` and of the test sizes otherwise."""
        if split == "train":
            tasks = (self.source.joint if self.algorithm.joint else self.source.tasks)(split, self.train)
            if self.fewest_shots is not None:
                tasks = VaryingShots(tasks, fewest=self.fewest_shots, shots=self.train.shots)
            if self.fewest_ways is not None:
                tasks = GrowingWays(tasks, fewest=self.fewest_ways, ways=self.train.ways)
            return tasks
        return self.source.tasks(split, self.test)

    def build(self, spec: TaskSpec) -> nn.Module:
        """The network for training tasks of ``spec``, initialised by the seed."""
        check_kind(self.algorithm, spec, where=self.source.name)
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(self.fit.seed, "weights"))
            net = self.algorithm.build(self.network.build(spec.x_shape), spec)
        check_statistics(net, where=self.algorithm.name)
        return net


def create(path: Path, run: Run, spec: TaskSpec, *, overwrite: bool) -> None:
    """Make the folder and write ``run.json``. An existing folder is refused without ``overwrite``."""
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: already exists. Add --overwrite to replace it, or go on with --resume {path}.")
    # A folder that a kill left before its run.json was renamed holds nothing but that file's temporary.
    replaceable = path.is_dir() and (
        (path / "run.json").is_file() or all(left.name.startswith(".run.json.") for left in path.iterdir())
    )
    if path.exists() and not replaceable:
        raise ConfigError(f"{path}: --overwrite only replaces a run folder, and this is none. Choose another --out.")
    try:
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: the folder cannot be made ({reason}). Choose another --out.") from error
    write_json(
        path / "run.json",
        {
            "tokay": __version__,
            "torch": torch.__version__,
            "commit": git_commit(),
            "spec": asdict(spec),
            **{name: _to_json(getattr(run, name)) for name in ("algorithm", "source", "network")},
            **{name: asdict(getattr(run, name)) for name in ("test", "train", "fit")},
            "fewest_shots": run.fewest_shots,
            "fewest_ways": run.fewest_ways,
        },
    )


def read(path: Path) -> tuple[Run, TaskSpec]:
    """The settings of a run folder. Raises ``DataError`` for a folder that is none."""
    if not (path / "run.json").is_file():
        raise DataError(f"{path}: is no run folder (it has no run.json). Give the folder that tokay train --out made.")
    data = read_json(path / "run.json")
    where = str(path / "run.json")
    try:
        kind: Kind = data["spec"]["kind"]
        run = Run(
            algorithm=_from_json(list_algorithms(), data["algorithm"], where),
            source=_from_json(list_sources(), data["source"], where),
            network=_from_json(list_networks(), data["network"], where),
            test=_make(Sizes, data["test"], where),
            train=_make(Sizes, data["train"], where),
            fit=_make(FitConfig, data["fit"], where),
            fewest_shots=data.get("fewest_shots"),  # runs of before have none
            fewest_ways=data.get("fewest_ways"),
        )
        return run, TaskSpec(x_shape=tuple(data["spec"]["x_shape"]), y_dim=data["spec"]["y_dim"], kind=kind)
    except TokayError:
        raise
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: misses or garbles {error}. Take it from a backup, or train again.") from error


def git_commit() -> str | None:
    """The commit of the working directory, or None outside a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def hardware() -> str:
    """Processor, cores, accelerator."""
    model = platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    for line in known.read_text(encoding="utf-8").splitlines() if known.exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    found = f"{model}, {os.cpu_count()} cores"
    return found + (f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "")


def _to_json(named: Any) -> dict[str, Any]:
    return {"name": named.name, **asdict(named)}


def _from_json(registry: dict[str, type[Any]], data: dict[str, Any], where: str) -> Any:
    name = data["name"]
    if name not in registry:
        raise DataError(f"{where}: {name!r} is not known here, only {', '.join(registry)}. Is it of a newer Tokay?")
    return _make(registry[name], {key: value for key, value in data.items() if key != "name"}, where)


def _make(kind: type[T], data: dict[str, Any], where: str) -> T:
    """A dataclass from its JSON: lists become the tuples they were."""
    unknown = data.keys() - {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise DataError(
            f"{where}: {kind.__name__} has no setting {', '.join(sorted(unknown))}. Is it of another Tokay?"
        )
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in data.items()})
