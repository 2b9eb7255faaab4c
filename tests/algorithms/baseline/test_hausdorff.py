"""The modified Hausdorff distance against a loop over points, by hand, and on the official runs."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tokay import Examples, Hausdorff, Sizes, TaskSpec, evaluate, one_hot
from tokay.core.algorithm import list_recipes
from tokay.tasks import FixedTasks, OmniglotRuns
from tokay.tasks.data_folders import data_dir

SPEC = TaskSpec(x_shape=(1, 9, 9), y_dim=3)


def points(picture: Tensor) -> NDArray[np.float64]:
    """Coordinates of the ink minus their mean; one point if there is no ink."""
    coordinates = np.argwhere(picture.numpy() > 0.5).astype(float)
    return coordinates - coordinates.mean(0) if len(coordinates) else np.zeros((1, 2))


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    def one_way(sources: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
        return float(np.mean([min(math.dist(p, q) for q in targets) for p in sources]))

    return max(one_way(a, b), one_way(b, a))


def logits_of(support: Tensor, y: Tensor, x: Tensor, **settings: float) -> Tensor:
    method = Hausdorff(**settings)
    net = method.build(nn.Flatten(), SPEC).to(x.dtype)
    return method.predict(net, method.adapt(net, Examples(support, y)), x).detach()


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3, 0.9])
@pytest.mark.parametrize("shape", [(9, 9), (5, 11), (12, 3)])
def test_against_a_loop_over_points(shape: tuple[int, int], share: float) -> None:
    """Sparse and dense drawings, with one pixel or none, wide and tall."""
    support, x = (torch.rand(n, 1, *shape, dtype=torch.float64) < share for n in (5, 6))
    support[0], x[0], x[1] = False, False, False
    x[1, 0, shape[0] - 1, 0] = True
    expected = [[-distance(points(a[0]), points(b[0])) for b in support] for a in x]
    logits = logits_of(support.double(), torch.eye(5, dtype=torch.bool), x.double())
    np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_distant_centres() -> None:
    """Centres as far apart as possible: lookups fall outside the picture on both sides."""
    support, x = torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8)
    support[0, 0, 0], support[1, 0, 7, 2:5] = 1, 1
    x[0, 0, 7], x[1, 0, :3, 7] = 1, 1
    expected = [[-distance(points(a[0]), points(b[0])) for b in support] for a in x]
    np.testing.assert_allclose(logits_of(support, torch.eye(2) > 0, x).numpy(), expected, rtol=1e-6, atol=1e-6)


def test_by_hand() -> None:
    """A bar of two pixels and a bar of four, both along a row: h(short, long) = 0.5, h(long, short) = (1 + 0 + 0 + 1) / 4."""
    bars = torch.zeros(2, 1, 5, 5)
    bars[0, 0, 1, 1:3], bars[1, 0, 3, 0:4] = 1, 1
    # centred columns: -0.5 0.5, and -1.5 -0.5 0.5 1.5
    logits = logits_of(bars, torch.eye(2) > 0, bars)
    assert logits.tolist() == [[0, -0.5], [-0.5, 0]]
    rotated = logits_of(bars, torch.eye(2) > 0, bars[:1].mT)
    expected = [math.sqrt(0.5), (2 * math.sqrt(0.5) + 2 * math.hypot(0.5, 1.5)) / 4]
    np.testing.assert_allclose(-rotated[0].numpy(), expected, rtol=1e-6)


def test_the_position_of_a_drawing_does_not_matter() -> None:
    a, b = torch.zeros(1, 1, 9, 9), torch.zeros(1, 1, 9, 9)
    a[0, 0, 0:3, 1:4] = b[0, 0, 5:8, 4:7] = torch.eye(3)
    assert logits_of(a, torch.ones(1, 1) > 0, b).item() == pytest.approx(0, abs=1e-6)


def test_a_class_is_as_near_as_its_nearest_example() -> None:
    support, x = (
        torch.rand(6, 1, 7, 7, dtype=torch.float64).round(),
        torch.rand(3, 1, 7, 7, dtype=torch.float64).round(),
    )
    per_example = logits_of(support, torch.eye(6, dtype=torch.bool), x)
    labels = torch.tensor([1, 0, 0, 2, 1, 0])
    logits = logits_of(support, one_hot(labels, 3), x)
    for k in range(3):
        assert torch.equal(logits[:, k], per_example[:, labels == k].amax(1))


def test_what_is_ink() -> None:
    """Ink is above the threshold in any channel. A vector is a picture of one row."""
    colour = torch.zeros(1, 3, 4, 4)
    colour[0, 0, 1, 1], colour[0, 2, 2, 3], colour[0, 1, 0, 0] = 0.9, 0.6, 0.5
    grey = torch.zeros(1, 1, 4, 4)
    grey[0, 0, 1, 1] = grey[0, 0, 2, 3] = 1
    y, other = torch.ones(1, 1) > 0, torch.eye(4)[None, None]
    assert torch.equal(logits_of(colour, y, other), logits_of(grey, y, other))
    assert not torch.equal(logits_of(colour, y, other, threshold=0.7), logits_of(grey, y, other))
    row = torch.tensor([[1.0, 0, 0, 1, 1]])
    assert torch.equal(logits_of(row, y, row.flip(1)), logits_of(row[:, None, None], y, row.flip(1)[:, None, None]))
    assert logits_of(row, y, row.flip(1)).item() < 0


def test_the_recipe_is_the_demo_of_the_challenge() -> None:
    kind, recipe = list_recipes()["hausdorff-omniglot-runs"]
    assert kind is Hausdorff
    assert "38.8 % error" in recipe.checks[0].published


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(
    not (data_dir() / "omniglot" / "all_runs.zip").exists(),
    reason="TOKAY_DATA names no folder with omniglot/all_runs.zip",
)
def test_the_official_figure() -> None:
    """38.8 % error, as in the demo of the challenge: 245 of 400 correct, at the original size."""
    source = OmniglotRuns(size=105).tasks("test", Sizes(ways=20, shots=1, queries=1))
    assert isinstance(source, FixedTasks)
    net = Hausdorff().build(nn.Flatten(), source.spec)
    evaluation = evaluate(Hausdorff(), net, source, tasks=20, curve=False, chunk_size=1)
    assert round(20 * float(evaluation.per_task["accuracy"].sum())) == 245
