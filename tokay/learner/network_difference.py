"""Whether two networks are the same: every layer, setting and buffer, and which weights they share.

Equal names and shapes of weights are not enough: a network with another activation has the same weights.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

_INTERNAL = frozenset(vars(nn.Module()))  # what every module has: parameters, buffers, hooks, modes


def find_difference(net: nn.Module, rebuilt: nn.Module) -> str | None:
    """The first difference between ``net`` and ``rebuilt`` in words; None if there is none. Saved weights do not count."""
    modules, others = (dict(n.named_modules(remove_duplicate=False)) for n in (net, rebuilt))
    for name in {**modules, **others}:
        if name not in modules or name not in others:
            return f"the layer {name} is only in {'the network' if name in modules else 'what the recipe makes'}"
        difference = _difference_of_layers(modules[name], others[name])
        if difference is not None:
            return f"{name or 'the network'} {difference}"
    if _shared_weights(net) != _shared_weights(rebuilt):
        return "layers of the network share weights, which the recipe does not make"
    return None


def _difference_of_layers(layer: nn.Module, other: nn.Module) -> str | None:
    if type(layer) is not type(other):
        return f"is a {type(layer).__name__}, the recipe makes a {type(other).__name__}"
    settings, others = ({k: v for k, v in vars(n).items() if k not in _INTERNAL} for n in (layer, other))
    buffers, other_buffers = (
        {k: v for k, v in n._buffers.items() if k in n._non_persistent_buffers_set} for n in (layer, other)
    )
    for own, theirs in ((settings, others), (buffers, other_buffers)):
        for name in {**own, **theirs}:
            if name not in own or name not in theirs or not _is_alike(own[name], theirs[name]):
                return f"has another {name}"
    return None


def _is_alike(value: Any, other: Any) -> bool:
    if type(value) is not type(other):
        return False
    if isinstance(value, Tensor):
        return torch.equal(value, other)
    if isinstance(value, nn.Module):  # compared as a layer
        return True
    if isinstance(value, Mapping):
        return value.keys() == other.keys() and all(_is_alike(value[key], other[key]) for key in value)
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(_is_alike, value, other))
    if callable(value):
        return bool(getattr(value, "__code__", value) == getattr(other, "__code__", other))
    is_comparable = is_dataclass(value) or isinstance(value, bool | int | float | str | type(None) | torch.dtype)
    return bool(value == other) if is_comparable else True


def _shared_weights(net: nn.Module) -> set[tuple[str, ...]]:
    """The names of parameters that are one and the same tensor, group by group."""
    names = defaultdict(list)
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names[id(parameter)].append(name)
    return {tuple(group) for group in names.values() if len(group) > 1}
