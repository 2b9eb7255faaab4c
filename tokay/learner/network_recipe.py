"""How a network is built again in another process: an import path with arguments, never a pickle.

Three ways to describe a network, from the most to the least explicit:

- a ``factory`` with a ``spec``: the factory makes the backbone, the method's ``build`` does the rest;
- a ``factory`` alone makes the whole network;
- neither: the class of the network and of its parts, with the arguments that are found as attributes of the same name,
  as the layers of torch have them (``nn.Linear.in_features``).

A factory is a class, a function that says that it returns an ``nn.Module``, a ``functools.partial`` of one of them, or
one of the registered networks (``tokay.networks.Conv4(filters=32)``).
"""

import inspect
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, get_type_hints

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.task import TaskSpec
from ..errors import ConfigError, DataError
from ..networks import Network, list_networks
from ..runs.settings import make_registered, settings_json
from .import_paths import import_path, resolve
from .network_difference import find_difference
from .state_codec import decode, encode

Factory = Callable[..., nn.Module] | Network
Recipe = dict[str, Any]
HELP = "Give save a factory: factory=functools.partial(MyNet, width=32), with spec=... if the method built the rest."


def describe(net: nn.Module, factory: Factory | None, spec: TaskSpec | None) -> Recipe:
    """The recipe of ``net`` as JSON. Raises ``ConfigError`` if another process could not follow it."""
    if factory is None:
        return {"module": _describe_module(net)}
    recipe: Recipe = {"spec": None if spec is None else asdict(spec)}
    if isinstance(factory, Network):
        if spec is None:
            raise ConfigError(
                "save: a registered network as factory needs spec=..., got none. Give the spec of its tasks."
            )
        return {**recipe, "network": settings_json(factory)}
    function, arguments, keywords = factory, (), {}
    if isinstance(factory, partial):
        function, arguments, keywords = factory.func, factory.args, factory.keywords
    path = import_path(function, "the factory of the network")
    if not _makes_modules(function):
        raise ConfigError(
            f"save: the factory must say that it makes an nn.Module, {path} does not. Annotate: -> nn.Module."
        )
    return {
        **recipe,
        "factory": path,
        "arguments": _encode([*arguments], path),
        "keywords": _encode({**keywords}, path),
    }


def build(recipe: Recipe, method: Algorithm[Any], where: str) -> nn.Module:
    """The network of ``recipe``, freshly initialised. Raises ``DataError`` for a recipe that cannot be followed."""
    if "module" in recipe:
        return _build_module(recipe["module"], where)
    spec = _spec(recipe["spec"])
    if "network" in recipe:
        network: Network = make_registered(list_networks(), recipe["network"], "network", where)
        if spec is None:
            raise DataError(f"{where}: a registered network needs a spec, got none. Take the file from a backup.")
        backbone = network.build(spec.x_shape)
    else:
        function = resolve(recipe["factory"], where)
        if not _makes_modules(function):
            raise DataError(f"{where}: {recipe['factory']} must make an nn.Module. Take the file from a backup.")
        arguments, keywords = (decode(recipe[part], {}, where) for part in ("arguments", "keywords"))
        backbone = function(*arguments, **keywords)
    return backbone if spec is None else method.build(backbone, spec)


def check(net: nn.Module, rebuilt: nn.Module, x: Tensor | None) -> None:
    """Refuse a recipe that makes another network than ``net``: other layers or settings, or another answer to ``x``.

    ``x`` is a batch of inputs, None if none are known. ``rebuilt`` has the weights of ``net``. Raises ``ConfigError``.
    """
    difference = find_difference(net, rebuilt)
    if difference is None and x is not None and not _answer_alike(net, rebuilt, x):
        difference = "it answers differently"
    if difference is not None:
        raise ConfigError(f"save: {type(net).__name__} cannot be built again from its recipe: {difference}. {HELP}")


def _answer_alike(net: nn.Module, rebuilt: nn.Module, x: Tensor) -> bool:
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            expected = net(x)
            torch.manual_seed(0)
            answers = rebuilt.to(x.device)(x)
    except NotImplementedError:  # a container of parts, which its method calls one by one
        return True
    return not isinstance(expected, Tensor) or torch.allclose(expected, answers, equal_nan=True)


def _describe_module(module: nn.Module) -> Recipe:
    path = import_path(type(module), "the class of the network")
    if type(module) in (nn.Sequential, nn.ModuleDict, nn.ModuleList):
        return {
            "class": path,
            "children": {name: _describe_module(child) for name, child in module._modules.items() if child},
        }
    keywords = {}
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name in ("self", "device", "dtype") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        is_torch_layer = type(module).__module__.startswith("torch.nn.")
        value = getattr(module, name, parameter.default if is_torch_layer else inspect.Parameter.empty)
        if value is inspect.Parameter.empty:
            raise ConfigError(f"save: {path} cannot be built again, its argument {name} is no attribute. {HELP}")
        keywords[name] = _describe_argument(value, parameter.default, f"{path}, argument {name}")
    return {"class": path, "keywords": keywords}


def _describe_argument(value: Any, default: Any, where: str) -> Any:
    if isinstance(value, nn.Module):
        return {"module": _describe_module(value)}
    if isinstance(value, Tensor):  # torch's layers take ``bias=True`` and hold the tensor under the same name
        value = True
    if value is None and isinstance(default, bool):
        value = False
    return {"value": _encode(value, where)}


def _build_module(recipe: Recipe, where: str) -> nn.Module:
    cls = resolve(recipe["class"], where)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise DataError(f"{where}: {recipe['class']} must be an nn.Module, and is not. Take the file from a backup.")
    if "children" in recipe:
        children = {name: _build_module(child, where) for name, child in recipe["children"].items()}
        if cls is nn.ModuleDict:
            return nn.ModuleDict(children)
        container = cls()
        for name, child in children.items():
            container.add_module(name, child)
        return container
    keywords = {
        name: _build_module(argument["module"], where) if "module" in argument else decode(argument["value"], {}, where)
        for name, argument in recipe["keywords"].items()
    }
    return cls(**keywords)


def _makes_modules(function: Any) -> bool:
    """A module class, or a function annotated to return one: a file cannot name any other function to be called."""
    product = function if isinstance(function, type) else None
    if product is None and inspect.isfunction(function):
        try:
            product = get_type_hints(function).get("return")
        except NameError:  # an annotation that names nothing says nothing
            return False
    return isinstance(product, type) and issubclass(product, nn.Module)


def _encode(value: Any, where: str) -> Any:
    tensors: dict[str, Tensor] = {}
    data = encode(value, tensors, what=f"an argument of the network ({where})")
    if tensors:
        raise ConfigError(f"save: an argument of the network must not be a tensor ({where}). {HELP}")
    return data


def _spec(data: dict[str, Any] | None) -> TaskSpec | None:
    return None if data is None else TaskSpec(**{**data, "x_shape": tuple(data["x_shape"])})
