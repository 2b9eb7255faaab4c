import math

import pytest
import torch
import torch.nn.functional as F

from tokay import one_hot
from tokay.core.objectives import (
    accuracy,
    bit_loss,
    cost_in_bits,
    cross_entropy,
    main_measure,
    mean_squared_error,
    metrics,
    objective,
    wrong_bits,
)


def _classification(padding: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return logits, one-hot targets and labels. The first ``padding`` rows have random logits and all-false targets."""
    logits, labels = torch.randn(8, 5, dtype=torch.float64), torch.randint(5, (8,))
    logits = torch.cat([100 * torch.randn(padding, 5, dtype=torch.float64), logits])
    return logits, torch.cat([torch.zeros(padding, 5, dtype=torch.bool), one_hot(labels, 5)]), labels


@pytest.mark.parametrize("padding", [0, 3])
def test_cross_entropy_against_torch(padding: int) -> None:
    logits, y, labels = _classification(padding)
    expected = F.cross_entropy(logits[padding:], labels)
    torch.testing.assert_close(cross_entropy(logits, y), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("padding", [0, 3])
def test_cross_entropy_gradient_against_torch(padding: int) -> None:
    logits, y, labels = _classification(padding)
    (ours,) = torch.autograd.grad(cross_entropy(logits.requires_grad_(), y), logits)
    (theirs,) = torch.autograd.grad(F.cross_entropy(logits[padding:], labels), logits)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-15)
    assert not ours[:padding].any()


def test_a_batch_of_padding_has_loss_zero() -> None:
    logits, y = torch.randn(4, 3, requires_grad=True), torch.zeros(4, 3, dtype=torch.bool)
    loss = cross_entropy(logits, y)
    loss.backward()
    assert logits.grad is not None
    assert float(loss.detach()) == float(accuracy(logits.detach(), y)) == 0
    assert not logits.grad.any()


def test_cross_entropy_of_large_logits_is_finite() -> None:
    logits = torch.tensor([[1e4, -1e4], [1e4, -1e4]], requires_grad=True)
    loss = cross_entropy(logits, one_hot(torch.tensor([0, 1]), 2))
    loss.backward()
    assert float(loss.detach()) == 1e4
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("padding", [0, 4])
def test_accuracy_by_hand(padding: int) -> None:
    logits, y, labels = _classification(padding)
    hits = [int(row.argmax()) == int(label) for row, label in zip(logits[padding:], labels, strict=True)]
    assert float(accuracy(logits, y)) == sum(hits) / len(hits)


def test_accuracy_all_and_none() -> None:
    y = one_hot(torch.tensor([0, 1, 2]), 3)
    assert float(accuracy(y.float(), y)) == 1
    assert float(accuracy(y.roll(1, 0).float(), y)) == 0


def test_mean_squared_error_against_torch() -> None:
    a, b = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    torch.testing.assert_close(mean_squared_error(a, b), F.mse_loss(a, b), rtol=1e-14, atol=0)


def test_objective_follows_the_dtype_of_the_targets() -> None:
    logits, y, _ = _classification()
    assert objective(logits, y) == cross_entropy(logits, y)
    assert objective(logits, y.double()) == mean_squared_error(logits, y.double())


def test_names_of_metrics() -> None:
    logits, y, _ = _classification(2)
    scores = metrics(logits, y)
    assert scores == {"loss": cross_entropy(logits, y), "accuracy": accuracy(logits, y)}
    values = metrics(logits, logits + 1)
    assert values.keys() == {"loss", "mse"}
    assert float(values["mse"]) == float(values["loss"]) == pytest.approx(1)


def test_under_vmap() -> None:
    logits, y = torch.randn(3, 6, 4), one_hot(torch.randint(4, (3, 6)), 4)
    mapped = torch.func.vmap(metrics)(logits, y)
    for i in range(3):
        torch.testing.assert_close({n: v[i] for n, v in mapped.items()}, metrics(logits[i], y[i]))


def test_bits_by_hand() -> None:
    """Sums -log2 of the probability of each bit of the sequence."""
    logits, y = torch.randn(4, 3, dtype=torch.float64), torch.randint(0, 2, (4, 3)).to(torch.uint8)
    bits, wrong = 0.0, 0
    for logit, bit in zip(logits.flatten().tolist(), y.flatten().tolist(), strict=True):
        one = 1 / (1 + math.exp(-logit))
        bits -= math.log2(one if bit else 1 - one)
        wrong += (one > 0.5) != bool(bit)
    assert float(cost_in_bits(logits, y)) == pytest.approx(bits, rel=1e-12)
    assert float(bit_loss(logits, y)) == pytest.approx(bits * math.log(2) / 12, rel=1e-12)
    assert float(wrong_bits(logits, y)) == wrong
    assert set(metrics(logits, y)) == {"loss", "bits", "wrong_bits"}
    torch.testing.assert_close(objective(logits, y), bit_loss(logits, y), rtol=0, atol=0)


def test_bit_loss_of_large_logits_is_finite() -> None:
    y = torch.tensor([[0, 1]], dtype=torch.uint8)
    assert float(bit_loss(torch.tensor([[-1e4, 1e4]]), y)) == 0
    assert float(bit_loss(torch.tensor([[1e4, 1e4]]), y)) == 5e3


def test_main_measure() -> None:
    assert [main_measure(names) for names in (["loss", "mse"], ["accuracy", "loss"], ["bits"])] == [
        "mse",
        "accuracy",
        "bits",
    ]
