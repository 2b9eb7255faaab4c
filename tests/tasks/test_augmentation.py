"""Random changes of training pictures: each is what it says, and figures are measured without."""

from pathlib import Path

import pytest
import torch

from tokay import ConfigError, Sizes, TaskError
from tokay.core.seeding import generator
from tokay.tasks import Images, Sinusoid
from tokay.tasks.augmentation import AugmentedTasks, Change, augment

PICTURES = torch.rand(200, 3, 20, 20, generator=torch.Generator().manual_seed(0))


def change(*changes: Change, pictures: torch.Tensor = PICTURES, seed: int = 0) -> torch.Tensor:
    return augment(pictures, changes, torch.Generator().manual_seed(seed))


def test_half_of_the_pictures_are_mirrored() -> None:
    mirrored = (change("flip") == PICTURES.flip(-1)).flatten(1).all(1)
    same = (change("flip") == PICTURES).flatten(1).all(1)
    assert bool((mirrored ^ same).all())
    assert 70 < int(mirrored.sum()) < 130


def test_a_crop_moves_a_picture_by_up_to_a_tenth() -> None:
    offsets = set()
    for old, new in zip(PICTURES, change("crop"), strict=True):
        padded = torch.nn.functional.pad(old, (2, 2, 2, 2))
        places = [(r, c) for r in range(5) for c in range(5) if torch.equal(padded[:, r : r + 20, c : c + 20], new)]
        assert len(places) == 1
        offsets.add(places[0])
    assert len(offsets) == 25, "200 pictures have every offset"


def test_colours_by_hand() -> None:
    factors = 0.6 + 0.8 * torch.rand(3, len(PICTURES), 1, 1, 1, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor([0.299, 0.587, 0.114])
    for row, (old, new) in enumerate(zip(PICTURES, change("colour"), strict=True)):
        x = (factors[0, row] * old).clamp(0, 1)
        mean = torch.einsum("c,chw->hw", weights, x).mean()
        x = (factors[1, row] * (x - mean) + mean).clamp(0, 1)
        grey = torch.einsum("c,chw->hw", weights, x)
        x = (factors[2, row] * (x - grey) + grey).clamp(0, 1)
        assert torch.allclose(new, x, atol=1e-6)


def test_grey_pictures_have_no_saturation() -> None:
    grey = PICTURES[:, :1]
    new = change("colour", pictures=grey)
    assert new.shape == grey.shape
    assert not torch.equal(new, grey)
    assert 0 <= float(new.min()) <= float(new.max()) <= 1


def test_all_together_stay_pictures_and_repeat_themselves() -> None:
    pictures = PICTURES.reshape(10, 20, 3, 20, 20)
    first, again, other = (change("flip", "crop", "colour", pictures=pictures, seed=seed) for seed in (1, 1, 2))
    assert first.shape == pictures.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_only_training_is_changed(root: Path) -> None:
    plain, changed = Images(root=str(root), size=8), Images(root=str(root), size=8, augment=("flip", "crop"))
    sizes = Sizes(ways=3, shots=1, queries=1)
    tasks = [source.tasks("train", sizes) for source in (plain, changed)]
    samples = [source.sample(4, generator(0, "x")).query for source in tasks]
    assert torch.equal(samples[0].x, samples[1].x), "evaluate asks for tasks, and training alone for augmentation"
    assert plain.with_augmentation(tasks[0]) is tasks[0]
    augmented = changed.with_augmentation(tasks[1])
    sample = augmented.sample(4, generator(0, "x")).query
    assert torch.equal(sample.y, samples[0].y)
    assert not torch.equal(sample.x, samples[0].x)
    assert isinstance(augmented, AugmentedTasks)
    assert torch.equal(augmented.to("cpu").sample(4, generator(0, "x")).query.x, sample.x)


def test_what_cannot_be_changed(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"images: augment must name each change once, got flip, flip"):
        Images(root=str(root), augment=("flip", "flip"))
    with pytest.raises(ConfigError, match=r"images: augment must be .*flip.*'blur'"):
        Images(root=str(root), augment=("blur",))  # type: ignore[arg-type]
    with pytest.raises(TaskError, match=r"here: only pictures can be augmented, got inputs of shape \(1,\)"):
        AugmentedTasks(Sinusoid().tasks("train", Sizes(shots=1)), ("flip",), "here")
