"""What is asked of a network before anything is trained or adapted with it."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from ..errors import NetworkError
from .engine.exact_gradients import exact_gradients
from .task import TaskSpec


def device_of(net: nn.Module) -> torch.device:
    """Where the weights of ``net`` are; the CPU for a network without any."""
    return next((p.device for p in net.parameters()), torch.device("cpu"))


def _try_out(net: nn.Module, spec: TaskSpec, *, where: str, maps: bool = False) -> Tensor:
    """The output for two blank examples; with ``maps`` it may be feature maps. Two, because batch statistics of one are
    undefined."""
    reference = next(net.parameters(), torch.zeros(()))
    x = torch.zeros(2, *spec.x_shape, dtype=reference.dtype, device=reference.device)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), exact_gradients():
            output = net(x)
    except NetworkError:
        raise
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise NetworkError(
            f"{where}: the network must take inputs of shape {tuple(x.shape)}, and fails on them ({reason}). "
            "Build it for this shape."
        ) from error
    axes = (2, 4) if maps else (2,)
    if not isinstance(output, Tensor) or output.ndim not in axes or output.shape[0] != 2:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise NetworkError(
            f"{where}: the network must answer {tuple(x.shape)} with a [2, n] {'or [2, C, H, W] ' if maps else ''}tensor, "
            f"got {shape}. Flatten its output."
        )
    return output


def check_statistics(net: nn.Module, *, where: str) -> None:
    """Refuse layers that would carry one task's data into the next: norms that update running statistics."""
    for name, module in net.named_modules():
        if module.training and getattr(module, "track_running_stats", False):
            raise NetworkError(
                f"{where}: no layer may keep running statistics while it learns, {name or 'the network'} "
                f"({type(module).__name__}) does. Build it with track_running_stats=False, convert the network with "
                "tokay.networks.batch_statistics(net), or freeze the statistics with net.eval()."
            )


def check_outputs(net: nn.Module, spec: TaskSpec, *, where: str) -> None:
    """Refuse a network whose outputs are not the targets that ``spec`` asks for."""
    outputs = _try_out(net, spec, where=where).shape[1]
    if outputs != spec.y_dim:
        raise NetworkError(
            f"{where}: the network must have {spec.y_dim} outputs for {spec.kind} with {spec.y_dim} "
            f"{'classes' if spec.kind == 'classification' else 'targets'}, got {outputs}. Change its last layer."
        )


def feature_size(backbone: nn.Module, spec: TaskSpec) -> int:
    """How many features ``backbone`` gives for one example, found by trying it."""
    check_statistics(backbone, where="backbone")
    return int(_try_out(backbone, spec, where="backbone").shape[1])


def map_shape(backbone: nn.Module, spec: TaskSpec) -> tuple[int, int, int]:
    """Channels, height and width of the feature maps ``backbone`` gives; n features are n maps of one position.

    >>> map_shape(nn.Conv2d(1, 4, 3), TaskSpec(x_shape=(1, 8, 8), y_dim=2))
    (4, 6, 6)
    >>> map_shape(nn.Flatten(), TaskSpec(x_shape=(1, 8, 8), y_dim=2))
    (64, 1, 1)
    """
    check_statistics(backbone, where="backbone")
    channels, height, width = (*_try_out(backbone, spec, where="backbone", maps=True).shape[1:], 1, 1)[:3]
    return channels, height, width


def with_head(backbone: nn.Module, spec: TaskSpec) -> nn.Module:
    """``backbone`` followed by a linear layer to the targets; their parameters are named ``backbone.*``, ``head.*``."""
    head = nn.Linear(feature_size(backbone, spec), spec.y_dim)
    return nn.Sequential(OrderedDict(backbone=backbone, head=head))
