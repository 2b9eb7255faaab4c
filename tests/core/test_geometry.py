import numpy as np
import torch

from tokay import one_hot
from tokay.core.geometry import class_means, class_minima, cosines, sq_distances, unit


def test_class_means_by_hand() -> None:
    z, labels = torch.randn(9, 4, dtype=torch.float64), torch.tensor([0, 2, 1, 0, 0, 1, 2, 0, 1])
    expected = np.stack([z.numpy()[labels.numpy() == c].mean(0) for c in range(3)])
    np.testing.assert_allclose(class_means(z, one_hot(labels, 3)).numpy(), expected, rtol=1e-13)


def test_class_means_ignore_padding() -> None:
    z, labels = torch.randn(6, 4), torch.tensor([0, 1, -1, 1, 0, -1])
    is_example = labels >= 0
    torch.testing.assert_close(
        class_means(z, one_hot(labels, 2)), class_means(z[is_example], one_hot(labels[is_example], 2))
    )


def test_sq_distances_by_hand() -> None:
    a, b = torch.randn(5, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    expected = np.array([[((p - q) ** 2).sum() for q in b.numpy()] for p in a.numpy()])
    np.testing.assert_allclose(sq_distances(a, b).numpy(), expected, rtol=1e-13)


def test_sq_distances_are_precise_far_from_the_origin() -> None:
    """|a|² - 2ab + |b|² gives 0 or less here."""
    a = torch.tensor([[1e4, 1.0]])
    assert float(sq_distances(a, a + torch.tensor([[0.0, 1e-2]]))) == float((a[0, 1] + 1e-2 - a[0, 1]) ** 2)
    assert float(sq_distances(a, a)) == 0


def test_cosines_by_hand() -> None:
    a, b = torch.randn(5, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    expected = np.array([[p @ q / np.sqrt((p @ p) * (q @ q)) for q in b.numpy()] for p in a.numpy()])
    np.testing.assert_allclose(cosines(100 * a, b).numpy(), expected, rtol=1e-12)


def test_unit_keeps_a_row_of_zeros() -> None:
    zeros = torch.zeros(2, 3, requires_grad=True)
    unit(zeros).sum().backward()
    assert not bool(unit(zeros).any())
    assert zeros.grad is not None
    assert bool(torch.isfinite(zeros.grad).all())


def test_class_minima_by_a_loop() -> None:
    """Padding is nearest here, and belongs to no class."""
    distances, labels = torch.rand(5, 7), torch.tensor([0, 2, -1, 1, 0, 2, -1])
    distances[:, 2] = -1
    minima = class_minima(distances, one_hot(labels, 3))
    for m in range(5):
        for k in range(3):
            assert float(minima[m, k]) == min(float(distances[m, i]) for i in range(7) if labels[i] == k)
