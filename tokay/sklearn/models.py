"""What ``model`` of an estimator may be: a run folder, a learner file, a learner, or a method."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, list_algorithms
from ..core.network import find_device
from ..core.task import Kind
from ..errors import ConfigError
from ..learner.learner import Learner
from ..learner.saving import load
from ..runs.settings import read
from ..training.job import Backbone, describe
from .table_inputs import TableInputs, table_inputs

Model = str | Path | Learner | Algorithm[Any]


class Start(NamedTuple):
    """What examples are given to."""

    method: Algorithm[Any]
    learner: Learner | None = None  # None: the method alone, without meta-training
    table: TableInputs | None = None  # for a run on a table: how its columns become inputs


def find_model(model: Model, network: Backbone, kind: Kind, *, device: str, where: str) -> Start:
    """The trained learner that ``model`` names, or the method without meta-training.

    Raises ``ConfigError`` for anything else, for a method of another ``kind``, and for a ``network`` beside a trained one.
    Raises ``DataError`` for a run or a file that is damaged.
    """
    if isinstance(model, str | Path):
        start = _load(model, kind, device, where)
    elif isinstance(model, Learner):
        start = Start(model.algorithm, model)
    elif isinstance(model, Algorithm):
        start = Start(model)
    else:
        raise ConfigError(
            f"{where}: model must be a run folder, a learner file, a Learner, or a method such as ProtoNet(), got "
            f"{describe(model)}. Pass one."
        )
    kinds = start.method.takes()
    if kind not in kinds:
        other = "FewShotRegressor" if kind == "classification" else "FewShotClassifier"
        raise ConfigError(f"{where}: {start.method.name} learns {' or '.join(kinds)}, not {kind}. Use {other}.")
    if start.learner is not None and network is not None:
        raise ConfigError(f"{where}: network is for a method without meta-training, model has a network. Leave it out.")
    return start


def with_seed(learner: Learner, seed: int) -> Learner:
    """A learner with the same method and network, that has learned nothing of a task."""
    return Learner(**{**learner.get_params(), "seed": seed})


def _load(model: str | Path, kind: Kind, device: str, where: str) -> Start:
    methods, path = list_algorithms(), Path(model)
    is_method = isinstance(model, str) and model in methods
    if is_method and path.exists():
        raise ConfigError(
            f"{where}: {model} is a method, and there is a file or folder of that name. Write ./{model} for the folder, or "
            f"{methods[str(model)].__name__}() for the method without meta-training."
        )
    if is_method:
        return Start(methods[str(model)]())
    if not path.exists():
        nearest = get_close_matches(str(model), methods, 1)
        raise ConfigError(
            f"{where}: model must be a run folder, a learner file or the name of a method, got {str(model)!r}. "
            + (f"Did you mean {nearest[0]}?" if nearest else "There is no such path and no such method.")
        )
    learner = load(path, device=str(find_device(device, where=where)))
    if path.is_file():
        return Start(learner.algorithm, learner)
    run, spec = read(path)
    if spec.kind != kind:
        raise ConfigError(
            f"{where}: {path} was trained on {spec.kind} tasks, which this estimator does not learn. Use another run, or "
            "the estimator of its kind."
        )
    return Start(learner.algorithm, learner, table_inputs(run.source))
