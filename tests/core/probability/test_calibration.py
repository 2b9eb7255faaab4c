"""Expected calibration error against a slow loop, and properties that it must have."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from tokay.core.probability.calibration import expected_calibration_error

predictions = st.lists(st.tuples(st.floats(0, 1, allow_subnormal=False), st.booleans()), min_size=1, max_size=60)


def by_hand(pairs: list[tuple[float, bool]], bins: int) -> float:
    total = 0.0
    for b in range(1, bins + 1):
        inside = [(c, h) for c, h in pairs if (b - 1) / bins < c <= b / bins or (b == 1 and c == 0)]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            hits = sum(h for _, h in inside) / len(inside)
            total += len(inside) / len(pairs) * abs(hits - confidence)
    return total


def calibration_error(pairs: list[tuple[float, bool]], bins: int = 15) -> float:
    confidence = torch.tensor([c for c, _ in pairs], dtype=torch.float64)
    return float(expected_calibration_error(confidence, torch.tensor([h for _, h in pairs]), bins))


@settings(max_examples=100)
@given(predictions, st.integers(1, 20))
def test_is_what_a_loop_over_bins_gives(pairs: list[tuple[float, bool]], bins: int) -> None:
    assert calibration_error(pairs, bins) == pytest.approx(by_hand(pairs, bins), abs=1e-12)


@settings(max_examples=50)
@given(predictions)
def test_is_between_nothing_and_one_and_blind_to_order(pairs: list[tuple[float, bool]]) -> None:
    assert 0 <= calibration_error(pairs) <= 1
    assert calibration_error(pairs[::-1]) == pytest.approx(calibration_error(pairs), abs=1e-12)
    assert calibration_error(pairs * 3) == pytest.approx(calibration_error(pairs), abs=1e-12)
    gap = abs(sum(h for _, h in pairs) / len(pairs) - sum(c for c, _ in pairs) / len(pairs))
    assert calibration_error(pairs, 1) == pytest.approx(gap, abs=1e-6)
    assert calibration_error(pairs) >= gap - 1e-6  # errors cancel in one bin, but not in many bins


def test_edges_belong_to_the_bin_below() -> None:
    """All three predictions are in (0.2, 0.4], and one of three is right."""
    assert calibration_error([(0.4, False), (0.3, True), (0.4, False)], 5) == pytest.approx(abs(1 / 3 - 1.1 / 3))
    assert calibration_error([(0.0, True)], 5) == 1.0
    assert calibration_error([(1.0, True)], 5) == 0.0


def test_confident_and_right_is_calibrated_and_confident_and_wrong_is_not() -> None:
    confidence = torch.ones(7)
    assert float(expected_calibration_error(confidence, torch.ones(7, dtype=torch.bool))) == 0.0
    assert float(expected_calibration_error(confidence, torch.zeros(7))) == 1.0
    assert math.isnan(float(expected_calibration_error(torch.ones(0), torch.ones(0))))


def test_tends_to_zero_if_confidence_equals_accuracy() -> None:
    confidence = torch.rand(200_000, dtype=torch.float64)
    hit = torch.rand(200_000, dtype=torch.float64) < confidence
    assert float(expected_calibration_error(confidence, hit)) < 0.01
    assert float(expected_calibration_error(confidence, torch.rand(200_000) < 0.5)) == pytest.approx(0.25, abs=0.01)
