"""Pictures as vectors of a frozen network: computed once, kept, and never mixed with those of other weights."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from tokay import ConfigError, Sizes
from tokay.core.seeding import generator
from tokay.tasks import Images
from tokay.tasks.image_embeddings import embed_images, embedded_images
from tokay.tasks.pretrained import load_backbone

NAME = f"{__name__}:colours"
ONE = Sizes(ways=2, shots=1, queries=1)
CALLS: list[int] = []


class Colours(nn.Module):
    """The mean and the deviation of each channel, and a constant."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        CALLS.append(len(x))
        return torch.cat([x.mean((2, 3)), x.std((2, 3)), torch.ones(len(x), 1)], 1)


def colours() -> nn.Module:
    return Colours()


@pytest.fixture
def source(root: Path) -> Images:
    embedded_images.cache_clear()
    CALLS.clear()
    return Images(root=str(root), backbone=NAME)


def test_inputs_are_vectors_of_the_files(source: Images, root: Path) -> None:
    task = source.tasks("train", ONE).sample(3, generator(0, "x"))
    assert task.support.x.shape == (3, 2, 7)
    files = sorted((root / "class3").iterdir())
    pool = (
        source.keep_classes({"train": ["class3"], "validation": [], "test": []})
        .tasks("train", Sizes(ways=1, queries=1))
        .pool
    )
    assert torch.equal(pool.stored(), embed_images(files, load_backbone(NAME, None)))
    assert torch.equal(source.read(files), pool.stored())


def test_each_picture_goes_through_the_network_once(source: Images, root: Path) -> None:
    for split in ("train", "validation", "test", "train"):
        source.tasks(split, ONE)  # type: ignore[arg-type]
    assert sum(CALLS) == 35
    embedded_images.cache_clear()  # as in a new process
    first = source.tasks("train", ONE).pool
    assert sum(CALLS) == 35
    Image.new("L", (9, 7), 250).save(root / "class0" / "0.png")
    assert source.tasks("train", ONE).pool.hashes != first.hashes or "class0" not in first.names
    assert sum(CALLS) == 36, "only the changed one again"


def test_the_network_starts_at_the_vectors(source: Images) -> None:
    assert source.network_name("conv4", None) == "residual"
    assert source.network_name("conv4", "linear") == "linear"
    assert Images(root="x").network_name("conv4", "linear") == "conv4"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"augment": ("flip",), "backbone": NAME}, "Leave out --augment and --channels"),
        ({"channels": "grey", "backbone": NAME}, "Leave out --augment and --channels"),
        ({"weights": "w.safetensors"}, "--weights are those of a --backbone"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Images(root="x", **settings)  # type: ignore[arg-type]
