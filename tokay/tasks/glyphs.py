"""Letters of many scripts, drawn from the DejaVu faces that ship inside matplotlib: no download at all."""

import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import PIL
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont, features

from ..core.seeding import generator
from ..core.task import Sizes, Split
from ..errors import ConfigError, DataError
from .class_pool import ClassPool, Episodes
from .data_folders import cache_dir
from .decoded_images import decoded
from .source import Source

SCRIPTS: dict[Split, tuple[str, ...]] = {
    "train": ("Latin", "Greek", "Coptic", "Cyrillic", "Arabic", "Canadian Syllabics"),
    "validation": ("Armenian", "Ogham", "Old Italic"),
    "test": ("Georgian", "Hebrew", "Lao", "Tifinagh", "Nko", "Lisu"),
}
"""The scripts of each split, by the first words of their letters' Unicode names. Scripts that share shapes through
their history (Latin, Greek, Coptic, Cyrillic) stay together."""

EXAMPLES = 20
"""Drawings of each letter, as many as Omniglot has."""

_VERSION = 1  # raise it whenever a drawing changes: cached ones are then drawn again
_FACES = tuple(
    f"DejaVu{family}"
    for family, slanted in (("Sans", "Oblique"), ("SansMono", "Oblique"), ("Serif", "Italic"))
    for family in (family, f"{family}-Bold", f"{family}-{slanted}", f"{family}-Bold{slanted}")
)
_SWAPPED = ("DejaVuSansMono-Oblique", "\u04cb\u04f6")  # a fault of this face: it draws each of the two as the other
_OVERSAMPLE = 4  # draw this many times larger, then average: edges come out smooth
_FRAME = 28  # all lengths below are in pixels of a picture of this size, whatever `size` is
_FIT = 21.0  # the longer side of a letter before the jitter
_MOST = (math.radians(12), 0.2, 0.12, 0.08)  # turn, shear, and logarithms of zoom and stretch
_SHIFT = 2.0
# Two letters look alike when the cosine of their blurred pictures is above this; above the second, stricter limit
# when they belong to different splits or are the two cases of one letter, for then likeness is no accident.
_ALIKE, _ALIKE_STRICT = 0.985, 0.97


