"""The settings of a run, and the tasks and the network that they make."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..core.algorithm import Algorithm
from ..core.network import check_statistics
from ..core.predictions import check_kind
from ..core.seeding import derive_seed
from ..core.task import Sizes, Split, TaskSource, TaskSpec
from ..errors import NetworkError
from ..networks import Network, TaskNormNet
from ..tasks import GrowingWays, Source, VaryingShots
from ..training.config import FitConfig


@dataclass(frozen=True, kw_only=True)
class Run:
    """The settings of a run. With the weights they are enough to use or resume it."""

    algorithm: Algorithm[Any]
    source: Source
    network: Network
    test: Sizes
    train: Sizes
    fit: FitConfig
    fewest_shots: int | None = None
    """smallest number of shots in training (default: always ``train.shots``)"""
    fewest_ways: int | None = None
    """smallest number of ways in training (default: always ``train.ways``)"""

    @property
    def norm(self) -> str | None:
        """The norm layers of the network (batch, running, task, none). None if it has no such setting."""
        norm: str | None = getattr(self.network, "norm", None)
        return norm

    def tasks(self, split: Split) -> TaskSource:
        """The tasks of ``split``: with the training sizes for ``train``, with the test sizes for the others."""
        if split == "train":
            tasks = (self.source.joint if self.algorithm.joint else self.source.tasks)(split, self.train)
            tasks = self.source.with_augmentation(tasks)
            if self.fewest_shots is not None:
                tasks = VaryingShots(tasks, fewest=self.fewest_shots, shots=self.train.shots)
            if self.fewest_ways is not None:
                tasks = GrowingWays(tasks, fewest=self.fewest_ways, ways=self.train.ways)
            return tasks
        return self.source.tasks(split, self.test)

    def validation_tasks(self) -> TaskSource | None:
        """The validation tasks. None if the run does not validate, or if its source has no classes for it."""
        has_tasks = self.fit.validate_every and self.source.has_split("validation")
        return self.tasks("validation") if has_tasks else None

    def build(self, spec: TaskSpec) -> nn.Module:
        """The network for training tasks of ``spec``, initialised by the seed."""
        check_kind(self.algorithm, spec, where=self.source.name)
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(self.fit.seed, "weights"))
            net = self.algorithm.build(self.network.build(spec.x_shape), spec)
        check_statistics(net, where=self.algorithm.name)
        if self.algorithm.ordered and any(isinstance(module, TaskNormNet) for module in net.modules()):
            raise NetworkError(
                f"{self.algorithm.name}: a row must not depend on later rows of the support set, and TaskNorm normalises by all "
                "of them. Use --norm batch."
            )
        return net
