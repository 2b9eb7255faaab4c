"""The sizes of training episodes where the user gives none: those of the method's paper, capped at what the data has."""

from dataclasses import replace
from typing import Any

from ..core.algorithm import Algorithm
from ..core.task import Sizes, TaskSpec
from ..tasks import Source
from ..tasks.class_pool import Pooled
from .task_sizes import ClassificationTraining, TrainingSizes


def default_sizes(
    algorithm: Algorithm[Any], source: Source, test: Sizes, spec: TaskSpec, flags: TrainingSizes
) -> Sizes:
    """The sizes of the paper for tasks of ``spec``. What ``flags`` leave open is capped at what ``source`` has."""
    sizes = algorithm.training_sizes_for(test, spec)
    if flags.train_ways is None and algorithm.any_ways and is_episodic(algorithm):
        sizes = _cap_ways(sizes, test, source)
    if isinstance(flags, ClassificationTraining) and flags.train_queries is None and is_episodic(algorithm):
        sizes = _cap_queries(sizes, flags.training(sizes).shots, source)
    return sizes


def is_episodic(algorithm: Algorithm[Any]) -> bool:
    """Whether the method trains on episodes."""
    return algorithm.learns and not algorithm.joint


def spec_of_test_tasks(source: Source, test: Sizes) -> TaskSpec:
    """What test tasks look like."""
    spec = source.tasks("test", test).spec
    return replace(spec, y_dim=test.ways) if spec.kind == "classification" else spec


def _cap_queries(train: Sizes, shots: int, source: Source) -> Sizes:
    """Cap the number of queries, which comes from a paper, at what the smallest class has beside its ``shots``."""
    tasks = source.tasks("train", Sizes(ways=1, shots=1, queries=1))
    if not isinstance(tasks, Pooled):
        return train
    return replace(train, queries=max(1, min(train.queries, int(tasks.pool.counts.min()) - shots)))


def _cap_ways(train: Sizes, test: Sizes, source: Source) -> Sizes:
    """Cap the number of ways, which comes from a paper, at the number that the source has. Not below the test ways."""
    if source.kind != "classification":
        return train
    return replace(train, ways=max(test.ways, min(train.ways, source.most_ways("train"))))
