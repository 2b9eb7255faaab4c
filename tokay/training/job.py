"""What ``tokay.train`` trains: the tasks and the network, from the arguments of the caller."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.algorithm import Algorithm
from ..core.predictions import check_kind
from ..core.seeding import derive_seed
from ..core.task import Sizes, TaskSource, TaskSpec
from ..errors import ConfigError
from ..networks import Network, list_networks
from ..runs.episode_sizes import sizes_of_test_tasks, spec_of_test_tasks, training_sizes, training_tasks
from ..runs.run import Run
from ..runs.settings import settings_json
from ..tasks import Source
from .config import FitConfig

Backbone = Network | nn.Module | str | None


@dataclass(frozen=True)
class Job:
    """A training that is ready to start."""

    algorithm: Algorithm[Any]  # with the paper's settings for these tasks
    net: nn.Module
    training: TaskSource
    validation: TaskSource | None
    run: Run | None  # None if no run folder can describe it
    recipe: dict[str, Any] | None  # how ``tokay.save`` builds the network again; None: it finds out


def job_from_tasks(
    algorithm: Algorithm[Any], tasks: TaskSource, network: Backbone, validation: TaskSource | None, config: FitConfig
) -> Job:
    """Trains on a source of tasks as it is."""
    if not hasattr(tasks, "sample") or not isinstance(getattr(tasks, "spec", None), TaskSpec):
        raise ConfigError(
            f"train: tasks must be a source such as Glyphs(), or have spec and sample, got {describe(tasks)}. "
            "Pass one of tokay.tasks."
        )
    spec = tasks.spec
    algorithm = algorithm.for_task(spec)
    check_kind(algorithm, spec, where="train")
    is_picture = len(spec.x_shape) == 3
    backbone = _backbone(network, algorithm.network if is_picture else algorithm.vector_network or "mlp")
    net = _build(algorithm, backbone, spec, config.seed)
    return Job(algorithm, net, tasks, validation, None, _recipe(backbone, spec))


def job_from_source(
    algorithm: Algorithm[Any],
    source: Source,
    network: Backbone,
    *,
    test: Sizes | None,
    training: Sizes | None,
    config: FitConfig,
) -> Job:
    """Trains on the training classes of ``source`` and validates on its validation classes, as ``tokay train`` does."""
    source = source.resolve()
    test = sizes_of_test_tasks(source, test)
    if source.kind == "classification" and test.ways == 1:
        raise ConfigError("train: test tasks must have at least 2 ways, got 1. Give test=Sizes(ways=5, ...).")
    spec = spec_of_test_tasks(source, test)
    algorithm = algorithm.for_task(spec)
    sizes = training_sizes(algorithm, source, test, spec) if training is None else training
    if source.kind == "classification" and not algorithm.any_ways and sizes.ways != test.ways:
        raise ConfigError(
            f"train: training and test ways must agree for {algorithm.name} because its last layer has one output per "
            f"class, got {sizes.ways} and {test.ways}. Leave out training, or give it test.ways."
        )
    name = source.network_name(algorithm.network, algorithm.vector_network)
    backbone = _backbone(network, name)
    # A module of the caller has no name that a run folder could hold: the run is then only used for its tasks.
    settings = backbone if isinstance(backbone, Network) else list_networks()[name]()
    run = Run(algorithm=algorithm, source=source, network=settings, test=test, train=sizes, fit=config)
    if not algorithm.learns:  # a method that does not train needs no training data
        tasks, validation = run.tasks("test"), None
    else:
        advice = "Change them with training=Sizes(...)."
        tasks = training_tasks(run, advice=advice) if training is None else run.tasks("train")
        validation = run.validation_tasks()
    if backbone is settings:
        net = run.build(tasks.spec)
        return Job(algorithm, net, tasks, validation, run, _recipe(backbone, tasks.spec))
    check_kind(algorithm, tasks.spec, where="train")
    return Job(algorithm, _build(algorithm, backbone, tasks.spec, config.seed), tasks, validation, None, None)


def describable_run(job: Job, out: str | Path) -> Run:
    """The run that a folder can hold. Raises ``ConfigError`` if another process could not make its parts again."""
    if job.run is None:
        raise ConfigError(
            f"train: the run folder {out} describes a source and a network by their settings, so it cannot hold tasks or "
            "a module of your own. Leave out `out` and call tokay.save(learner, learner.net, 'mine.learner')."
        )
    if job.run.source.is_in_memory:
        raise ConfigError(
            f"train: the run folder {out} describes a source by its settings, so it cannot hold arrays in memory. Leave out "
            "`out` and call tokay.save(learner, learner.net, 'mine.learner'), or write the arrays to a file and name it."
        )
    for what, part in (("method", job.run.algorithm), ("source", job.run.source), ("network", job.run.network)):
        if type(part).__module__ == "__main__":
            raise ConfigError(
                f"train: the run folder {out} names its {what} {type(part).__name__}, which another process cannot import "
                "from __main__. Move it to a module (mine.py) and import it from there."
            )
    return job.run


def _backbone(network: Backbone, name: str) -> Network | nn.Module:
    """The backbone that the caller means. ``name`` is the default."""
    networks: Mapping[str, type[Network]] = list_networks()
    if isinstance(network, Network | nn.Module):
        return network
    if network is None or isinstance(network, str):
        name = name if network is None else network
        if name not in networks:
            raise ConfigError(f"train: network must be one of {', '.join(sorted(networks))}, got {name!r}.")
        return networks[name]()
    raise ConfigError(
        f"train: network must be the settings or the name of a network, or a module, got {describe(network)}. "
        "Pass one such as Conv4(filters=32), 'conv4' or nn.Sequential(...)."
    )


def _build(algorithm: Algorithm[Any], backbone: Network | nn.Module, spec: TaskSpec, seed: int) -> nn.Module:
    """The network of the method around ``backbone``. The seed decides the weights that are new."""
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, "weights"))
        module = backbone.build(spec.x_shape) if isinstance(backbone, Network) else backbone
        return algorithm.build(module, spec)


def _recipe(backbone: Network | nn.Module, spec: TaskSpec) -> dict[str, Any] | None:
    """How ``tokay.save`` builds the network of a run again."""
    if not isinstance(backbone, Network):
        return None
    return {"spec": asdict(spec), "network": settings_json(backbone)}


def describe(value: object) -> str:
    """A value in an error message: a class by its name, anything else by the name of its type."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
