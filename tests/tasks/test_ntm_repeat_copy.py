"""Repeat copy: the answer is the given number of copies and an end marker."""

import pytest
import torch

from tokay import ConfigError, Sizes
from tokay.tasks import NTMRepeatCopy


def times(number: float) -> int:
    """Uniform numbers from 1 to 4 have mean 2.5 and variance 1.25."""
    return round(number * 1.25**0.5 + 2.5)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_what_is_asked_for_follows_from_what_is_read(split: str) -> None:
    source, sizes = NTMRepeatCopy(bits=3, repeats=4).tasks(split, Sizes(shots=3)), []  # type: ignore[arg-type]
    for seed in range(300):
        task = source.sample(2, torch.Generator().manual_seed(seed))
        for read, answer in zip(task.support.x.tolist(), task.query.y.tolist(), strict=True):
            *rows, end = read
            assert end[:4] == [0, 0, 0, 1]
            assert all(row[3:] == [0, 0] for row in rows)
            assert end[4] == pytest.approx((times(end[4]) - 2.5) / 1.25**0.5)
            copies = [[*row[:3], 0] for row in rows] * times(end[4])
            assert answer == [*copies, [0, 0, 0, 1]]
        sizes.append((len(rows), times(end[4])))
    if split == "train":
        assert {pair: sizes.count(pair) > 10 for pair in sizes} == {
            (n, t): True for n in (1, 2, 3) for t in (1, 2, 3, 4)
        }
    else:
        assert set(sizes) == {(3, 4)}


def test_the_number_has_mean_0_and_variance_1_in_training() -> None:
    source = NTMRepeatCopy().tasks("train", Sizes(shots=1))
    numbers = torch.stack(
        [source.sample(1, torch.Generator().manual_seed(n)).support.x[0, -1, -1] for n in range(1000)]
    )
    assert abs(float(numbers.mean())) < 0.1
    assert float(numbers.var()) == pytest.approx(1, abs=0.1)


def test_settings() -> None:
    assert (NTMRepeatCopy.test_sizes.shots, NTMRepeatCopy().bits, NTMRepeatCopy().repeats) == (10, 8, 10)
    with pytest.raises(ConfigError, match=r"repeats must be at least 2, got 1\. Use ntm-copy for one copy"):
        NTMRepeatCopy(repeats=1)
