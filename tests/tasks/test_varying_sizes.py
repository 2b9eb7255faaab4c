"""Episodes with a random number of shots or ways."""

import pytest
import torch
from torch import Tensor

from tokay import ConfigError, Examples, Sizes, Task
from tokay.core.seeding import generator
from tokay.tasks import Glyphs, GrowingWays, VaryingShots


class Same:
    """A source that always returns the same batch of tasks."""

    def __init__(self, tasks: Task) -> None:
        self.tasks, self.spec = tasks, Glyphs().tasks("train", Sizes(ways=2, shots=3, queries=1)).spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return self.tasks


def numbered(labels: list[list[int]]) -> Examples:
    """Examples whose input is their row number."""
    y = torch.tensor(labels)[..., None] == torch.arange(2)
    return Examples(torch.arange(y.shape[1]).expand(y.shape[:2])[..., None].float(), y)


def rows(x: Tensor) -> list[list[int]]:
    return x[..., 0].int().tolist()


def test_the_first_of_each_class_are_left_in_their_order() -> None:
    support = numbered([[0, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0]])
    query = numbered([[0, 1], [1, 0]])
    source = VaryingShots(Same(Task(support, query)), fewest=1, shots=3)
    samples = {}
    for seed in range(30):
        task = source.sample(2, torch.Generator().manual_seed(seed))
        samples[task.support.x.shape[1]] = rows(task.support.x), task.support.y.int().argmax(2).tolist()
        assert task.query is query
    assert samples == {
        2: ([[0, 2], [0, 1]], [[0, 1], [1, 0]]),
        4: ([[0, 1, 2, 4], [0, 1, 2, 3]], [[0, 0, 1, 1], [1, 0, 1, 0]]),
        6: ([[0, 1, 2, 3, 4, 5]] * 2, [[0, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0]]),
    }


def test_every_number_is_as_likely() -> None:
    source = VaryingShots(Glyphs().tasks("train", Sizes(ways=2, shots=3, queries=1)), fewest=2, shots=3)
    shots = [source.sample(1, generator(0, "train", i)).support.x.shape[1] // 2 for i in range(400)]
    assert set(shots) == {2, 3}
    assert abs(shots.count(2) - 200) < 50  # five standard deviations


def test_a_sample_is_a_function_of_the_generator() -> None:
    source = VaryingShots(Glyphs().tasks("train", Sizes(ways=3, shots=4, queries=1)), fewest=1, shots=4)
    one, other = (source.to("cpu").sample(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.support.x, other.support.x)
    assert torch.equal(one.support.y, other.support.y)


@pytest.mark.parametrize("fewest", [0, 4])
def test_what_is_no_range(fewest: int) -> None:
    with pytest.raises(ConfigError, match=rf"must be from 1 to the 3 shots of training, got {fewest}\. Choose"):
        VaryingShots(Glyphs().tasks("train", Sizes(ways=2, shots=3, queries=1)), fewest=fewest, shots=3)


def test_classes_that_are_left_are_those_of_the_first_labels() -> None:
    episodes = Glyphs().tasks("train", Sizes(ways=4, shots=2, queries=1))
    source = GrowingWays(episodes, fewest=1, ways=4)
    class_counts: set[int] = set()
    for seed in range(40):
        task = source.sample(3, torch.Generator().manual_seed(seed))
        has_label = task.support.y.any(1)  # [tasks, ways]
        ways = has_label.sum(1).tolist()
        assert torch.equal(has_label, (torch.arange(4) < ways[0]).expand(3, 4))
        assert torch.equal(has_label, task.query.y.any(1))
        assert task.support.x.shape[:2] == (3, 2 * ways[0])
        assert task.query.x.shape[:2] == (3, ways[0])
        assert torch.equal(task.support.y.sum(1)[has_label], torch.full((3 * ways[0],), 2))
        class_counts.add(ways[0])
    assert class_counts == {1, 2, 3, 4}


def test_every_number_of_ways_is_as_likely() -> None:
    source = GrowingWays(Glyphs().tasks("train", Sizes(ways=5, shots=1, queries=1)), fewest=2, ways=5)
    ways = [source.sample(1, generator(0, "train", i)).support.x.shape[1] for i in range(400)]
    assert set(ways) == {2, 3, 4, 5}
    for number in set(ways):
        assert abs(ways.count(number) - 100) < 44  # five standard deviations


def test_the_most_ways_grow_by_the_same_factor_until_half_of_training() -> None:
    source = GrowingWays(Glyphs().tasks("train", Sizes(ways=20, shots=1, queries=1)), fewest=2, ways=20)
    assert source.most == 20
    most = [source.at_progress(p).most for p in (0, 0.1, 0.25, 0.4, 0.499, 0.5, 0.9)]
    assert most == [2, 3, 6, 12, 19, 20, 20]  # 2 * 10^(2p): 2, 3.2, 6.3, 12.6, 19.9, 20, 20
    assert GrowingWays(source, fewest=20, ways=20).at_progress(0).most == 20
    assert (
        GrowingWays(source, fewest=11, ways=15).at_progress(0.5).most == 15
    )  # 11 * (15 / 11) is below 15 in floating point
    early = source.at_progress(0.25).to("cpu")
    lengths = {early.sample(1, generator(0, "train", i)).support.x.shape[1] for i in range(100)}
    assert lengths == {2, 3, 4, 5, 6}


def test_rows_that_are_left_are_those_of_their_classes() -> None:
    support, query = numbered([[0, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0]]), numbered([[0, 1], [1, 0]])
    source = GrowingWays(Same(Task(support, query)), fewest=1, ways=2)
    samples = [source.sample(2, torch.Generator().manual_seed(seed)) for seed in range(30)]
    of_class = [{0: [0, 1, 3], 1: [2, 4, 5]}, {0: [1, 3, 5], 1: [0, 2, 4]}]
    for task in (task for task in samples if task.support.x.shape[1] == 3):
        for i in range(2):
            label = int(task.support.y[i].any(0).int().argmax())
            assert rows(task.support.x)[i] == of_class[i][label]
            assert rows(task.query.x)[i] == [query.y[i, :, label].int().argmax()]
    assert {task.support.x.shape[1] for task in samples} == {3, 6}


@pytest.mark.parametrize("fewest", [0, 3])
def test_what_is_no_range_of_ways(fewest: int) -> None:
    with pytest.raises(ConfigError, match=rf"must be from 1 to the 2 ways of training, got {fewest}\. Choose"):
        GrowingWays(Glyphs().tasks("train", Sizes(ways=2, shots=3, queries=1)), fewest=fewest, ways=2)
