"""Copy: the answer is the rows before the delimiter."""

import pytest
import torch

from tokay import ConfigError, Sizes
from tokay.tasks import NTMCopy


@pytest.mark.parametrize("split, lengths", [("train", {1, 2, 3, 4}), ("validation", {4}), ("test", {4})])
def test_what_is_asked_for_is_what_was_read(split: str, lengths: set[int]) -> None:
    """In training, all lengths up to the longest have the same probability."""
    source, lengths_read = NTMCopy(bits=3).tasks(split, Sizes(shots=4)), []  # type: ignore[arg-type]
    for seed in range(200):
        task = source.sample(2, torch.Generator().manual_seed(seed))
        for read, answer in zip(task.support.x.tolist(), task.query.y.tolist(), strict=True):
            *rows, end = read
            assert end == [0, 0, 0, 1]
            assert all(row[3] == 0 for row in rows)
            assert answer == [row[:3] for row in rows]
        lengths_read.append(len(answer))
    assert set(lengths_read) == lengths
    assert min(lengths_read.count(length) for length in lengths) > 25


def test_settings() -> None:
    assert NTMCopy().tasks("test", NTMCopy.test_sizes).spec.x_shape == (9,)
    assert (NTMCopy.test_sizes.shots, NTMCopy().bits) == (20, 8)
    with pytest.raises(ConfigError, match=r"^ntm-copy: bits must be at least 1, got 0"):
        NTMCopy(bits=0)