@dataclass(frozen=True, kw_only=True)
class Glyphs(Source, name="glyphs"):
    """About 1,300 letters of 15 scripts in up to 12 faces, 20 drawings each: an Omniglot that needs no download.

    Inputs are ``[tasks, n, 1, size, size]`` float32, ink 1 on background 0. Train, validation and test have
    962, 94 and 231 letters (with matplotlib 3.11) of different scripts (`SCRIPTS`), so a test asks for letters of
    a script that was never seen. Each letter is centred, fitted to its frame, and then turned, sheared, scaled,
    stretched and shifted at random; its faces take turns. A letter whose picture is as good as that of another
    (Latin A and Greek Alpha, V and v) is left out, so no picture belongs to two classes or two splits.

    Drawn once (some seconds) into ``TOKAY_CACHE``. Printed letters vary less than handwriting: tasks are easier than
    Omniglot's and their numbers are not comparable with it.

    >>> source = Glyphs(size=32)
    >>> source.name, source.kind
    ('glyphs', 'classification')
    """

    summary: ClassVar[str] = "letters of 15 scripts drawn from matplotlib's fonts (no download)"
    bright_ink = True

    jitter_seed: int = 0
    """which random jitter the drawings have"""
    size: int = 28
    """height and width of an image in pixels"""

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 128:
            raise ConfigError(f"glyphs: size must be from 8 to 128 pixels, got {self.size}.")

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes of the letters of one split.

        Raises ``TaskError`` for more ways than the split has letters or more than 20 shots + queries,
        ``DataError`` when matplotlib came without its fonts or the cache cannot be written.
        """
        return Episodes(_pool(split, self.jitter_seed, self.size), sizes, where="glyphs")


class _Letter(NamedTuple):
    split: Split
    name: str  # "Cyrillic/ж"
    character: str
    faces: tuple[str, ...]  # those that have it, never empty


@lru_cache(maxsize=6)  # the splits of two settings: some 25 MB each at most, at the usual size
def _pool(split: Split, seed: int, size: int) -> ClassPool:
    """The drawings of a split, from the cache where they are there."""
    import matplotlib  # slow to import, and only this source draws letters

    file = cache_dir() / f"glyphs-{split}-{size}-{seed}.safetensors"
    # What else decides a drawing: the faces, the rasteriser, and which characters are letters.
    made_by = (matplotlib.__version__, PIL.__version__, features.version("freetype2"), unicodedata.unidata_version)
    key = f"v{_VERSION} {split} size={size} seed={seed} {made_by}"
    return decoded(file, key, lambda: _draw(split, seed, size), where="glyphs")


def _draw(split: Split, seed: int, size: int) -> ClassPool:
    letters = [letter for letter in _letters() if letter.split == split]
    fonts = _fonts(size)
    shape = (len(letters), EXAMPLES, 6)
    jitter = torch.rand(shape, generator=generator(seed, f"glyphs/{split}"), dtype=torch.float64) * 2 - 1
    images = np.empty((*shape[:2], size, size), np.uint8)
    for number, letter in enumerate(letters):
        masks = [_mask(fonts[face], letter.character) for face in letter.faces]
        for example, numbers in enumerate(jitter[number].tolist()):
            images[number, example] = np.asarray(_jittered(masks[example % len(masks)], size, numbers))
    return ClassPool(
        torch.from_numpy(images).view(-1, 1, size, size),
        torch.full((len(letters),), EXAMPLES),
        tuple(letter.name for letter in letters),
    )


def _jittered(mask: Image.Image, size: int, jitter: list[float]) -> Image.Image:
    """``mask`` under a random affine map, ``size`` x ``size``. Six numbers in [-1, 1] say which map."""
    angle, shear, zoom, stretch = (u * most for u, most in zip(jitter[:4], _MOST, strict=True))
    unit = _OVERSAMPLE * size / _FRAME  # pixels of the large frame per pixel of a 28 x 28 picture
    scale = unit * _FIT / max(mask.size) * math.exp(zoom)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    # Takes a mask's pixels, from its centre, to the frame's, from its centre.
    forward = scale * turn @ np.array([[1, shear], [0, 1]]) @ np.diag([math.exp(stretch), math.exp(-stretch)])
    # Shrink what is too large and shift no further than there is room: nothing is clipped, the border stays empty.
    half, room = np.array(mask.size) / 2, _OVERSAMPLE * (size / 2 - 1)
    forward *= min(1.0, (room / (np.abs(forward) @ half)).min())
    shift = np.array(jitter[4:]) * np.minimum(unit * _SHIFT, room - np.abs(forward) @ half)
    # Pillow wants the inverse map: a frame's pixels to the mask's.
    back = np.linalg.inv(forward)
    corner = half - back @ (unit * _FRAME / 2 + shift)
    coefficients = (*back[0], corner[0], *back[1], corner[1])
    frame = (_OVERSAMPLE * size, _OVERSAMPLE * size)
    return mask.transform(frame, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR).reduce(_OVERSAMPLE)


@lru_cache(maxsize=1)
def _letters() -> tuple[_Letter, ...]:
    """The classes of all splits in their order, without those that look like one before them."""
    found = _candidates()
    fonts = _fonts(_FRAME)
    plain = (_jittered(_mask(fonts[letter.faces[0]], letter.character), _FRAME, [0.0] * 6) for letter in found)
    # Blurred, so that a thicker stroke (a small V fitted to the frame of a large one) weighs little.
    pictures = [np.asarray(picture.filter(ImageFilter.GaussianBlur(1.5)), np.float64).ravel() for picture in plain]
    vectors = np.stack(pictures)  # [letters, pixels]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    split = np.array([letter.split for letter in found])
    lower = np.array([letter.character.lower() for letter in found])
    strict = (split[:, None] != split) | (lower[:, None] == lower)
    alike = vectors @ vectors.T > np.where(strict, _ALIKE_STRICT, _ALIKE)
    kept: list[int] = []
    for number in range(len(found)):
        if not alike[number, kept].any():
            kept.append(number)
    return tuple(found[number] for number in kept)


def _candidates() -> list[_Letter]:
    """Every base letter of the scripts that a face has, script by script."""
    from matplotlib.ft2font import FT2Font

    faces: dict[str, list[str]] = {}
    for face in _FACES:
        for character in map(chr, FT2Font(_file(face)).get_charmap()):
            if face != _SWAPPED[0] or character not in _SWAPPED[1]:
                faces.setdefault(character, []).append(face)
    # Letters that decompose are accented, joined or styled forms of others.
    letters = [
        character
        for character in sorted(faces)
        if unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo") and not unicodedata.decomposition(character)
    ]
    return [
        _Letter(split, f"{script}/{character}", character, tuple(faces[character]))
        for split, scripts in SCRIPTS.items()
        for script in scripts
        for character in letters
        if unicodedata.name(character, "").startswith(f"{script.upper()} ")
    ]


def _mask(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    """The ink of a character and nothing around it."""
    left, top, right, bottom = font.getbbox(character)
    image = Image.new("L", (math.ceil(right - left), math.ceil(bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font)
    return image.crop(image.getbbox())


def _fonts(size: int) -> dict[str, ImageFont.FreeTypeFont]:
    """Every face, so large that a small letter, too, has as many pixels as the large frame of a ``size`` image."""
    pixels = 2 * _OVERSAMPLE * size
    # The basic layout is in every Pillow; the other depends on a library of the system.
    return {face: ImageFont.truetype(_file(face), pixels, layout_engine=ImageFont.Layout.BASIC) for face in _FACES}


def _file(face: str) -> str:
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    if not path.is_file():
        raise DataError(f"glyphs: {path} is missing. Install matplotlib from PyPI, whose package brings its fonts.")
    return str(path)
