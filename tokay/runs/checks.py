"""Checks of what a run folder holds, before any of it is used: names, shapes, dtypes, finite values, ranges."""

import json
import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.setting_types import show
from ..errors import DataError

_ADVICE = "Take it from a backup, or train again."


def check_weights(net: nn.Module, tensors: dict[str, Tensor], where: Path, *, same_dtypes: bool = False) -> None:
    """Raise ``DataError`` for the first of ``tensors`` that is no weight of ``net``, or is missing, or not finite.

    A floating weight may have another floating dtype than that of ``net``, unless ``same_dtypes``.
    """
    own = net.state_dict()
    for name in {**own, **tensors}:
        if name not in tensors or name not in own:
            lacks = "lacks" if name not in tensors else "has"
            raise DataError(
                f"{where}: {lacks} the weight {name}, so it is of another network. Use the run it belongs to."
            )
        mine, theirs = own[name], tensors[name]
        if mine.shape != theirs.shape:
            raise DataError(
                f"{where}: the weight {name} must have shape {tuple(mine.shape)}, got {tuple(theirs.shape)}. "
                "It is of another network; use the run it belongs to."
            )
        is_same_kind = mine.is_floating_point() and theirs.is_floating_point() and not same_dtypes
        if mine.dtype != theirs.dtype and not is_same_kind:
            raise DataError(f"{where}: the weight {name} must have dtype {mine.dtype}, got {theirs.dtype}. {_ADVICE}")
    bad_name = find_non_finite(net, tensors)
    if bad_name is not None:
        raise DataError(
            f"{where}: the weight {bad_name} must be finite, it holds NaN or infinity. Use a backup, or train again with a "
            "lower --lr."
        )


def find_non_finite(net: nn.Module, tensors: dict[str, Tensor]) -> str | None:
    """The first of the weights ``tensors`` of ``net`` that holds NaN or infinity.

    A buffer may hold infinity: masks of attention do.
    """
    parameters = {name for name, _ in net.named_parameters(remove_duplicate=False)}
    for name, tensor in tensors.items():
        is_bad = ~torch.isfinite(tensor) if name in parameters else torch.isnan(tensor)
        if bool(is_bad.any()):
            return name
    return None


def check_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor], step: int, where: Path) -> None:
    """Check the ``moments`` after ``step`` steps, named by weight and moment: ``0.exp_avg``.

    Raises ``DataError`` if one is missing, too many, of another shape or dtype, not finite, or counts other steps.
    """
    expected = _example_moments(optimizer) if step else {}
    for name in {**expected, **moments}:
        if name not in moments or name not in expected:
            lacks = "lacks" if name not in moments else "has"
            raise DataError(f"{where}: {lacks} the moment {name} of the outer optimizer. {_ADVICE}")
        mine, theirs = expected[name], moments[name]
        if (mine.shape, mine.dtype) != (theirs.shape, theirs.dtype):
            raise DataError(
                f"{where}: the moment {name} must have shape {tuple(mine.shape)} and dtype {mine.dtype}, got "
                f"{tuple(theirs.shape)} and {theirs.dtype}. {_ADVICE}"
            )
        if not bool(torch.isfinite(theirs).all()):
            raise DataError(f"{where}: the moment {name} must be finite, it holds NaN or infinity. {_ADVICE}")
        if name.endswith(".step") and not 1 <= float(theirs) <= step:
            raise DataError(f"{where}: the moment {name} must be from 1 to {step}, got {float(theirs):g}. {_ADVICE}")


def _example_moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments that a copy of ``optimizer`` has after one step."""
    copy = deepcopy(optimizer)
    for group in copy.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    copy.step()
    return flat_moments(copy)


def flat_moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments of ``optimizer``, by the number of their weight and their name: ``0.exp_avg``."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, moments in state.items()
        for name, value in moments.items()
        if isinstance(value, Tensor)
    }


def read_progress(metadata: dict[str, str], steps: int, *, has_best: bool, where: Path) -> dict[str, Any]:
    """The progress of a run of ``steps`` steps from the metadata of its state: the arguments of ``FitState``.

    ``has_best`` says whether there are best weights. Raises ``DataError`` for anything that no training writes.
    """
    try:
        progress = json.loads(metadata["progress"])
    except (KeyError, ValueError, RecursionError) as error:
        raise DataError(f"{where}: must hold the progress of a training, and does not. {_ADVICE}") from error
    if isinstance(progress, dict) and "best_step" in progress:  # earlier versions have no peak_step
        progress = {"peak_step": progress["best_step"], **progress}
    if not isinstance(progress, dict) or progress.keys() != {"step", "best_step", "best_score", "peak_step"}:
        raise DataError(
            f"{where}: the progress must be step, best_step, best_score and peak_step, and is not. {_ADVICE}"
        )
    check_step(progress["step"], "step", 0, steps, where)
    check_step(progress["best_step"], "best_step", int(has_best), progress["step"] if has_best else 0, where)
    check_step(progress["peak_step"], "peak_step", 0, progress["best_step"], where)
    score = progress["best_score"]
    if type(score) not in (int, float) or math.isnan(score) or (not has_best and score != -math.inf):
        raise DataError(f"{where}: best_score must be the score of the best weights, got {show(score)}. {_ADVICE}")
    return progress


def check_step(step: object, name: str, least: int, most: int, where: Path) -> None:
    """Raise ``DataError`` unless ``step`` is a whole number from ``least`` to ``most``."""
    if type(step) is not int or not least <= step <= most:
        allowed = f"{least}" if least == most else f"a whole number from {least} to {most}"
        raise DataError(f"{where}: {name} must be {allowed}, got {show(step)}. {_ADVICE}")
