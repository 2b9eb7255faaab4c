"""Episodes whose number of shots changes."""

import pytest
import torch
from torch import Tensor

from tokay import ConfigError, Examples, Sizes, Task
from tokay.core.seeding import generator
from tokay.tasks import FewerShots, Glyphs


class Same:
    """A source that gives one batch of tasks whatever it is asked."""

    def __init__(self, tasks: Task) -> None:
        self.tasks, self.spec = tasks, Glyphs().tasks("train", Sizes(ways=2, shots=3, queries=1)).spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return self.tasks


def numbered(labels: list[list[int]]) -> Examples:
    """Examples whose input is the number of their row."""
    y = torch.tensor(labels)[..., None] == torch.arange(2)
    return Examples(torch.arange(y.shape[1]).expand(y.shape[:2])[..., None].float(), y)


def rows(x: Tensor) -> list[list[int]]:
    return x[..., 0].int().tolist()


def test_the_first_of_each_class_are_left_in_their_order() -> None:
    support = numbered([[0, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0]])
    query = numbered([[0, 1], [1, 0]])
    source = FewerShots(Same(Task(support, query)), fewest=1, shots=3)
    found = {}
    for seed in range(30):
        task = source.sample(2, torch.Generator().manual_seed(seed))
        found[task.support.x.shape[1]] = rows(task.support.x), task.support.y.int().argmax(2).tolist()
        assert task.query is query
    assert found == {
        2: ([[0, 2], [0, 1]], [[0, 1], [1, 0]]),
        4: ([[0, 1, 2, 4], [0, 1, 2, 3]], [[0, 0, 1, 1], [1, 0, 1, 0]]),
        6: ([[0, 1, 2, 3, 4, 5]] * 2, [[0, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0]]),
    }


def test_every_number_is_as_likely() -> None:
    source = FewerShots(Glyphs().tasks("train", Sizes(ways=2, shots=3, queries=1)), fewest=2, shots=3)
    shots = [source.sample(1, generator(0, "train", i)).support.x.shape[1] // 2 for i in range(400)]
    assert set(shots) == {2, 3}
    assert abs(shots.count(2) - 200) < 50  # five standard deviations


def test_a_sample_is_a_function_of_the_generator() -> None:
    source = FewerShots(Glyphs().tasks("train", Sizes(ways=3, shots=4, queries=1)), fewest=1, shots=4)
    one, other = (source.to("cpu").sample(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.support.x, other.support.x)
    assert torch.equal(one.support.y, other.support.y)


@pytest.mark.parametrize("fewest", [0, 4])
def test_what_is_no_range(fewest: int) -> None:
    with pytest.raises(ConfigError, match=rf"must be from 1 to the 3 shots of training, got {fewest}\. Choose"):
        FewerShots(Glyphs().tasks("train", Sizes(ways=2, shots=3, queries=1)), fewest=fewest, shots=3)
