"""Saving and loading the weights of a run: safetensors only, atomically, and enough to go on bit for bit."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .._version import __version__
from ..errors import DataError
from ..files import read_tensors, write_tensors
from ..training.fit import FitState
from .file_names import MODEL, STATE
from .run import Run
from .settings import read


def save_model(path: Path, run: Run, net: nn.Module, state: FitState) -> None:
    """Write ``model.safetensors``: the best validated weights if there are any, else those of ``net``."""
    step = state.best_step if state.best_weights else state.step
    metadata = {"algorithm": run.algorithm.name, "step": str(step), "tokay": __version__}
    write_tensors(path / MODEL, state.best_weights or net.state_dict(), metadata)


def save_state(path: Path, run: Run, net: nn.Module, state: FitState) -> None:
    """Write ``state.safetensors``, one file, so that a kill never leaves weights of one step and moments of another."""
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best_weights.items()}
    if state.optimizer is not None:
        for index, moments in state.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{n}": value for n, value in moments.items() if isinstance(value, Tensor)}
    progress = {"step": state.step, "best_step": state.best_step, "best_score": state.best_score}
    metadata = {"algorithm": run.algorithm.name, "progress": json.dumps(progress), "tokay": __version__}
    write_tensors(path / STATE, tensors, metadata)


def load_model(
    path: Path, *, net: nn.Module | None = None, device: torch.device | str = "cpu"
) -> tuple[Run, nn.Module]:
    """The settings of a run and its network on ``device``, ready to adapt.

    ``net`` takes the weights in place of the network that the run describes. Raises ``DataError`` for weights that do
    not fit.
    """
    run, spec = read(path)
    net = run.build(spec) if net is None else net
    tensors, metadata = read_tensors(path / MODEL)
    _check_algorithm(path / MODEL, metadata, run)
    load_weights(net, tensors, path / MODEL)
    return run, net.to(device)


def load_state(path: Path, run: Run, net: nn.Module, optimizer: torch.optim.Optimizer | None) -> FitState:
    """Put ``net`` and ``optimizer`` back where the run stopped. A run killed before its first save starts at 0."""
    file = path / STATE
    if not file.exists():
        return FitState(optimizer=optimizer)
    tensors, metadata = read_tensors(file)
    _check_algorithm(file, metadata, run)
    load_weights(net, tensors_below("net.", tensors), file)
    if optimizer is not None:
        saved = optimizer.state_dict()
        moments: dict[int, dict[str, Any]] = {}
        for name, value in tensors_below("optimizer.", tensors).items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({**saved, "state": moments})
    progress = json.loads(metadata["progress"])
    return FitState(**progress, optimizer=optimizer, best_weights=tensors_below("best.", tensors))


def load_weights(net: nn.Module, tensors: dict[str, Tensor], where: Path) -> None:
    """Copy ``tensors`` into ``net``. ``DataError`` names the first weight that is missing, unexpected or of another shape."""
    own = net.state_dict()
    for name in {**own, **tensors}:
        if name not in tensors or name not in own:
            lacks = "lacks" if name not in tensors else "has"
            raise DataError(
                f"{where}: {lacks} the weight {name}, so it is of another network. Use the run it belongs to."
            )
        if own[name].shape != tensors[name].shape:
            raise DataError(
                f"{where}: the weight {name} must have shape {tuple(own[name].shape)}, got "
                f"{tuple(tensors[name].shape)}. It is of another network; use the run it belongs to."
            )
    net.load_state_dict(tensors)


def tensors_below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _check_algorithm(file: Path, metadata: dict[str, str], run: Run) -> None:
    """Refuse weights of another method. Raises ``DataError``."""
    if metadata.get("algorithm") != run.algorithm.name:
        raise DataError(
            f"{file}: must hold weights of {run.algorithm.name}, got those of {metadata.get('algorithm', 'no run')}. "
            "Use the run it belongs to."
        )
