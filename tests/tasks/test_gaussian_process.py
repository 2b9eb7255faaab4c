"""Curves have the right covariance, and the exact posterior fits them and bounds every learner."""

import math

import pytest
import torch
from torch import Tensor

from tokay import CNP, ConfigError, FitConfig, Sizes, Task, evaluate, fit, paired_difference
from tokay.core.probability.gaussian_process import Kernel, log_density, posterior
from tokay.core.seeding import BLOCK
from tokay.core.task import check_task
from tokay.networks import Linear
from tokay.tasks.gaussian_process import Curves, GaussianProcess

TASKS = 2000


def curves(shots: int = 10, queries: int = 15, **settings: object) -> Curves:
    source = GaussianProcess(**settings).tasks("train", Sizes(ways=1, shots=shots, queries=queries))  # type: ignore[arg-type]
    assert isinstance(source, Curves)
    return source


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def standard(values: Tensor) -> None:
    """Mean 0 and variance 1, within five standard errors of independent normal numbers."""
    n = values.numel()
    assert abs(float(values.mean())) < 5 / math.sqrt(n)
    assert abs(float(values.square().mean()) - 1) < 5 * math.sqrt(2 / n)


@pytest.mark.parametrize("kernel", ["rbf", "matern", "periodic"])
@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_curves_have_their_covariance(kernel: str, noise: float) -> None:
    """Two points of each curve become independent standard normal numbers with the covariance of the formula."""
    settings = {"length_scale": 0.7, "signal_std": 1.5, "period": 1.3}
    task = curves(1, 1, kernel=kernel, noise_std=noise, **settings).sample(TASKS, seeded())
    a, b = (part.y[:, 0, 0].double() for part in task)
    d = (task.support.x - task.query.x)[:, 0, 0].double().abs()
    if kernel == "rbf":
        shape = (-(d**2) / (2 * 0.49)).exp()
    elif kernel == "matern":
        shape = (1 + 5**0.5 * d / 0.7 + 5 * d**2 / (3 * 0.49)) * (-(5**0.5) * d / 0.7).exp()
    else:
        shape = (-2 * (math.pi * d / 1.3).sin() ** 2 / 0.49).exp()
    own = 2.25 + noise**2
    first, rest = a / own**0.5, (b - 2.25 * shape / own * a) / (own - (2.25 * shape) ** 2 / own).sqrt()
    standard(first)
    standard(rest)
    assert abs(float((first * rest).mean())) < 5 / math.sqrt(TASKS)


def test_defaults_are_those_of_the_notebook() -> None:
    source = GaussianProcess()
    settings = (source.kernel, source.length_scale, source.signal_std, source.noise_std, source.random)
    assert settings == ("rbf", 0.4, 1.0, 0.02, False)
    x = torch.cat([part.x.flatten() for part in curves().sample(TASKS, seeded())])
    assert -2 <= float(x.min()) < -1.99
    assert 1.99 < float(x.max()) <= 2
    standard(x / math.sqrt(4 / 3))


@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize("kernel", ["rbf", "matern", "periodic"])
def test_the_exact_posterior_knows_its_curves(kernel: str, random: bool) -> None:
    """The distance of targets from the mean has the standard deviation of the posterior."""
    source = curves(6, 1, kernel=kernel, random=random, length_scale=0.6, fewest_shots=2)
    task, mean, std = source.exact(TASKS, seeded(1))
    standard((task.query.y.double() - mean) / std)
    sample = source.sample(TASKS, seeded(1))
    assert all(torch.equal(a, b) for p, q in zip(task, sample, strict=True) for a, b in zip(p, q, strict=True))
    assert mean.shape == std.shape == (TASKS, 1, 1)


def test_random_hyper_parameters() -> None:
    _, length, std = curves(random=True, length_scale=0.6, signal_std=1.0)._draw(TASKS, seeded())
    for values, high in ((length, 0.6), (std, 1.0)):
        scaled = ((values - 0.1) / (high - 0.1)).sort().values
        assert 0 <= float(scaled[0]) < 0.01
        assert 0.99 < float(scaled[-1]) <= 1
        assert float((scaled - (torch.arange(TASKS) + 0.5) / TASKS).abs().max()) * math.sqrt(TASKS) < 1.95
    assert abs(float(torch.corrcoef(torch.stack([length, std]))[0, 1])) < 5 / math.sqrt(TASKS)


def test_the_number_of_context_points_changes() -> None:
    source = curves(5, 7, fewest_shots=3)
    tasks = [source.sample(2, seeded(seed)) for seed in range(40)]
    assert {task.support.x.shape[1] for task in tasks} == {3, 4, 5}
    assert {task.query.x.shape[1] for task in tasks} == {7}


