"""Curves drawn from a Gaussian process: what neural processes are made for, with an exact answer to compare them with."""

from dataclasses import dataclass
from typing import ClassVar, get_args

import torch
from torch import Tensor

from ..core.probability.gaussian_process import Kernel, KernelName, log_density, posterior
from ..core.seeding import BLOCK, evaluation_blocks
from ..core.task import Examples, Kind, Sizes, Split, Task, TaskSource, TaskSpec
from ..errors import ConfigError
from .shot_range import check_fewest, drawn_shots, range_named
from .source import Source

_X = (-2.0, 2.0)
_LOWEST = 0.1  # of the random hyper-parameters


@dataclass(frozen=True, kw_only=True)
class GaussianProcess(Source, name="gp"):
    """Regress a curve drawn from a Gaussian process from a few noisy points of it.

    ``shots`` is the number of context points and ``queries`` of targets, all x ~ U[-2, 2]; with ``fewest_shots`` the
    number of context points is drawn anew for every meta-batch. Inputs are ``[tasks, n, 1]`` and targets
    ``[tasks, n, 1]``, drawn in float64 and given as float32.

    The defaults are those of the authors' notebook for the conditional neural process (arXiv:1807.01613); with
    ``random`` they are those for the neural process and its attentive form (``--length-scale 0.6``; arXiv:1901.05761).
    Both have the ``rbf`` kernel s² exp(-d²/2l²). ``matern`` is s² (1 + r + r²/3) exp(-r) with r = √5 d/l, and
    ``periodic`` s² exp(-2 sin²(πd/p)/l²).

    The family is continuous, so no split holds anything back. `Curves.exact` gives the exact posterior of the tasks.

    >>> source = GaussianProcess(fewest_shots=3).tasks("test", Sizes(shots=10, queries=20))
    >>> task = source.sample(4, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape
    (torch.Size([4, 7, 1]), torch.Size([4, 20, 1]))
    """

    summary: ClassVar[str] = "regression of curves drawn from a Gaussian process (neural processes)"
    kind: ClassVar[Kind] = "regression"
    network = "mlp"

    kernel: KernelName = "rbf"
    """covariance of two values of a curve"""
    length_scale: float = 0.4
    """how far apart values are alike; with --random the largest"""
    signal_std: float = 1.0
    """standard deviation of the curves; with --random the largest"""
    period: float = 1.0
    """of the periodic kernel"""
    noise_std: float = 0.02
    """standard deviation of the noise on every value"""
    random: bool = False
    """each curve has a length scale and a standard deviation of its own, uniform from 0.1 to those above"""
    fewest_shots: int | None = None
    """draw the number of context points anew for every meta-batch, from this to --shots"""

    def __post_init__(self) -> None:
        if self.kernel not in get_args(KernelName):
            raise ConfigError(f"gp: kernel must be rbf, matern or periodic, got {self.kernel!r}.")
        for name in ("length_scale", "signal_std", "period"):
            if not 0 < getattr(self, name) < torch.inf:
                raise ConfigError(f"gp: {name} must be above 0, got {getattr(self, name)}.")
        if not 0 <= self.noise_std < torch.inf:
            raise ConfigError(f"gp: noise_std must not be negative, got {self.noise_std}. 0 switches it off.")
        if self.random and min(self.length_scale, self.signal_std) < _LOWEST:
            raise ConfigError(
                f"gp: with random, length_scale and signal_std must be at least {_LOWEST}, where their ranges begin, "
                f"got {self.length_scale} and {self.signal_std}."
            )

    def named(self, sizes: Sizes) -> str:
        return range_named(self.fewest_shots, sizes.shots)

    def points_shown(self) -> int:
        """Enough for the shortest length scale."""
        return 200

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Curves to sample from; ``split`` changes nothing. Raises ``ConfigError`` for fewest_shots above the shots."""
        return Curves(self, sizes)


class Curves:
    """The task source behind `GaussianProcess`: a pure function of the generator's state."""

    spec = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")

    def __init__(self, settings: GaussianProcess, sizes: Sizes) -> None:
        self.settings, self.sizes = settings, sizes
        check_fewest(settings.fewest_shots, sizes.shots, where="gp")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draw ``tasks`` curves and their points: x and y are ``[tasks, points, 1]``."""
        return self._draw(tasks, generator)[0]

    def exact(self, tasks: int, generator: torch.Generator) -> tuple[Task, Tensor, Tensor]:
        """What ``sample`` draws, and the mean and standard deviation of the exact posterior at every query.

        Both float64 ``[tasks, queries, 1]``, of each noisy target alone given the task's context. On average over tasks
        no learner's log-likelihood is above theirs. With random hyper-parameters they know more than a
        learner can: each curve's own. Then the bound holds, but even the best learner stays below it.
        """
        task, length_scale, signal_std = self._draw(tasks, generator)

        def of_one(task: Task, length_scale: Tensor, signal_std: Tensor) -> tuple[Tensor, Tensor]:
            kernel = self._kernel(length_scale, signal_std)
            return posterior(kernel, task.support, task.query.x, noise_std=self.settings.noise_std)

        mean, std = torch.func.vmap(of_one)(task, length_scale, signal_std)
        return task, mean, std

    def exact_log_likelihood(self, *, tasks: int = 600, seed: int = 0) -> Tensor:
        """The bound on the very tasks of ``evaluate(tasks=tasks, seed=seed)``: float64 ``[tasks]``.

        Each is the mean over the targets of log p(y | context) under the exact posterior, in nats.
        """
        found = []
        for generator, used in evaluation_blocks(tasks, seed):
            task, mean, std = self.exact(BLOCK, generator)
            found.append(log_density(task.query.y.double(), mean, std).mean((1, 2))[:used])
        return torch.cat(found)

    def _kernel(self, length_scale: Tensor, signal_std: Tensor) -> Kernel:
        return Kernel(self.settings.kernel, length_scale, signal_std, self.settings.period)

    def _draw(self, tasks: int, generator: torch.Generator) -> tuple[Task, Tensor, Tensor]:
        """Tasks, and the length scale and standard deviation of each: float64 ``[tasks]``."""
        settings = self.settings
        shots = drawn_shots(settings.fewest_shots, self.sizes.shots, generator)
        points = shots + self.sizes.queries
        hyper = torch.tensor([settings.length_scale, settings.signal_std], dtype=torch.float64).repeat(tasks, 1)
        if settings.random:
            hyper = _LOWEST + (hyper - _LOWEST) * torch.rand(tasks, 2, generator=generator, dtype=torch.float64)
        low, high = _X
        # Rounded to float32 first: the values must be those of the inputs that are given.
        x = low + (high - low) * torch.rand(tasks, points, 1, generator=generator)
        white = torch.randn(tasks, points, 1, generator=generator, dtype=torch.float64)

        def curve(x: Tensor, white: Tensor, length_scale: Tensor, signal_std: Tensor) -> Tensor:
            return self._kernel(length_scale, signal_std).factor(x, settings.noise_std) @ white

        y: Tensor = torch.func.vmap(curve)(x, white, hyper[:, 0], hyper[:, 1]).float()
        task = Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]))
        return task, hyper[:, 0], hyper[:, 1]
