"""Each function of an external memory against a slow loop in NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, strategies as st
from numpy.typing import NDArray
from torch import Tensor

from tokay.core.readers.external_memory import (
    add_to_slots,
    blank_slots,
    cosine_similarity,
    cosine_weights,
    erase_from_slots,
    least_used_slots,
    read_slots,
    sharpen_weights,
    shift_weights,
    update_usage,
)

HEADS, SLOTS, WIDTH = 2, 5, 3


def doubles(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def weights() -> Tensor:
    return doubles(HEADS, SLOTS).softmax(-1)


def cosines(keys: NDArray[np.float64], memory: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.zeros((HEADS, SLOTS))
    for h in range(HEADS):
        for s in range(SLOTS):
            result[h, s] = keys[h] @ memory[s] / np.sqrt((keys[h] @ keys[h] + 1e-6) * (memory[s] @ memory[s] + 1e-6))
    return result


@pytest.mark.parametrize("sharpness", [1.0, 7.5])
def test_cosine_weights(sharpness: float) -> None:
    keys, memory = doubles(HEADS, WIDTH), doubles(SLOTS, WIDTH)
    expected = cosines(keys.numpy(), memory.numpy())
    np.testing.assert_allclose(cosine_similarity(keys, memory).numpy(), expected, rtol=1e-12)
    powers = np.exp(sharpness * expected)
    by_hand = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(cosine_weights(keys, memory, sharpness).numpy(), by_hand, rtol=1e-12)


def test_each_head_can_have_its_own_sharpness() -> None:
    keys, memory = doubles(HEADS, WIDTH), doubles(SLOTS, WIDTH)
    both = cosine_weights(keys, memory, torch.tensor([[0.0], [3.0]]))
    torch.testing.assert_close(both[0], torch.full((SLOTS,), 1 / SLOTS, dtype=torch.float64))
    torch.testing.assert_close(both[1], cosine_weights(keys, memory, 3.0)[1])


def test_an_empty_slot_has_cosine_zero_and_a_finite_gradient() -> None:
    keys, memory = doubles(HEADS, WIDTH), torch.zeros(SLOTS, WIDTH, dtype=torch.float64, requires_grad=True)
    similarity = cosine_similarity(keys, memory)
    assert not bool(similarity.any())
    similarity.sum().backward()  # type: ignore[no-untyped-call]
    assert memory.grad is not None
    assert bool(torch.isfinite(memory.grad).all())


def test_reading_and_adding() -> None:
    memory, w, vectors = doubles(SLOTS, WIDTH), weights(), doubles(HEADS, WIDTH)
    read, added = np.zeros((HEADS, WIDTH)), memory.numpy().copy()
    for h in range(HEADS):
        for s in range(SLOTS):
            read[h] += w[h, s].item() * memory[s].numpy()
            added[s] += w[h, s].item() * vectors[h].numpy()
    np.testing.assert_allclose(read_slots(memory, w).numpy(), read, rtol=1e-12)
    np.testing.assert_allclose(add_to_slots(memory, w, vectors).numpy(), added, rtol=1e-12)


def test_least_used_slots() -> None:
    usage = torch.rand(4, SLOTS, dtype=torch.float64)
    for n in (1, 3):
        one_hots = least_used_slots(usage, n)
        assert one_hots.shape == (4, n, SLOTS)
        assert one_hots.dtype == torch.float64
        for row, one_hot in zip(usage.numpy(), one_hots.numpy(), strict=True):
            assert one_hot.argmax(1).tolist() == np.argsort(row)[:n].tolist()
            assert one_hot.sum(1).tolist() == [1.0] * n


def test_equally_used_slots_are_returned_once_each() -> None:
    one_hots = least_used_slots(torch.zeros(SLOTS), 3)
    assert len(one_hots.argmax(1).unique()) == 3


def test_blank_slots() -> None:
    memory = doubles(SLOTS, WIDTH)
    blanked = blank_slots(memory, torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64))
    assert not bool(blanked[1].any())
    others = [0, 2, 3, 4]
    assert torch.equal(blanked[others], memory[others])


def test_update_usage() -> None:
    usage, read, write = torch.rand(SLOTS).double(), weights(), weights().requires_grad_()
    expected = np.zeros(SLOTS)
    for s in range(SLOTS):
        expected[s] = 0.9 * usage[s].item()
        for h in range(HEADS):
            expected[s] += read[h, s].item() + write[h, s].item()
    new_usage = update_usage(usage, read, write, 0.9)
    assert not new_usage.requires_grad
    np.testing.assert_allclose(new_usage.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("reach", [1, 2])
def test_shift_weights(reach: int) -> None:
    """A circular convolution. The weights still sum to 1."""
    w, s = weights(), doubles(HEADS, 2 * reach + 1).softmax(-1)
    expected = np.zeros((HEADS, SLOTS))
    for h in range(HEADS):
        for i in range(SLOTS):
            for j in range(-reach, reach + 1):
                expected[h, i] += w[h, (i - j) % SLOTS].item() * s[h, j + reach].item()
    np.testing.assert_allclose(shift_weights(w, s).numpy(), expected, rtol=1e-12)
    torch.testing.assert_close(shift_weights(w, s).sum(-1), torch.ones(HEADS, dtype=torch.float64))


def test_a_shift_wraps_around_the_last_slot() -> None:
    """The last entry of ``shift`` moves weights one slot up, and from the last slot to the first."""
    last = torch.eye(SLOTS)[-1]
    assert shift_weights(last, torch.tensor([0.0, 0.0, 1.0])).argmax() == 0
    assert shift_weights(last, torch.tensor([1.0, 0.0, 0.0])).argmax() == SLOTS - 2
    assert torch.equal(shift_weights(last, torch.tensor([0.0, 1.0, 0.0])), last)


def test_sharpen_weights() -> None:
    w, power = weights(), 1 + torch.rand(HEADS, 1, dtype=torch.float64) * 4
    expected = np.zeros((HEADS, SLOTS))
    for h in range(HEADS):
        powers = [w[h, i].item() ** power[h, 0].item() for i in range(SLOTS)]
        expected[h] = np.array(powers) / sum(powers)
    np.testing.assert_allclose(sharpen_weights(w, power).numpy(), expected, rtol=1e-9)
    torch.testing.assert_close(sharpen_weights(w, torch.ones(HEADS, 1, dtype=torch.float64)), w)


def test_sharpening_weights_of_zero_has_a_finite_gradient() -> None:
    w = torch.eye(SLOTS, dtype=torch.float64)[:HEADS].requires_grad_()
    power = torch.full((HEADS, 1), 3.0, dtype=torch.float64, requires_grad=True)
    sharp = sharpen_weights(w, power)
    torch.testing.assert_close(sharp, w.detach(), rtol=0, atol=1e-9)
    sharp[:, 1].sum().backward()  # type: ignore[no-untyped-call]
    assert w.grad is not None and power.grad is not None  # noqa: PT018
    assert bool(torch.isfinite(w.grad).all())
    assert bool(torch.isfinite(power.grad).all())


def test_erasing() -> None:
    """Head by head, in either order. An erased number still has a gradient."""
    memory, w, erase = doubles(SLOTS, WIDTH), weights(), doubles(HEADS, WIDTH).sigmoid()
    expected = memory.numpy().copy()
    for h in range(HEADS):
        for s in range(SLOTS):
            expected[s] *= 1 - w[h, s].item() * erase[h].numpy()
    np.testing.assert_allclose(erase_from_slots(memory, w, erase).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(erase_from_slots(memory, w.flip(0), erase.flip(0)).numpy(), expected, rtol=1e-12)
    full_erase = torch.ones(HEADS, WIDTH, dtype=torch.float64, requires_grad=True)
    erase_from_slots(memory, torch.eye(SLOTS, dtype=torch.float64)[:HEADS], full_erase)[0].sum().backward()
    assert full_erase.grad is not None
    torch.testing.assert_close(full_erase.grad[0], -memory[0])


def test_leading_axes_are_separate_memories() -> None:
    keys, memory, w, usage = (
        doubles(4, HEADS, WIDTH),
        doubles(4, SLOTS, WIDTH),
        doubles(4, HEADS, SLOTS),
        doubles(4, SLOTS),
    )

    def every_function(keys: Tensor, memory: Tensor, w: Tensor, usage: Tensor) -> tuple[Tensor, ...]:
        unused = least_used_slots(usage, 2)
        blanked = blank_slots(memory, unused[..., 0, :])
        accesses = add_to_slots(blanked, w, keys), read_slots(memory, w), cosine_weights(keys, memory), unused
        changes = (
            shift_weights(w, keys.softmax(-1)),
            sharpen_weights(w.softmax(-1), keys[..., :1].exp()),
            erase_from_slots(memory, w, keys),
        )
        return *accesses, *changes, update_usage(usage, w, w, 0.5)

    args = (keys, memory, w, usage)
    one_by_one = [torch.stack(column) for column in zip(*map(every_function, *args), strict=True)]
    torch.testing.assert_close(list(every_function(*args)), one_by_one, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(list(torch.func.vmap(every_function)(*args)), one_by_one, rtol=1e-12, atol=1e-12)


# Properties of shifting and sharpening, for any weights.

_positive = st.floats(min_value=0.01, max_value=1.0)


def _distribution(values: list[float]) -> Tensor:
    raw = torch.tensor(values, dtype=torch.float64)
    return raw / raw.sum()


@given(st.lists(_positive, min_size=5, max_size=9), st.lists(_positive, min_size=3, max_size=3), st.integers(-9, 9))
def test_a_shift_keeps_the_sum_and_treats_all_slots_equally(w: list[float], s: list[float], turn: int) -> None:
    weights, shift = _distribution(w), _distribution(s)
    result = shift_weights(weights, shift)
    assert float(result.min()) >= 0
    assert float(result.sum()) == pytest.approx(1, abs=1e-12)
    assert float(result.max()) <= float(weights.max()) + 1e-12, "a shift can only blur"
    torch.testing.assert_close(shift_weights(weights.roll(turn), shift), result.roll(turn), rtol=0, atol=1e-12)
    torch.testing.assert_close(shift_weights(weights.flip(0), shift.flip(0)), result.flip(0), rtol=0, atol=1e-12)


@given(st.lists(_positive, min_size=5, max_size=9), st.integers(-2, 2))
def test_a_shift_by_one_distance_is_a_roll(w: list[float], distance: int) -> None:
    weights = _distribution(w)
    one = torch.eye(5, dtype=torch.float64)[distance + 2]
    torch.testing.assert_close(shift_weights(weights, one), weights.roll(distance), rtol=0, atol=0)


@given(st.lists(_positive, min_size=2, max_size=9), st.floats(1, 5), st.floats(1, 5))
@example([1.0, 0.9999999999999999], 1.0, 1.0)
def test_sharpening_keeps_order_and_sharpens(w: list[float], low: float, high: float) -> None:
    weights = _distribution(w)
    low, high = sorted((low, high))
    less, more = (sharpen_weights(weights, torch.tensor([power], dtype=torch.float64)) for power in (low, high))
    ordered, places = weights.sort()
    is_distinct = ordered.diff() > 1e-9 * ordered[1:]  # weights that differ in the last bit may become equal
    for sharp in (less, more):
        assert float(sharp.sum()) == pytest.approx(1, abs=1e-12)
        rises = sharp[places].diff()
        assert bool((rises[is_distinct] > 0).all())
        assert bool((rises >= -1e-15).all())
    assert float(more.max()) >= float(less.max()) - 1e-9
    assert float(_entropy(more)) <= float(_entropy(less)) + 1e-9
    twice = sharpen_weights(less, torch.tensor([high / low], dtype=torch.float64))
    torch.testing.assert_close(twice, more, rtol=1e-6, atol=1e-8)


def _entropy(weights: Tensor) -> Tensor:
    return -(weights * weights.log()).sum()
