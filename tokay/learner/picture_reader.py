"""Pictures as inputs, in the form that a run was trained on: size, colour, and bright ink on black if it learned from that."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ConfigError, DataError
from ..tasks.image_decoding import Channels
from ..tasks.image_embeddings import embed_images
from ..tasks.image_folders import list_class_folders, list_images
from ..tasks.image_pools import read_images
from ..tasks.pretrained import Pretrained, load_backbone
from .file_rows import LabelledRows, Place, QueryRows, read_each


@dataclass(frozen=True, kw_only=True)
class PictureReader:
    """Reads a folder of pictures per class, and single pictures. Inputs are uint8 ``[n, C, size, size]``.

    With ``backbone`` they are vectors of that frozen network (see `tokay.tasks.Images`), which must have the weights ``key``.
    """

    kind: ClassVar[str] = "pictures"

    size: int
    channels: Channels
    invert: bool = False  # every picture
    inverts_paper: bool = False  # pictures with a light border, because the run learned from bright ink on black
    backbone: str | None = None
    weights: str | None = None
    key: str = ""  # a hash of the weights of the backbone

    def read_support(self, path: Path) -> LabelledRows:
        """The pictures of the folders in ``path``, labelled with the names of their folders.

        Raises ``DataError`` for a picture that cannot be read, and ``ConfigError`` for fewer than two folders.
        """
        folders = list_class_folders(path)
        if len(folders) < 2:
            raise ConfigError(f"images: {path} must hold two or more class folders, got {len(folders)}. Add some.")
        pictures = [self._read(file) for files in folders.values() for file in files]
        labels = [name for name, files in folders.items() for _ in files]
        pixels = torch.stack([picture for picture, _ in pictures])
        return LabelledRows(pixels, np.array(labels), sum(is_inverted for _, is_inverted in pictures))

    def read_queries(self, paths: Sequence[str | Path]) -> QueryRows:
        """The pictures in the files and folders ``paths``."""
        inverted = 0

        def read(file: Path) -> tuple[list[Place], Tensor]:
            nonlocal inverted
            picture, is_inverted = self._read(file)
            inverted += is_inverted
            return [Place(str(file))], picture[None]

        rows = read_each(paths, lambda path: [path] if path.is_file() else list_images(path), read)
        return replace(rows, inverted=inverted)

    def as_json(self) -> dict[str, Any]:
        """The settings."""
        return {"kind": self.kind, **asdict(self)}

    def in_units(self, values: NDArray[Any]) -> NDArray[Any]:
        """``values``: pictures have no real targets."""
        return values

    def _read(self, file: Path) -> tuple[Tensor, bool]:
        """A picture ``[C, size, size]``, or its vector, and whether it was inverted because of its border."""
        if self.backbone is not None:
            return embed_images([file], self._network(self.backbone), invert=self.invert)[0], False
        pixels = read_images([file], self.size, self.channels, invert=self.invert)[0]
        if self.inverts_paper and has_light_border(pixels):
            # Read it again: as in the source, inverting comes before resizing.
            return read_images([file], self.size, self.channels, invert=True)[0], True
        return pixels, False

    def _network(self, name: str) -> Pretrained:
        network = load_backbone(name, None if self.weights is None else Path(self.weights))
        if network.key != self.key:
            raise DataError(
                f"images: the backbone {name} has other weights than in training. Install or name those of then."
            )
        return network


def has_light_border(pixels: Tensor) -> bool:
    """Whether a picture ``[C, h, w]`` of bytes has a light border, like ink on paper.

    >>> has_light_border(torch.full((1, 4, 4), 255)), has_light_border(torch.zeros(1, 4, 4))
    (True, False)
    """
    inside = torch.zeros(pixels.shape[1:], dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    return float(pixels[:, ~inside].float().mean()) > 127.5
