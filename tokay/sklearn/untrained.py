"""Methods without meta-training: which of them mean something, and the network they get."""

from dataclasses import dataclass
from typing import Any

import torch

from ..core.algorithm import Algorithm
from ..core.network import find_device
from ..core.task import Task, TaskSpec
from ..errors import ConfigError
from ..learner.learner import Learner
from ..training.config import FitConfig
from ..training.job import Backbone, job_from_tasks


@dataclass
class _NoTasks:
    """A source that says what tasks look like and has none."""

    spec: TaskSpec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        raise ConfigError("train: there are no tasks to train on.")


def check_meaning(method: Algorithm[Any], where: str) -> None:
    """Raises ``ConfigError`` for a method that only guesses without meta-training."""
    if method.needs_training:
        raise ConfigError(
            f"{where}: {method.name} needs meta-training, because {method.needs_training}. Give a run folder of it, or the "
            "learner of MetaLearner, or a method such as protonet, finetune or scratch."
        )


def untrained_learner(
    method: Algorithm[Any], network: Backbone, spec: TaskSpec, *, seed: int, device: str, where: str
) -> Learner:
    """A learner for tasks like ``spec`` with a network that was never trained. ``seed`` decides its weights.

    Weights are double precision, as scikit-learn computes. Raises ``ConfigError`` for a method that means nothing then.
    """
    check_meaning(method, where)
    if network is None and method.compares_inputs:
        network = "linear"
    job = job_from_tasks(method, _NoTasks(spec), network, None, FitConfig(seed=seed))
    net = job.net.double().to(find_device(device, where=where))
    return Learner(job.algorithm, net, seed=seed, x_shape=spec.x_shape, recipe=job.recipe)
