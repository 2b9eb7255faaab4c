"""Class names are found by the pictures of an episode."""

import torch

from tokay import Examples, Sizes, Task
from tokay.figures.class_names import class_names, short_name
from tokay.tasks import ClassPool, Episodes


def pool(classes: int = 6) -> ClassPool:
    images = torch.randint(256, (4 * classes, 1, 5, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return ClassPool(images, torch.full((classes,), 4), tuple(f"kind {c}" for c in range(classes)))


def test_the_names_are_those_of_the_pool() -> None:
    """Each class of an episode is named after the class whose pictures it has."""
    images = pool()
    batch = Episodes(images, Sizes(ways=3, shots=1, queries=2)).sample(5, torch.Generator().manual_seed(1))
    for index in range(5):
        task = Task(*(Examples(part.x[index], part.y[index]) for part in batch))
        names = class_names(task, images)
        assert len(set(names)) == 3
        for label, name in enumerate(names):
            own = images.subset([name]).images.float() / 255
            for part in task:
                for picture in part.x[part.y[:, label]]:
                    assert (own == picture).flatten(1).all(1).any()


def test_other_pictures_have_no_name() -> None:
    images = pool()
    batch = Episodes(images, Sizes(ways=2, shots=1, queries=1)).sample(1, torch.Generator())
    support, query = (Examples(part.x[0], part.y[0]) for part in batch)
    assert class_names(Task(Examples(support.x * 0.5, support.y), query), images) == ["", ""]
    assert class_names(Task(Examples(support.x, torch.zeros_like(support.y)), query), images) == ["", ""]


def test_short_names_fit() -> None:
    for name in ("x" * 100, "a/" * 50, "folder/" + "y" * 40, "", "/"):
        assert len(short_name(name)) <= 18
