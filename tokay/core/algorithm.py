"""The base class of all methods: hyper-parameters, and a few pure functions of one task."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Self, TypeVar, get_args

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from .cost import Cost
from .network import with_head
from .objectives import Metrics, metrics
from .outer_optimizer import Outer as Outer
from .recipe import Recipe
from .registry import Registry, path_of
from .setting_types import Settings
from .task import Examples, Kind, Sizes, Task, TaskSpec

State = TypeVar("State")
_algorithms: Registry["Algorithm[Any]"] = Registry("algorithm", home="tokay.algorithms", group="tokay.algorithms")


@dataclass(frozen=True, kw_only=True)
class Algorithm(Settings, ABC, Generic[State]):
    """One method of learning to learn, written for **one task**; ``over_tasks`` maps it over many.

    The fields are the hyper-parameters. The ``nn.Module`` holds the meta-weights; a method reads it and never changes it.
    ``adapt`` returns what the method learns from a task. A subclass with a name is final and registers itself under that
    name, which the command line uses: ``class MAML(Algorithm[Params], name="maml")``.
    """

    name: ClassVar[str]
    reference: ClassVar[str]  # the paper, shown by `tokay list`
    summary: ClassVar[str]  # one line, shown by `tokay list`
    cost: ClassVar[Cost]  # what it minimises, shown by `tokay list costs`
    recipes: ClassVar[tuple[Recipe, ...]] = ()  # the paper's settings, run by `tokay reproduce`
    outer: ClassVar[Outer] = Outer()
    network: ClassVar[str] = "conv4"  # the paper's backbone for images
    vector_network: ClassVar[str | None] = None  # and for everything else; None: what the source names
    meta_batch: ClassVar[int] = 16  # tasks per outer step in the paper
    kinds: ClassVar[tuple[Kind, ...]] = ("classification", "regression")
    any_ways: ClassVar[bool] = False  # can be tested with more or fewer classes than it was trained with
    class_means: ClassVar[bool] = False  # the state is the mean embedding of each class, [ways, features]
    ordered: ClassVar[bool] = False  # reads the support set as a sequence: the order of its examples matters
    joint: ClassVar[bool] = False  # trains on ordinary mini-batches of all classes instead of on episodes
    compares_inputs: ClassVar[bool] = False  # works without a network too: then it compares the inputs themselves
    needs_training: ClassVar[str] = ""  # the reason why it only guesses without meta-training, if it does
    refuses_indices: ClassVar[str] = ""  # the reason why inputs cannot be indices (of words, of items), if they cannot
    learns: ClassVar[bool] = True  # has meta-weights worth training (a baseline that only adapts has not)
    exceptions: ClassVar[Mapping[str, str]] = {}  # conformance checks it cannot pass, each with the reason

    def __init_subclass__(cls, *, name: str | None = None, **kwargs: Any) -> None:
        """Register a method under ``name``. A class without a name is an abstract layer that several methods share.

        Raises ``ConfigError`` for a method without reference, summary or cost, or one that inherits from a method.
        """
        super().__init_subclass__(**kwargs)
        if name is None:
            return
        _check_contract(cls, name)
        _algorithms.add(cls, name)

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The network with all meta-weights. Default: the backbone ([n, *x_shape] -> [n, features]) and a linear head.

        ``spec`` describes the training tasks.
        """
        return with_head(backbone, spec)

    @abstractmethod
    def adapt(self, net: nn.Module, support: Examples) -> State:
        """Returns what the method learns from the support examples: x ``[n, *x_shape]``, y ``[n, d]``."""

    @abstractmethod
    def predict(self, net: nn.Module, state: State, x: Tensor) -> Tensor:
        """Returns logits or values ``[m, d]`` for inputs ``[m, *x_shape]``."""

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The cost of one task, and the metrics that reports show. Default: the query loss after adapting.

        The cost is a scalar, or a vector if ``reduce`` needs several numbers per task.
        """
        query_metrics = metrics(self.predict(net, self.adapt(net, task.support), task.query.x), task.query.y)
        return query_metrics["loss"], query_metrics

    def distribution(self, net: nn.Module, state: State, x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Mean and standard deviation of each prediction, two ``[m, d]``. None for a method that has no distribution."""
        return None

    def measures(self, net: nn.Module, state: State, query: Examples) -> Metrics:
        """Extra metrics for ``evaluate``: one number per query, each ``[m]``."""
        return {}

    def reduce(self, losses: Tensor) -> Tensor:
        """Reduces the costs of a meta-batch, ``[tasks]`` or ``[tasks, k]``, to the scalar that training minimises."""
        return losses.mean()

    def takes(self) -> tuple[Kind, ...]:
        """The kinds of tasks that this instance learns. A setting may exclude some of ``kinds``."""
        return self.kinds

    def path(self, net: nn.Module, support: Examples) -> Iterator[State]:
        """Yields the state after each step of adapting. The last one equals ``adapt``. Adaptation curves use it."""
        yield self.adapt(net, support)

    def predict_along(self, net: nn.Module, support: Examples) -> Tensor:
        """The prediction for each support example ``[n, d]`` from the examples before it, for an ``ordered`` method.

        Default: adapts to each prefix of the sequence and predicts the next input. Batch norm sees no later input.
        Override it if one pass is enough.
        """
        x, y = support
        if not len(x):
            return x.new_zeros(y.shape)
        states = (self.adapt(net, Examples(x[:t], y[:t])) for t in range(len(x)))
        return torch.cat([self.predict(net, state, x[: t + 1])[t:] for t, state in enumerate(states)])

    def at_test(self) -> Self:
        """The same method with the settings that the paper uses in tests, for example more inner steps."""
        return self

    def at_progress(self, progress: float) -> Self:
        """The same method at a point of training, for costs that are annealed. ``progress`` goes from 0 towards 1.

        ``fit`` calls it before every outer step on the original method, so a resumed run needs no extra state.
        """
        return self

    def training_sizes(self, test: Sizes) -> Sizes:
        """The sizes of the episodes that the paper trains on, if the test tasks have the sizes ``test``."""
        return test

    def for_task(self, spec: TaskSpec) -> Self:
        """The same method with the paper's settings for tasks of ``spec`` in place of those that are None.

        Default: the method itself.
        """
        return self

    def training_sizes_for(self, test: Sizes, spec: TaskSpec) -> Sizes:
        """``training_sizes``, if the paper's sizes also depend on what the tasks look like. Default: they do not."""
        return self.training_sizes(test)

    def __str__(self) -> str:
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        arguments = ", ".join(f"{name}={value!r}" for name, value in settings.items() if value is not None)
        return f"{type(self).__name__}({arguments})"


