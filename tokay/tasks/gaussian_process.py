"""Curves drawn from a Gaussian process: the task of neural processes. The exact posterior is known."""

from dataclasses import dataclass
from typing import ClassVar, get_args

import torch
from torch import Tensor

from ..core.probability.gaussian_process import Kernel, KernelName, log_density, posterior
from ..core.seeding import BLOCK, evaluation_blocks
from ..core.task import Examples, Kind, Sizes, Split, Task, TaskSource, TaskSpec
from ..errors import ConfigError
from .shot_range import check_fewest, draw_shots, format_range
from .source import Source

_X = (-2.0, 2.0)
_LOWEST = 0.1  # lower end of the range of random hyper-parameters


@dataclass(frozen=True, kw_only=True)
class GaussianProcess(Source, name="gp"):
    """Regress a curve drawn from a Gaussian process from a few noisy points of it.

    ``shots`` is the number of context points, ``queries`` the number of targets, all with x ~ U[-2, 2]. ``fewest_shots``
    draws the number of context points anew for every meta-batch. Inputs and targets are ``[tasks, n, 1]`` float32
    (computed in float64).

    The defaults come from the authors' notebook for the conditional neural process (arXiv:1807.01613). The settings
    ``--random --length-scale 0.6`` are those of the neural process and the attentive neural process (arXiv:1901.05761).
    Both use the ``rbf`` kernel s² exp(-d²/2l²). The ``matern`` kernel is s² (1 + r + r²/3) exp(-r) with r = √5 d/l, the
    ``periodic`` kernel s² exp(-2 sin²(πd/p)/l²).

    All splits have the same distribution of curves. `Curves.exact` gives the exact posterior of the tasks.

    >>> source = GaussianProcess(fewest_shots=3).tasks("test", Sizes(shots=10, queries=20))
    >>> task = source.sample(4, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape
    (torch.Size([4, 7, 1]), torch.Size([4, 20, 1]))
    """

    summary: ClassVar[str] = "regression of curves drawn from a Gaussian process (neural processes)"
    kind: ClassVar[Kind] = "regression"
    network = "mlp"

    kernel: KernelName = "rbf"
    """covariance function: rbf, matern or periodic"""
    length_scale: float = 0.4
    """distance in x over which values are similar; with --random: the largest"""
    signal_std: float = 1.0
    """standard deviation of the curves; with --random: the largest"""
    period: float = 1.0
    """period of the periodic kernel"""
    noise_std: float = 0.02
    """standard deviation of the noise on each value"""
    random: bool = False
    """draw the length scale and standard deviation of each curve, uniformly from 0.1 to the values above"""
    fewest_shots: int | None = None
    """smallest number of context points: each meta-batch draws a number from this to --shots (default: always --shots)"""

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
                f"gp: with random, length_scale and signal_std must be at least {_LOWEST}, the start of their range, "
                f"got {self.length_scale} and {self.signal_std}."
            )

    def describe_sizes(self, sizes: Sizes) -> str:
        """The number of context points in words: a range if ``fewest_shots`` is set."""
        return format_range(self.fewest_shots, sizes.shots)

    def points_shown(self) -> int:
        """Number of points in a plot: enough for the shortest length scale."""
        return 200

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Curves to sample from, the same for every ``split``. Raises ``ConfigError`` if fewest_shots is above the shots."""
        return Curves(self, sizes)


class Curves:
    """The task source of `GaussianProcess`. A sample depends only on the state of the generator."""

    spec = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")

    def __init__(self, settings: GaussianProcess, sizes: Sizes) -> None:
        self.settings, self.sizes = settings, sizes
        check_fewest(settings.fewest_shots, sizes.shots, where="gp")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` curves and points on them: x and y are ``[tasks, points, 1]``."""
        return self._draw(tasks, generator)[0]

    def exact(self, tasks: int, generator: torch.Generator) -> tuple[Task, Tensor, Tensor]:
        """Draws the same tasks as ``sample``. Also returns mean and standard deviation of the exact posterior.

        Both are float64 ``[tasks, queries, 1]``. They describe each noisy target by itself, given the context points of
        its task. On average over tasks, no learner has a higher log-likelihood.

        With ``random``, the posterior uses the hyper-parameters of each curve, which a learner does not know. The bound
        still holds, but even the best learner stays below it.
        """
        task, length_scale, signal_std = self._draw(tasks, generator)

        def of_one(task: Task, length_scale: Tensor, signal_std: Tensor) -> tuple[Tensor, Tensor]:
            kernel = self._kernel(length_scale, signal_std)
            return posterior(kernel, task.support, task.query.x, noise_std=self.settings.noise_std)

        mean, std = torch.func.vmap(of_one)(task, length_scale, signal_std)
        return task, mean, std

    def exact_log_likelihood(self, *, tasks: int = 600, seed: int = 0) -> Tensor:
        """The upper bound of the log-likelihood on the tasks of ``evaluate(tasks=tasks, seed=seed)``: float64 ``[tasks]``.

        The value of a task is the mean over its targets of log p(y | context) under the exact posterior, in nats.
        """
        values = []
        for generator, count in evaluation_blocks(tasks, seed):
            task, mean, std = self.exact(BLOCK, generator)
            values.append(log_density(task.query.y.double(), mean, std).mean((1, 2))[:count])
        return torch.cat(values)

    def _kernel(self, length_scale: Tensor, signal_std: Tensor) -> Kernel:
        return Kernel(self.settings.kernel, length_scale, signal_std, self.settings.period)

    def _draw(self, tasks: int, generator: torch.Generator) -> tuple[Task, Tensor, Tensor]:
        """Draws tasks. Also returns the length scale and the standard deviation of each curve: float64 ``[tasks]``."""
        settings = self.settings
        shots = draw_shots(settings.fewest_shots, self.sizes.shots, generator)
        points = shots + self.sizes.queries
        hyper = torch.tensor([settings.length_scale, settings.signal_std], dtype=torch.float64).repeat(tasks, 1)
        if settings.random:
            hyper = _LOWEST + (hyper - _LOWEST) * torch.rand(tasks, 2, generator=generator, dtype=torch.float64)
        low, high = _X
        # x is float32 first, so that y belongs to exactly the inputs that the learner gets.
        x = low + (high - low) * torch.rand(tasks, points, 1, generator=generator)
        white = torch.randn(tasks, points, 1, generator=generator, dtype=torch.float64)

        def curve(x: Tensor, white: Tensor, length_scale: Tensor, signal_std: Tensor) -> Tensor:
            return self._kernel(length_scale, signal_std).factor(x, settings.noise_std) @ white

        y: Tensor = torch.func.vmap(curve)(x, white, hyper[:, 0], hyper[:, 1]).float()
        task = Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]))
        return task, hyper[:, 0], hyper[:, 1]
