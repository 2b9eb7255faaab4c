"""Associative recall: the answer is the item after the one between the last two delimiters."""

import pytest
import torch

from tokay import ConfigError, Sizes, TaskError
from tokay.tasks import NTMAssociativeRecall

Rows = list[list[float]]


def parse(read: Rows) -> tuple[list[Rows], Rows]:
    """The items (two rows of four bits each), and the question."""
    *listed, first, one, two, last = read
    assert first == last == [0, 0, 0, 0, 0, 1]
    assert len(listed) % 3 == 0
    items = []
    for at in range(0, len(listed), 3):
        assert listed[at] == [0, 0, 0, 0, 1, 0]
        assert all(row[4:] == [0, 0] for row in listed[at + 1 : at + 3])
        items.append([row[:4] for row in listed[at + 1 : at + 3]])
    assert one[4:] == two[4:] == [0, 0]
    return items, [one[:4], two[:4]]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_what_is_asked_for_follows_from_what_is_read(split: str) -> None:
    source, positions, lengths = NTMAssociativeRecall(bits=4, rows=2).tasks(split, Sizes(shots=5)), [], []  # type: ignore[arg-type]
    for seed in range(200):
        task = source.sample(3, torch.Generator().manual_seed(seed))
        for read, answer in zip(task.support.x.tolist(), task.query.y.tolist(), strict=True):
            items, question = parse(read)
            successors = [items[i + 1] for i, item in enumerate(items[:-1]) if item == question]
            assert answer in successors  # two items may be equal by chance
            positions.append(items.index(question))
            lengths.append(len(items))
    assert set(lengths) == ({2, 3, 4, 5} if split == "train" else {5})
    if split != "train":
        assert all(100 < positions.count(i) < 200 for i in range(4)), "any item but the last is as likely"


def test_settings() -> None:
    usual = NTMAssociativeRecall()
    assert (usual.test_sizes.shots, usual.bits, usual.rows) == (6, 6, 3)
    with pytest.raises(ConfigError, match="rows must be at least 1, got 0"):
        NTMAssociativeRecall(rows=0)
    with pytest.raises(TaskError, match="at least 2 items, got shots=1"):
        usual.tasks("train", Sizes(shots=1))