_EXAMPLES = {
    "reference": '"Author, year, arXiv:0000.00000"',
    "summary": '"one line for tokay list"',
    "cost": 'Cost("feed-forward", "E_T L_Q(...)")',
}


def _check_contract(cls: type[Algorithm[Any]], name: str) -> None:
    """What every method must say about itself, checked when its class is defined."""
    for attribute, example in _EXAMPLES.items():
        if not getattr(cls, attribute, None):
            raise ConfigError(
                f"{name}: a method must have a reference, a summary and a cost, {cls.__qualname__} has no {attribute}. "
                f"Add to the class: {attribute} = {example}."
            )
    if not isinstance(cls.cost, Cost):
        raise ConfigError(
            f"{name}: cost must be a tokay.core.cost.Cost, got {type(cls.cost).__name__}. "
            f"Add to the class: cost = {_EXAMPLES['cost']}."
        )
    method = next((base for base in cls.__mro__[1:] if "name" in vars(base)), None)
    if method is not None:
        raise ConfigError(
            f"{name}: a method is final, {cls.__qualname__} inherits from {path_of(method)}. "
            "Share code by functions, or by an abstract layer (a subclass of Algorithm without name=...)."
        )


def list_algorithms() -> dict[str, type[Algorithm[Any]]]:
    """Every registered algorithm by name."""
    return _algorithms.by_name()


def list_recipes() -> dict[str, tuple[type[Algorithm[Any]], Recipe]]:
    """Every recipe by name, with the method it belongs to."""
    return {recipe.name: (kind, recipe) for kind in list_algorithms().values() for recipe in kind.recipes}


def require_positive(algorithm: Algorithm[Any], *names: str) -> None:
    """Raises ``ConfigError`` unless each field is finite and above 0, and whole if it is an ``int``.

    None passes if it is the default. Call it from ``__post_init__``.
    """
    definitions = {field.name: field for field in fields(algorithm)}
    for name in names:
        value, default = getattr(algorithm, name), definitions[name].default
        if value is None and default is None:
            continue
        if not (value > 0 and math.isfinite(value)):  # NaN too
            raise ConfigError(f"{algorithm.name}: {name} must be above 0, got {value}. The default is {default}.")
        is_integer = definitions[name].type is int or int in get_args(definitions[name].type)
        if is_integer and value != int(value):
            raise ConfigError(
                f"{algorithm.name}: {name} must be a whole number, got {value}. The default is {default}."
            )


def require_not_negative(algorithm: Algorithm[Any], *names: str) -> None:
    """Raises ``ConfigError`` if a field is negative. 0 switches its term off."""
    for name in names:
        if not getattr(algorithm, name) >= 0:  # NaN too
            raise ConfigError(
                f"{algorithm.name}: {name} must not be negative, got {getattr(algorithm, name)}. 0 switches it off."
            )


def require_choice(algorithm: Algorithm[Any], name: str, choices: tuple[object, ...]) -> None:
    """Raises ``ConfigError`` if the field is none of ``choices``."""
    value = getattr(algorithm, name)
    if value not in choices:
        options = ", ".join(map(str, choices))
        raise ConfigError(f"{algorithm.name}: {name} must be one of {options}, got {value!r}. Choose one of them.")
