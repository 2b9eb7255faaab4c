"""Saving and loading the weights of a run: safetensors only, atomically, and enough to go on bit for bit."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .._version import __version__
from ..core.network import device_of
from ..core.task import TaskSpec
from ..errors import DataError, DivergenceError, TokayError
from ..files import has_checksum, read_metadata, read_tensors, write_tensors
from ..training.fit import FitState
from .checks import check_moments, check_step, check_weights, find_non_finite, flat_moments, read_progress
from .file_names import MODEL, SETTINGS, STATE
from .machine import describe_change, describe_computation
from .run import Run
from .settings import read, read_id


def save_model(path: Path, run: Run, net: nn.Module, state: FitState) -> None:
    """Write ``model.safetensors``: the best validated weights if there are any, else those of ``net``.

    Raises ``DivergenceError``, and writes nothing, if a weight is not finite.
    """
    step = state.best_step if state.best_weights else state.step
    weights = state.best_weights or net.state_dict()
    _check_finite(run, net, weights, step)
    write_tensors(path / MODEL, weights, {**_origin(path, run), "step": str(step)})


def save_state(path: Path, run: Run, net: nn.Module, state: FitState) -> None:
    """Write ``state.safetensors``, one file, so that a kill never leaves weights of one step and moments of another.

    Raises ``DivergenceError``, and writes nothing, if a weight or moment is not finite.
    """
    moments = {} if state.optimizer is None else flat_moments(state.optimizer)
    _check_finite(run, net, net.state_dict(), state.step)
    _check_finite(run, net, state.best_weights, state.best_step)
    _check_finite(run, None, moments, state.step)
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best_weights.items()}
    tensors |= {f"optimizer.{name}": value for name, value in moments.items()}
    progress = {name: getattr(state, name) for name in ("step", "best_step", "best_score", "peak_step")}
    computation = json.dumps(describe_computation(device_of(net)))
    metadata = {**_origin(path, run), "progress": json.dumps(progress), "computation": computation}
    write_tensors(path / STATE, tensors, metadata)


def computation_change(path: Path, device: torch.device) -> str:
    """How this process computes otherwise than the last save in ``path``: ``threads 1, now 2``. Empty if it does not."""
    if not (path / STATE).exists():
        return ""
    return describe_change(read_metadata(path / STATE).get("computation"), describe_computation(device))


def load_model(
    path: Path, *, net: nn.Module | None = None, device: torch.device | str = "cpu"
) -> tuple[Run, nn.Module]:
    """The settings of a run and its network on ``device``, ready to adapt.

    ``net`` takes the weights in place of the network that the run describes. Raises ``DataError`` for weights that do
    not fit, are not finite, or belong to another run.
    """
    run, spec = read(path)
    file, is_described = path / MODEL, net is None
    net = build_network(path, run, spec) if net is None else net
    tensors, metadata = read_tensors(file)
    _check_origin(path, file, metadata, run)
    check_weights(net, tensors, file, same_dtypes=is_described)
    _check_checksum(path, file)
    step = metadata.get("step", "")
    check_step(int(step) if step.isdecimal() and len(step) < 20 else step, "step", 0, run.fit.steps, file)
    net.load_state_dict(tensors)
    return run, net.to(device)


def load_state(path: Path, run: Run, net: nn.Module, optimizer: torch.optim.Optimizer | None) -> FitState:
    """Put ``net`` and ``optimizer`` back where the run stopped. A run killed before its first save starts at 0.

    Raises ``DataError``, with both unchanged, for a state that is damaged or not of this run.
    """
    file = path / STATE
    if not os.path.lexists(file):  # a link to nowhere is a file that is lost
        return FitState(optimizer=optimizer)
    tensors, metadata = read_tensors(file)
    _check_origin(path, file, metadata, run)
    parts = {prefix: tensors_below(f"{prefix}.", tensors) for prefix in ("net", "best", "optimizer")}
    if len(tensors) != sum(map(len, parts.values())):
        name = next(name for name in tensors if name.split(".")[0] not in parts)
        raise DataError(f"{file}: has the tensor {name}, which is of no state. Take it from a backup, or train again.")
    progress = read_progress(metadata, run.fit.steps, has_best=bool(parts["best"]), where=file)
    check_weights(net, parts["net"], file, same_dtypes=True)
    if parts["best"]:
        check_weights(net, parts["best"], file, same_dtypes=True)
    if optimizer is not None:
        check_moments(optimizer, parts["optimizer"], progress["step"], file)
    _check_checksum(path, file)
    net.load_state_dict(parts["net"])
    if optimizer is not None:
        moments: dict[int, dict[str, Any]] = {}
        for name, value in parts["optimizer"].items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return FitState(**progress, optimizer=optimizer, best_weights=parts["best"])


def load_weights(net: nn.Module, tensors: dict[str, Tensor], where: Path) -> None:
    """Copy ``tensors`` into ``net``. ``DataError`` names the first weight that is missing, unexpected, of another shape or
    kind, or not finite.
    """
    check_weights(net, tensors, where)
    net.load_state_dict(tensors)


def build_network(path: Path, run: Run, spec: TaskSpec) -> nn.Module:
    """The network that the settings in ``path`` describe. Raises ``DataError`` if torch cannot build it."""
    try:
        return run.build(spec)
    except TokayError:
        raise
    except (RuntimeError, MemoryError, ValueError, TypeError, ArithmeticError, LookupError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(
            f"{path / SETTINGS}: the network that it describes cannot be built ({reason}). Take it from a backup."
        ) from error


def tensors_below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _check_finite(run: Run, net: nn.Module | None, tensors: dict[str, Tensor], step: int) -> None:
    """Refuse to save what nobody could use. Without ``net``, every tensor must be finite."""
    if net is not None:
        what, name = "the weights", find_non_finite(net, tensors)
    else:
        bad_names = (name for name, value in tensors.items() if not bool(torch.isfinite(value).all()))
        what, name = "the moments of the outer optimizer", next(bad_names, None)
    if name is not None:
        raise DivergenceError(
            f"{run.algorithm.name}: {what} must stay finite, after step {step} {name} holds NaN or infinity. "
            "This step is not saved. Lower --lr or --inner-lr, or set --clip-norm 10."
        )


def _origin(path: Path, run: Run) -> dict[str, str]:
    """The metadata that say where weights come from. Runs of earlier versions have no id."""
    run_id = read_id(path)
    return {"algorithm": run.algorithm.name, "tokay": __version__, **({} if run_id is None else {"run": run_id})}


def _check_origin(path: Path, file: Path, metadata: dict[str, str], run: Run) -> None:
    """Refuse weights of another method or another run. Raises ``DataError``."""
    if metadata.get("algorithm") != run.algorithm.name:
        raise DataError(
            f"{file}: must hold weights of {run.algorithm.name}, got those of {metadata.get('algorithm', 'no run')}. "
            "Use the run it belongs to."
        )
    run_id, origin = read_id(path), metadata.get("run")
    if origin != run_id:
        raise DataError(
            f"{file}: must hold weights of the run {run_id or 'without id'}, got those of {origin or 'a run without id'}. "
            "Use the run it belongs to."
        )


def _check_checksum(path: Path, file: Path) -> None:
    """Refuse a file that has lost its checksum. Runs of earlier versions have neither id nor checksum."""
    if read_id(path) is not None and not has_checksum(file):
        raise DataError(f"{file}: must have a checksum, and has none. Take it from a backup, or train again.")
