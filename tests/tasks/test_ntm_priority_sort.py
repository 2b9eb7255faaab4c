"""Priority sort: the answer is the rows of the highest priorities, the highest first."""

import pytest
import torch

from tokay import ConfigError, Sizes, TaskError
from tokay.tasks import NTMPrioritySort


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_what_is_asked_for_follows_from_what_is_read(split: str) -> None:
    source, priorities = NTMPrioritySort(bits=3, highest=4).tasks(split, Sizes(shots=6)), []  # type: ignore[arg-type]
    for seed in range(50):
        task = source.sample(3, torch.Generator().manual_seed(seed))
        for read, answer in zip(task.support.x.tolist(), task.query.y.tolist(), strict=True):
            *rows, end = read
            assert len(rows) == 6
            assert end == [0, 0, 0, 0, 1]
            assert all(row[4] == 0 for row in rows)
            assert answer == [row[:3] for row in sorted(rows, key=lambda row: -row[3])[:4]]
            priorities += [row[3] for row in rows]
    values = torch.tensor(priorities)
    assert -1 <= float(values.min()) < -0.95
    assert 0.95 < float(values.max()) <= 1
    assert abs(float(values.mean())) < 0.06


def test_settings() -> None:
    usual = NTMPrioritySort()
    assert (usual.test_sizes.shots, usual.bits, usual.highest) == (20, 8, 16)
    with pytest.raises(ConfigError, match="highest must be at least 1, got 0"):
        NTMPrioritySort(highest=0)
    with pytest.raises(TaskError, match="at least the 16 rows to put out, got 12"):
        usual.tasks("test", Sizes(shots=12))