@pytest.mark.parametrize("settings", [{}, {"random": True, "fewest_shots": 4, "kernel": "matern"}])
def test_sampling_is_a_pure_function_of_the_generator(settings: dict[str, object]) -> None:
    source = curves(**settings)  # type: ignore[arg-type]
    first, other = source.sample(3, seeded(5)), source.sample(3, seeded(6))
    torch.rand(3)  # the global generator has no effect
    assert torch.equal(first.query.y, source.sample(3, seeded(5)).query.y)
    assert not torch.equal(first.query.y, other.query.y)
    check_task(first, source.spec, where="test")
    assert {tensor.dtype for part in first for tensor in part} == {torch.float32}


def test_many_points_without_noise() -> None:
    """The matrix that is hardest to decompose: hundreds of near points on a smooth curve."""
    for kernel in ("rbf", "matern", "periodic"):
        source = curves(50, 400, kernel=kernel, length_scale=2.0, noise_std=0.0)
        task, mean, std = source.exact(2, seeded())
        assert bool(torch.isfinite(mean).all() & torch.isfinite(std).all())
        assert float((task.query.y - mean).abs().max()) < 0.5


class Recorder:
    """A source that stores its samples."""

    def __init__(self, source: Curves) -> None:
        self.source, self.spec = source, source.spec
        self.samples: list[Task] = []

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        self.samples.append(self.source.sample(tasks, generator))
        return self.samples[-1]


def test_the_bound_is_on_the_tasks_of_evaluate() -> None:
    source = curves(5, 6, fewest_shots=2, kernel="matern")
    recorder = Recorder(source)
    net = CNP(width=8).build(Linear().build((1,)), source.spec)
    evaluate(CNP(width=8), net, recorder, tasks=BLOCK + 3, seed=4)
    bound = source.exact_log_likelihood(tasks=BLOCK + 3, seed=4)
    tasks = [(p.x[i], p.y[i], q.x[i], q.y[i]) for p, q in recorder.samples for i in range(BLOCK)][: BLOCK + 3]
    assert bound.shape == (BLOCK + 3,)
    for value, (x, y, query_x, query_y) in zip(bound, tasks, strict=True):
        support = type(recorder.samples[0].support)(x, y)
        mean, std = posterior(Kernel("matern", 0.4, 1.0), support, query_x, noise_std=0.02)
        torch.testing.assert_close(value, log_density(query_y.double(), mean, std).mean(), rtol=1e-6, atol=1e-6)


def test_a_trained_learner_stays_below_the_bound() -> None:
    """The gap is significant on the same tasks, training makes it smaller, and other predictions are worse than the exact."""
    method, train, test = CNP(width=32), curves(8, 8, length_scale=1.0), curves(8, 20, length_scale=1.0)
    net = method.build(Linear().build((1,)), train.spec)
    bound = test.exact_log_likelihood(tasks=100)
    gaps = []
    for _ in range(2):
        log_likelihood = evaluate(method, net, test, tasks=100, curve=False).per_task["log_likelihood"]
        gaps.append(paired_difference(bound, log_likelihood))
        for _ in fit(method, net, train, FitConfig(steps=300, meta_batch=16, lr=3e-3, validate_every=0)):
            pass
    untrained, trained = gaps
    assert trained.mean - trained.ci95 > 0
    assert trained.mean + trained.ci95 < untrained.mean - untrained.ci95
    task, mean, std = test.exact(200, seeded())
    best = log_density(task.query.y.double(), mean, std).mean()
    for worse in ((mean + 0.3 * std, std), (mean, 1.3 * std), (mean, std / 1.3), (0 * mean, std)):
        assert float(log_density(task.query.y.double(), *worse).mean()) < float(best)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="gp: kernel must be rbf, matern or periodic, got 'cubic'"):
        GaussianProcess(kernel="cubic")  # type: ignore[arg-type]
    for name in ("length_scale", "signal_std", "period"):
        for value, rule in ((0.0, "above 0"), (-1.0, "above 0"), (math.nan, "a number"), (math.inf, "above 0")):
            with pytest.raises(ConfigError, match=f"gp: {name} must be {rule}, got {value}"):
                GaussianProcess(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"gp: noise_std must not be negative, got -0.1"):
        GaussianProcess(noise_std=-0.1)
    with pytest.raises(ConfigError, match=r"length_scale and signal_std must be at least 0.1"):
        GaussianProcess(random=True, length_scale=0.05)
    with pytest.raises(ConfigError, match="gp: fewest_shots must be from 1 to the 5 shots, got 6"):
        curves(5, fewest_shots=6)
