"""Oracles: amplitude and phase computed from the points, and distances of samples from the uniform distribution."""

import math

import numpy as np
import pytest
import torch

from tokay.core.task import Examples, Sizes, Task, check_task
from tokay.errors import ConfigError, TaskError
from tokay.tasks.sinusoid import Sinusoid

WAVES = 4000


def draw(variant="maml", shots=10, queries=15, tasks=WAVES, seed=0, split="train"):
    source = Sinusoid(variant=variant).tasks(split, Sizes(shots=shots, queries=queries))
    return source.sample(tasks, torch.Generator().manual_seed(seed))


def solve(examples: Examples, task: int) -> tuple[float, float, float]:
    """Amplitude, phase b in [0, 2 pi) and residual of y = a sin(x + b), linear in (sin x, cos x)."""
    x, y = examples.x[task, :, 0].double().numpy(), examples.y[task, :, 0].double().numpy()
    (sine, cosine), *_ = np.linalg.lstsq(np.stack([np.sin(x), np.cos(x)], 1), y, rcond=None)
    residual = np.abs(sine * np.sin(x) + cosine * np.cos(x) - y).max()
    return math.hypot(sine, cosine), math.atan2(cosine, sine) % (2 * math.pi), residual


def from_uniform(values, low: float, high: float) -> float:
    """Kolmogorov-Smirnov distance times sqrt(n): above 1.95 once in a thousand samples of the uniform."""
    values = np.sort((np.asarray(values, float).ravel() - low) / (high - low))
    steps = np.arange(len(values) + 1) / len(values)
    return max(np.abs(values - steps[1:]).max(), np.abs(values - steps[:-1]).max()) * math.sqrt(len(values))


def waves(task: Task) -> tuple[np.ndarray, np.ndarray]:
    solutions = np.array([solve(task.support, number) for number in range(len(task.support.x))])
    assert solutions[:, 2].max() < 1e-5  # float32: every point lies on one wave, without noise
    return solutions[:, 0], solutions[:, 1]


def test_the_distance_notices_what_it_should():
    rng = np.random.default_rng(0)
    assert from_uniform(rng.uniform(2, 5, WAVES), 2, 5) < 1.95
    assert from_uniform(rng.uniform(2, 5.3, WAVES), 2, 5) > 1.95
    assert from_uniform(rng.uniform(2, 5, WAVES) ** 2, 4, 25) > 1.95


@pytest.mark.parametrize("variant", ["maml", "reptile"])
def test_amplitudes_are_uniform(variant):
    amplitude, _ = waves(draw(variant))
    assert amplitude.min() > 0.1 - 1e-4
    assert amplitude.max() < 5 + 1e-4
    assert from_uniform(amplitude, 0.1, 5) < 1.95


def test_phases_are_those_of_the_papers():
    _, phase = waves(draw("maml"))  # sin(x - p): b = -p lies in [pi, 2 pi]
    shift = (-phase) % (2 * math.pi)
    shift[shift > 2 * math.pi - 1e-3] = 0  # a phase of 0 may come back as 2 pi
    assert shift.max() < math.pi + 1e-3
    assert from_uniform(shift, 0, math.pi) < 1.95
    _, phase = waves(draw("reptile"))
    assert from_uniform(phase, 0, 2 * math.pi) < 1.95


@pytest.mark.parametrize("variant", ["maml", "reptile"])
def test_amplitude_and_phase_are_independent(variant):
    amplitude, phase = waves(draw(variant))
    assert abs(np.corrcoef(amplitude, phase)[0, 1]) < 4 / math.sqrt(WAVES)


@pytest.mark.parametrize("variant", ["maml", "reptile"])
def test_support_and_query_lie_on_the_same_wave(variant):
    task = draw(variant, tasks=50)
    for number in range(50):
        amplitude, phase, _ = solve(task.support, number)
        expected = amplitude * np.sin(task.query.x[number, :, 0].double().numpy() + phase)
        np.testing.assert_allclose(task.query.y[number, :, 0].numpy(), expected, atol=1e-4)


def test_maml_inputs_are_uniform_and_independent():
    task = draw("maml")
    for x in (task.support.x, task.query.x, task.support.x[:, 0], task.support.x[:, -1]):
        assert from_uniform(x, -5, 5) < 1.95
    pair = np.corrcoef(task.support.x[:, 0, 0], task.query.x[:, 0, 0])[0, 1]
    assert abs(pair) < 4 / math.sqrt(WAVES)


def test_reptile_inputs_are_distinct_points_of_the_grid():
    grid = np.linspace(-5, 5, 50)
    task = draw("reptile", shots=10, queries=50)
    for part, points in ((task.support, 10), (task.query, 50)):
        index = np.abs(part.x.numpy() - grid).argmin(-1)  # [tasks, points]
        np.testing.assert_allclose(part.x[..., 0], grid[index], atol=1e-6)
        assert all(len(set(row)) == points for row in index.tolist())
    # Each point of the grid has the same probability in each place: 4000 draws, standard deviation of a count near 9.
    for place in (0, 9):
        counts = np.bincount(np.abs(task.support.x[:, place].numpy() - grid).argmin(-1), minlength=50)
        assert np.abs(counts - WAVES / 50).max() < 5 * math.sqrt(WAVES / 50)
    # Support and query are independent: their first points agree once in 50.
    same = (task.support.x[:, 0] == task.query.x[:, 0]).float().mean()
    assert 0.01 < same < 0.03


@pytest.mark.parametrize("variant", ["maml", "reptile"])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_shapes_and_types(variant, split):
    source = Sinusoid(variant=variant).tasks(split, Sizes(ways=7, shots=3, queries=4))
    task = source.sample(6, torch.Generator().manual_seed(0))
    for part, points in ((task.support, 3), (task.query, 4)):
        assert part.x.shape == part.y.shape == (6, points, 1)
        assert part.x.dtype == part.y.dtype == torch.float32
    check_task(task, source.spec, where="test")
    assert (source.spec.x_shape, source.spec.y_dim, source.spec.kind) == ((1,), 1, "regression")
    assert Sinusoid.kind == "regression"


@pytest.mark.parametrize("variant", ["maml", "reptile"])
def test_sampling_is_a_pure_function_of_the_generator(variant):
    source = Sinusoid(variant=variant).tasks("train", Sizes())
    first = source.sample(3, torch.Generator().manual_seed(5))
    source.sample(2, torch.Generator().manual_seed(6))
    torch.rand(3)  # the global generator has no effect
    again = source.sample(3, torch.Generator().manual_seed(5))
    other = source.sample(3, torch.Generator().manual_seed(6))
    assert torch.equal(first.support.x, again.support.x)
    assert torch.equal(first.query.y, again.query.y)
    assert not torch.equal(first.support.y, other.support.y)
    generator = torch.Generator().manual_seed(5)
    source.sample(3, generator)
    assert not torch.equal(source.sample(3, generator).support.y, first.support.y)


def test_errors_say_what_to_do():
    with pytest.raises(ConfigError, match="sinusoid: variant must be maml or reptile, got 'cavia'"):
        Sinusoid(variant="cavia")
    with pytest.raises(TaskError, match="grid of 50 points, got shots=51 and queries=15"):
        Sinusoid(variant="reptile").tasks("train", Sizes(shots=51))
    with pytest.raises(TaskError, match="queries=60"):
        Sinusoid(variant="reptile").tasks("train", Sizes(queries=60))
    assert draw("maml", shots=200, tasks=2).support.x.shape == (2, 200, 1)
