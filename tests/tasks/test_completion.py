"""Pixels of a task have their position in the picture, and no letter is in two splits."""

import pytest
import torch

from tokay import ConfigError, Examples, Sizes, TaskError
from tokay.core.task import check_task
from tokay.tasks.class_pool import ClassPool
from tokay.tasks.completion import Completion, Pixels
from tokay.tasks.glyphs import SCRIPTS

SIDE = 5


def pool(pictures: int = 6) -> ClassPool:
    images = torch.randint(256, (pictures, 1, SIDE, SIDE), dtype=torch.uint8, generator=seeded(7))
    return ClassPool(images, torch.full((pictures // 2,), 2), tuple("abcdef"[: pictures // 2]))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pixels(shots: int = 4, queries: int = 6, fewest: int | None = None) -> Pixels:
    return Pixels(pool(), Sizes(ways=1, shots=shots, queries=queries), fewest)


def places(part: Examples, task: int) -> list[tuple[int, int]]:
    return [(round(4 * row), round(4 * column)) for row, column in part.x[task].tolist()]


def test_pixels_are_those_of_one_picture() -> None:
    task = pixels().sample(50, seeded())
    pictures = pool().images[:, 0].float() / 255
    positions = set()
    for i in range(50):
        both = [*zip(places(task.support, i), task.support.y[i, :, 0].tolist(), strict=True)]
        both += zip(places(task.query, i), task.query.y[i, :, 0].tolist(), strict=True)
        fits = [n for n in range(6) if all(pictures[n, r, c] == pytest.approx(y) for (r, c), y in both)]
        assert len(fits) == 1
        positions |= set(fits)
        assert len({place for place, _ in both}) == 10  # all pixels differ, in context and targets
    assert positions == set(range(6))


def test_all_places_are_as_likely() -> None:
    task = pixels(3, 5).sample(3000, seeded())
    for part, expected in ((task.support, 3), (task.query, 5)):
        counts = torch.zeros(SIDE, SIDE)
        index = (part.x * 4).round().long().flatten(0, 1)
        counts.index_put_((index[:, 0], index[:, 1]), torch.ones(len(index)), accumulate=True)
        assert float((counts - 3000 * expected / 25).abs().max()) < 5 * (3000 * expected / 25) ** 0.5


def test_the_whole_picture() -> None:
    """If queries is the number of pixels, the targets are all pixels, with those of the context."""
    task = pixels(4, 25).sample(3, seeded())
    for i in range(3):
        assert sorted(places(task.query, i)) == [(r, c) for r in range(5) for c in range(5)]
        grey = dict(zip(places(task.query, i), task.query.y[i, :, 0].tolist(), strict=True))
        assert [grey[place] for place in places(task.support, i)] == task.support.y[i, :, 0].tolist()
    assert pixels(4, 21).sample(1, seeded()).query.x.shape == (1, 21, 2)


def test_sampling_is_a_pure_function_of_the_generator() -> None:
    source = pixels(8, 10, fewest=2)
    first, other = source.sample(3, seeded(5)), source.sample(3, seeded(6))
    torch.rand(3)  # the global generator has no effect
    assert torch.equal(first.query.y, source.sample(3, seeded(5)).query.y)
    assert not torch.equal(first.query.y, other.query.y)
    assert {source.sample(1, seeded(seed)).support.x.shape[1] for seed in range(60)} == set(range(2, 9))
    assert torch.equal(source.to("cpu").sample(3, seeded(5)).query.y, first.query.y)
    check_task(first, source.spec, where="test")


def test_letters_keep_to_their_split() -> None:
    sources = {split: Completion(size=12).tasks(split, Sizes(shots=5, queries=9)) for split in SCRIPTS}
    for split, source in sources.items():
        assert isinstance(source, Pixels)
        assert {name.split("/")[0] for name in source.pool.names} == set(SCRIPTS[split])
        task = source.sample(2, seeded())
        assert task.support.x.shape == (2, 5, 2)
        assert task.query.y.shape == (2, 9, 1)
    assert Completion(size=12).points_shown() == 144


def test_errors_say_what_to_do() -> None:
    with pytest.raises(TaskError, match=r"4 shots \+ 22 queries .* the 25 pixels .* at most 21 queries, or for all 25"):
        pixels(4, 22)
    with pytest.raises(TaskError, match="26 shots"):
        pixels(26, 25)
    with pytest.raises(ConfigError, match="completion: fewest_shots must be from 1 to the 5 shots, got 6"):
        Completion(fewest_shots=6).tasks("train", Sizes(shots=5))
    with pytest.raises(ConfigError, match="size must be from 8 to 128"):
        Completion(size=5)
