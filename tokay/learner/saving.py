"""Save a method with its network, or an adapted learner, in one file; load it, or a run folder, as a ``Learner``.

The file is a safetensors file: weights, task state and support set as tensors, everything else as JSON in its metadata.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._version import __version__
from ..core.algorithm import Algorithm, list_algorithms
from ..core.task import Examples, TaskSpec
from ..errors import ConfigError, DataError, TokayError
from ..files import read_tensors, write_tensors
from ..runs.checkpoint import load_model, load_weights, tensors_below
from ..runs.settings import make_registered, read, settings_json
from .learner import Learner
from .network_recipe import HELP, Factory, build, check, describe
from .reader import decode_reader
from .rejection_codec import decode_rejection, encode_rejection
from .state_codec import decode, encode

FORMAT = 1
_KEY = "tokay_learner"


def save(
    learner_or_method: Learner | Algorithm[Any],
    net: nn.Module,
    path: str | Path,
    *,
    factory: Factory | None = None,
    spec: TaskSpec | None = None,
) -> None:
    """Write a method or a learner with its network ``net`` to the file ``path``; ``load`` makes a ``Learner`` of it.

    A learner that was fitted is saved with what it learned, so that another process predicts without adapting again.

    The file names the classes of the network by their import path, and holds no code. If the arguments of those classes
    cannot be found, say how to build the network: ``factory`` makes it, or makes the backbone of tasks like ``spec``,
    from which the method's ``build`` makes the rest (see ``network_recipe``).

    Raises ``ConfigError`` if another process could not build the network again: a lambda, a class in ``__main__``,
    unknown arguments. Raises ``DataError`` if the file cannot be written.
    """
    learner = learner_or_method if isinstance(learner_or_method, Learner) else Learner(learner_or_method, net)
    if learner.net is not net:
        raise ConfigError("save: net must be the network of the learner, got another one. Pass learner.net.")
    if not Path(path).name:
        raise ConfigError(f"save: path must name a file, got {str(path)!r}. Give one, such as mine.learner.")
    recipe = learner.recipe if factory is None and learner.recipe is not None else describe(net, factory, spec)
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    about = {
        "format": FORMAT,
        "algorithm": settings_json(learner.algorithm),
        "network": recipe,
        "evaluating": [name for name, module in net.named_modules() if not module.training],
        "frozen": [name for name, parameter in net.named_parameters() if not parameter.requires_grad],
        "learner": {
            "inductive": learner.inductive,
            "seed": learner.seed,
            "x_shape": learner.x_shape,
            "x_type": learner.x_type,
        },
        "task": _encode_task(learner, tensors),
        "reader": None if learner.reader is None else learner.reader.as_json(),
        "rejection": encode_rejection(learner.rejection, tensors),
    }
    try:
        rebuilt = _build(about, tensors, "save")
    except Exception as error:  # whatever a class or a factory says to the arguments that were found
        raise ConfigError(
            f"save: {type(net).__name__} cannot be built again from its recipe: {error}. {HELP}"
        ) from error
    check(net, rebuilt, learner.support.x if learner.is_fitted else _try_out_inputs(net, spec))
    write_tensors(Path(path), tensors, {_KEY: json.dumps(about), "tokay": __version__})


def load(path: str | Path, *, net: nn.Module | None = None, device: str = "cpu", inductive: bool = True) -> Learner:
    """A run folder, or a file that ``save`` wrote, as a ``Learner``.

    ``net`` takes the weights in place of the network that the run or the file describes. ``inductive`` is for run
    folders: a saved learner keeps its own setting.

    Raises ``DataError`` if there is no run and no learner at ``path``, if a newer Tokay wrote it, or if its weights are
    damaged or belong to another network; also if its network belongs to a module that has not been imported.
    """
    path = Path(path)
    if path.is_file():
        return _load_file(path, net, device)
    run, loaded_net = load_model(path, net=net, device=device)
    spec = read(path)[1]
    recipe = {"spec": asdict(spec), "network": settings_json(run.network)} if net is None else None
    return Learner(
        run.algorithm, loaded_net, inductive=inductive, x_shape=spec.x_shape, x_type=spec.x_type, recipe=recipe
    )


def _load_file(path: Path, net: nn.Module | None, device: str) -> Learner:
    tensors, metadata = read_tensors(path)
    if _KEY not in metadata:
        raise DataError(f"{path}: must be a file that tokay.save wrote, and is not. For a run, give its folder.")
    try:
        about = json.loads(metadata[_KEY])
        if about["format"] > FORMAT:
            raise DataError(
                f"{path}: has format {about['format']}, written by Tokay {metadata.get('tokay')}; this is Tokay "
                f"{__version__}, which reads formats up to {FORMAT}. Upgrade: pip install --upgrade tokay."
            )
        recipe = about["network"] if net is None else None
        if net is None:
            net = _build(about, tensors, str(path))
        else:
            load_weights(net, tensors_below("net.", tensors), path)
            _restore_modes(net, about)
        method = make_registered(list_algorithms(), about["algorithm"], "method", str(path))
        settings = about["learner"]
        x_shape = tuple(settings["x_shape"]) if settings.get("x_shape") else None  # older files have none
        learner = Learner(method, net.to(device), recipe=recipe, **{**settings, "x_shape": x_shape})
        # Copies: memory that safetensors hands out may begin anywhere, where kernels round otherwise.
        copies = {name: tensor.to(device, copy=True) for name, tensor in tensors.items()}
        _decode_task(learner, about["task"], copies, str(path))
        learner.reader = decode_reader(about.get("reader"), str(path))  # older files have neither
        learner.rejection = decode_rejection(about.get("rejection"), tensors, str(path))
        return learner
    except TokayError:
        raise
    except Exception as error:  # whatever a damaged file leads to
        raise DataError(
            f"{path}: is damaged ({type(error).__name__}: {error}). Take it from a backup, or save it again."
        ) from error


def _build(about: dict[str, Any], tensors: dict[str, Tensor], where: str) -> nn.Module:
    """The network that a file describes, with its weights, their dtypes, and what is frozen or in evaluation mode."""
    method = make_registered(list_algorithms(), about["algorithm"], "method", where)
    with torch.random.fork_rng(devices=[]):
        net = build(about["network"], method, where)
    weights = tensors_below("net.", tensors)
    for name, own in [*net.named_parameters(), *net.named_buffers()]:
        if name in weights:
            own.data = own.data.to(weights[name].dtype)
    load_weights(net, weights, Path(where))
    _restore_modes(net, about)
    return net


def _restore_modes(net: nn.Module, about: dict[str, Any]) -> None:
    """Freeze the weights, and put the layers into evaluation mode, that were so when ``net`` was saved."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name not in about["frozen"])
    for name, module in net.named_modules():
        module.training = name not in about["evaluating"]


