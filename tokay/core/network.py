"""Checks a network before training or adapting, and finds the shape of its output."""

from collections import OrderedDict
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import ConfigError, NetworkError
from .engine.exact_gradients import exact_gradients
from .task import TaskSpec

M = TypeVar("M", bound=nn.Module)


def device_of(net: nn.Module) -> torch.device:
    """Return the device of the weights of ``net``; the CPU if it has none."""
    return next((p.device for p in net.parameters()), torch.device("cpu"))


def find_device(name: str, *, where: str) -> torch.device:
    """Return the device of that name. Raises ``ConfigError``, beginning with ``where``, if this machine has none."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # fails on the device "meta", which holds no values
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{where}: device must be one that this machine has, got {name!r} ({reason}). Use cpu."
        ) from error
    return device


def _output_for_zeros(net: nn.Module, spec: TaskSpec, *, where: str, maps: bool = False) -> Tensor:
    """Return the output for two examples of zeros (batch statistics of one example are undefined).

    The output must be [2, n]; with ``maps`` it may also be [2, C, H, W].
    Raises ``NetworkError`` if the network fails, or if its output has another shape.
    """
    reference = next(net.parameters(), torch.zeros(()))
    dtype = reference.dtype if spec.x_type == "float" else torch.int64
    x = torch.zeros(2, *spec.x_shape, dtype=dtype, device=reference.device)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), exact_gradients():
            output = net(x)
    except NetworkError:
        raise
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        advice, kind = "Build it for this shape.", "" if x.is_floating_point() else " and dtype int64"
        if spec.x_type == "integer":
            advice = (
                "They are indices, so it must begin with an nn.Embedding, as the networks ngrams and embeddings do."
            )
        elif "indices" in reason:
            advice = 'If the inputs are indices, say TaskSpec(x_type="integer").'
        raise NetworkError(
            f"{where}: the network must take inputs of shape {tuple(x.shape)}{kind}, but fails on them ({reason}). {advice}"
        ) from error
    axes = (2, 4) if maps else (2,)
    if not isinstance(output, Tensor) or output.ndim not in axes or output.shape[0] != 2:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise NetworkError(
            f"{where}: the network must return a [2, n] {'or [2, C, H, W] ' if maps else ''}tensor for inputs of shape "
            f"{tuple(x.shape)}, got {shape}. Flatten its output."
        )
    return output


def check_statistics(net: nn.Module, *, where: str) -> None:
    """Raise ``NetworkError`` if a norm layer updates running statistics: they carry one task's data into the next."""
    for name, module in net.named_modules():
        if module.training and getattr(module, "track_running_stats", False):
            raise NetworkError(
                f"{where}: no layer may update running statistics during training, {name or 'the network'} "
                f"({type(module).__name__}) does. Build it with track_running_stats=False, convert the network with "
                "tokay.networks.batch_statistics(net), or freeze the statistics with net.eval()."
            )


def check_input_type(net: nn.Module, x: Tensor, *, where: str) -> None:
    """Raise ``NetworkError`` if the inputs ``x`` have another floating dtype than the weights of ``net``."""
    weights = next((p for p in net.parameters() if p.is_floating_point()), None)
    if weights is not None and x.is_floating_point() and x.dtype != weights.dtype:
        raise NetworkError(
            f"{where}: inputs and weights must have the same dtype, got {x.dtype} and {weights.dtype}. "
            "Convert the network (net.double(), net.float()) or the inputs."
        )


def check_outputs(net: nn.Module, spec: TaskSpec, *, where: str) -> None:
    """Raise ``NetworkError`` if the network does not have one output for each target of ``spec``."""
    outputs = _output_for_zeros(net, spec, where=where).shape[1]
    if outputs != spec.y_dim:
        raise NetworkError(
            f"{where}: the network must have {spec.y_dim} outputs for {spec.kind} with {spec.y_dim} "
            f"{'classes' if spec.kind == 'classification' else 'targets'}, got {outputs}. Change its last layer."
        )


def feature_size(backbone: nn.Module, spec: TaskSpec) -> int:
    """Run ``backbone`` on zeros and return its number of features per example."""
    check_statistics(backbone, where="backbone")
    return int(_output_for_zeros(backbone, spec, where="backbone").shape[1])


def map_shape(backbone: nn.Module, spec: TaskSpec) -> tuple[int, int, int]:
    """Run ``backbone`` on zeros and return (channels, height, width) of its output; n features count as (n, 1, 1).

    >>> map_shape(nn.Conv2d(1, 4, 3), TaskSpec(x_shape=(1, 8, 8), y_dim=2))
    (4, 6, 6)
    >>> map_shape(nn.Flatten(), TaskSpec(x_shape=(1, 8, 8), y_dim=2))
    (64, 1, 1)
    """
    check_statistics(backbone, where="backbone")
    channels, height, width = (*_output_for_zeros(backbone, spec, where="backbone", maps=True).shape[1:], 1, 1)[:3]
    return channels, height, width


def with_head(backbone: nn.Module, spec: TaskSpec) -> nn.Module:
    """Add a linear layer with ``spec.y_dim`` outputs. The parameters are named ``backbone.*`` and ``head.*``."""
    head = nn.Linear(feature_size(backbone, spec), spec.y_dim)
    return nn.Sequential(OrderedDict(backbone=backbone, head=head))


def require_network(kind: type[M], net: nn.Module, where: str) -> M:
    """Return ``net`` unchanged if its class is ``kind``, the class that the method's ``build`` returns.

    ``where`` starts the error message: the name of the method and what it needs.
    Raises ``TypeError`` if ``net`` has another class, for example if it is the network of another method.
    """
    if not isinstance(net, kind):
        raise TypeError(f"{where}, got {type(net).__name__}.")
    return net
