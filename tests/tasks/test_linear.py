"""Random linear classifiers: the labels by hand, the distribution of the inputs, and what is refused."""

import pytest
import torch

from tokay import ConfigError, Sizes, TaskError, evaluate
from tokay.algorithms import ProtoNet
from tokay.core.seeding import generator
from tokay.tasks import Linear
from tokay.tasks.linear import LinearTasks

SIZES = Sizes(ways=2, shots=20, queries=30)


@pytest.mark.parametrize("dimension", [1, 2, 20])
@pytest.mark.parametrize("bias_std", [0.0, 0.5, 4.0])
def test_a_label_is_the_side_of_the_hyperplane(dimension: int, bias_std: float) -> None:
    source = LinearTasks(dimension, bias_std, 0.0, SIZES)
    w, b = source.draw(50, generator(0, "x"))
    task = source.sample(50, generator(0, "x"))
    for x, y in task:
        margin = torch.einsum("tnd,td->tn", x.double(), w) + b[:, None]
        label = y[..., 1].double() * 2 - 1
        assert float((margin * label).min()) > -1e-5, "up to the rounding of float32"
    assert (task.support.y.sum(1) == 20).all()
    assert (task.query.y.sum(1) == 30).all()
    assert torch.allclose(w.norm(dim=1), torch.ones(50, dtype=torch.float64))


def test_inputs_are_standard_normal_given_their_class() -> None:
    """With b = 0 half of the space belongs to each class, so all inputs together are standard normal."""
    x = LinearTasks(3, 0.0, 0.0, Sizes(ways=2, shots=2000, queries=1)).sample(20, generator(1, "x")).support.x
    flat = x.reshape(-1, 3)
    assert flat.mean(0).abs().max() < 0.02
    assert (flat.T.cov() - torch.eye(3)).abs().max() < 0.03


def test_a_far_hyperplane_by_hand() -> None:
    """Beyond a boundary at -b = 1 a standard normal number has the mean φ(1) / (1 - Φ(1)) = 1.525."""
    source = LinearTasks(1, 0.0, 0.0, Sizes(ways=2, shots=20_000, queries=1))
    w, b = torch.ones(1, 1, dtype=torch.float64), -torch.ones(1, dtype=torch.float64)
    x, y = source._examples(w, b, 20_000, generator(0, "x"))
    assert float(x[y[..., 1]].mean()) == pytest.approx(1.525, abs=0.01)
    assert float(x[y[..., 0]].mean()) == pytest.approx(-0.2876, abs=0.02)  # -φ(1) / Φ(1)


def test_labels_and_rows_are_mixed() -> None:
    y = LinearTasks(2, 0.5, 0.0, SIZES).sample(30, generator(0, "x")).support.y[..., 1].float()
    assert 0.3 < float(y[:, :20].mean()) < 0.7


def test_noise() -> None:
    clean, noisy = (LinearTasks(2, 0.5, noise, SIZES).sample(100, generator(0, "x")).query for noise in (0.0, 0.2))
    assert torch.equal(clean.x, noisy.x)
    assert 0.17 < float((clean.y != noisy.y).any(-1).float().mean()) < 0.23


def test_it_can_be_learned() -> None:
    method, tasks = ProtoNet(), Linear().tasks("test", Sizes(ways=2, shots=20, queries=20))
    net = method.build(torch.nn.Flatten(), tasks.spec)
    assert evaluate(method, net, tasks, tasks=100)["accuracy"].mean > 0.85


def test_what_is_refused() -> None:
    with pytest.raises(TaskError, match="linear: a hyperplane divides two classes, got 5 ways"):
        Linear().tasks("test", Sizes(ways=5))
    for settings, message in (
        ({"dimension": 0}, "dimension must be at least 1, got 0"),
        ({"bias_std": -1.0}, "bias_std must be from 0 to 4, got -1.0"),
        ({"noise": 0.5}, "noise must be at least 0 and below 0.5, got 0.5"),
    ):
        with pytest.raises(ConfigError, match=message):
            Linear(**settings)  # type: ignore[arg-type]