def _encode_task(learner: Learner, tensors: dict[str, Tensor]) -> dict[str, Any] | None:
    """What a fitted learner knows of its task; None before ``fit``."""
    if not learner.is_fitted:
        return None
    tensors |= {"support.x": learner.support.x, "support.y": learner.support.y}
    task: dict[str, Any] = {"kind": learner.kind_, "state": encode(learner.state_, tensors)}
    if learner.kind_ == "classification":
        classes = learner.classes_
        if not all(isinstance(label, str | int | bool) for label in classes.tolist()):
            raise ConfigError(
                f"save: labels must be strings, integers or booleans, got {classes.dtype}. Convert them first."
            )
        return {**task, "classes": classes.tolist(), "dtype": classes.dtype.str}
    return {**task, "is_flat": learner.is_flat}


def _decode_task(learner: Learner, task: dict[str, Any] | None, tensors: dict[str, Tensor], where: str) -> None:
    if task is None:
        return
    learner.support = Examples(tensors["support.x"], tensors["support.y"])
    learner.kind_ = task["kind"]
    learner.state_ = decode(task["state"], tensors, where)
    if learner.kind_ == "classification":
        learner.classes_ = np.array(task["classes"], dtype=task["dtype"])
    else:
        learner.is_flat = task["is_flat"]
    learner.remember_support()


def _try_out_inputs(net: nn.Module, spec: TaskSpec | None) -> Tensor | None:
    reference = next(net.parameters(), torch.zeros(()))
    if spec is None:
        return None
    if spec.x_type == "integer":
        return torch.zeros(4, *spec.x_shape, dtype=torch.int64, device=reference.device)
    x = torch.randn(4, *spec.x_shape, generator=torch.Generator().manual_seed(0))
    return x.to(reference)
