"""Letters of many scripts, drawn with the DejaVu fonts that matplotlib brings: no download is needed."""

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
from .image_cache import decode_once
from .source import Source

SCRIPTS: dict[Split, tuple[str, ...]] = {
    "train": ("Latin", "Greek", "Coptic", "Cyrillic", "Arabic", "Canadian Syllabics"),
    "validation": ("Armenian", "Ogham", "Old Italic"),
    "test": ("Georgian", "Hebrew", "Lao", "Tifinagh", "Nko", "Lisu"),
}
"""The scripts of each split, named like the first words of the Unicode names of their letters. Related scripts with
similar shapes (Latin, Greek, Coptic, Cyrillic) are in the same split."""

EXAMPLES = 20
"""Number of drawings of each letter, as in Omniglot."""

_VERSION = 1  # raise it when a drawing changes: then cached drawings are made again
_FACES = tuple(
    f"DejaVu{family}"
    for family, slanted in (("Sans", "Oblique"), ("SansMono", "Oblique"), ("Serif", "Italic"))
    for family in (family, f"{family}-Bold", f"{family}-{slanted}", f"{family}-Bold{slanted}")
)
_SWAPPED = ("DejaVuSansMono-Oblique", "\u04cb\u04f6")  # a bug of this font: it exchanges these two letters
_OVERSAMPLE = 4  # draw this many times larger, then average: this makes edges smooth
_FRAME = 28  # the lengths below are in pixels of a picture of this size, for every `size`
_FIT = 21.0  # the longer side of a letter without jitter
_MOST = (math.radians(12), 0.2, 0.12, 0.08)  # largest turn, shear, and logarithms of zoom and stretch
_SHIFT = 2.0
# Two letters look alike if the cosine of their blurred pictures is above the first limit. The second, stricter limit
# applies to letters of different splits and to the two cases of one letter: there, similarity is not by chance.
_ALIKE, _ALIKE_STRICT = 0.985, 0.97


@dataclass(frozen=True, kw_only=True)
class Glyphs(Source, name="glyphs"):
    """About 1,300 letters of 15 scripts in up to 12 fonts, 20 drawings each: like Omniglot, but without a download.

    Inputs are ``[tasks, n, 1, size, size]`` float32, with ink 1 on background 0. Training, validation and test have
    962, 94 and 231 letters (with matplotlib 3.11) of different scripts (`SCRIPTS`). So test letters come from scripts
    that do not occur in training.

    Each letter is centred and fitted to its frame. Then it is turned, sheared, scaled, stretched and shifted at random.
    The drawings of a letter use its fonts in turn. If two letters look the same (Latin A and Greek Alpha, V and v), only
    one of them is a class. So no picture belongs to two classes or two splits.

    The letters are drawn once (some seconds) and stored in ``TOKAY_CACHE``. Printed letters vary less than handwriting:
    these tasks are easier than those of Omniglot, and the accuracies are not comparable.

    >>> source = Glyphs(size=32)
    >>> source.name, source.kind
    ('glyphs', 'classification')
    """

    summary: ClassVar[str] = "letters of 15 scripts drawn from matplotlib's fonts (no download)"
    bright_ink = True

    jitter_seed: int = 0
    """seed of the random jitter of the drawings"""
    size: int = 28
    """height and width of an image in pixels"""

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 128:
            raise ConfigError(f"glyphs: size must be from 8 to 128 pixels, got {self.size}.")

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes of the letters of one split.

        Raises ``TaskError`` if the split has fewer letters than ``sizes.ways`` or shots + queries are above 20, and
        ``DataError`` if matplotlib has no fonts.
        """
        return Episodes(_pool(split, self.jitter_seed, self.size), sizes, where="glyphs")


class _Letter(NamedTuple):
    split: Split
    name: str  # "Cyrillic/ж"
    character: str
    faces: tuple[str, ...]  # the fonts that have this character, at least one


@lru_cache(maxsize=6)  # the splits of two settings: at most 25 MB each at 28 pixels
def _pool(split: Split, seed: int, size: int) -> ClassPool:
    """The drawings of a split, read from the cache if possible."""
    import matplotlib  # imported here because it is slow

    file = cache_dir() / f"glyphs-{split}-{size}-{seed}.safetensors"
    # Drawings also depend on the fonts, the rasteriser, and which characters are letters.
    versions = (matplotlib.__version__, PIL.__version__, features.version("freetype2"), unicodedata.unidata_version)
    key = f"v{_VERSION} {split} size={size} seed={seed} {versions}"
    return decode_once(file, key, lambda: _draw(split, seed, size), where="glyphs")


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
    """Applies an affine map to ``mask``; the result is ``size`` x ``size``. ``jitter``, six numbers in [-1, 1], sets the map."""
    angle, shear, zoom, stretch = (u * most for u, most in zip(jitter[:4], _MOST, strict=True))
    unit = _OVERSAMPLE * size / _FRAME  # pixels of the large frame per pixel of a 28 x 28 picture
    scale = unit * _FIT / max(mask.size) * math.exp(zoom)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    # Maps pixels of the mask to pixels of the frame, both relative to the centre.
    forward = scale * turn @ np.array([[1, shear], [0, 1]]) @ np.diag([math.exp(stretch), math.exp(-stretch)])
    # Shrink large letters and limit the shift: nothing is clipped and the border stays empty.
    half, room = np.array(mask.size) / 2, _OVERSAMPLE * (size / 2 - 1)
    forward *= min(1.0, (room / (np.abs(forward) @ half)).min())
    shift = np.array(jitter[4:]) * np.minimum(unit * _SHIFT, room - np.abs(forward) @ half)
    # Pillow needs the inverse map, from pixels of the frame to pixels of the mask.
    back = np.linalg.inv(forward)
    corner = half - back @ (unit * _FRAME / 2 + shift)
    coefficients = (*back[0], corner[0], *back[1], corner[1])
    frame = (_OVERSAMPLE * size, _OVERSAMPLE * size)
    return mask.transform(frame, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR).reduce(_OVERSAMPLE)


@lru_cache(maxsize=1)
def _letters() -> tuple[_Letter, ...]:
    """The classes of all splits in order, without letters that look like an earlier one."""
    candidates = _candidates()
    fonts = _fonts(_FRAME)
    plain = (_jittered(_mask(fonts[letter.faces[0]], letter.character), _FRAME, [0.0] * 6) for letter in candidates)
    # Blurred, so that the thickness of strokes counts little (v fitted to the frame has thicker strokes than V).
    pictures = [np.asarray(picture.filter(ImageFilter.GaussianBlur(1.5)), np.float64).ravel() for picture in plain]
    vectors = np.stack(pictures)  # [letters, pixels]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    split = np.array([letter.split for letter in candidates])
    lower = np.array([letter.character.lower() for letter in candidates])
    strict = (split[:, None] != split) | (lower[:, None] == lower)
    are_alike = vectors @ vectors.T > np.where(strict, _ALIKE_STRICT, _ALIKE)
    distinct: list[int] = []
    for number in range(len(candidates)):
        if not are_alike[number, distinct].any():
            distinct.append(number)
    return tuple(candidates[number] for number in distinct)


def _candidates() -> list[_Letter]:
    """All base letters of the scripts that a font has, script by script."""
    from matplotlib.ft2font import FT2Font

    faces: dict[str, list[str]] = {}
    for face in _FACES:
        for character in map(chr, FT2Font(_file(face)).get_charmap()):
            if face != _SWAPPED[0] or character not in _SWAPPED[1]:
                faces.setdefault(character, []).append(face)
    # A letter with a decomposition is an accented, joined or styled form of another.
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
    """A character, cropped to its ink."""
    x0, y0, x1, y1 = font.getbbox(character)
    image = Image.new("L", (math.ceil(x1 - x0), math.ceil(y1 - y0)))
    ImageDraw.Draw(image).text((-x0, -y0), character, fill=255, font=font)
    return image.crop(image.getbbox())


def _fonts(size: int) -> dict[str, ImageFont.FreeTypeFont]:
    """All fonts, large enough that small letters also fill the large frame of a ``size`` image."""
    pixels = 2 * _OVERSAMPLE * size
    # Every Pillow has the basic layout. The other layout depends on a system library.
    return {face: ImageFont.truetype(_file(face), pixels, layout_engine=ImageFont.Layout.BASIC) for face in _FACES}


def _file(face: str) -> str:
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    if not path.is_file():
        raise DataError(f"glyphs: {path} is missing. Install matplotlib from PyPI, its package brings the fonts.")
    return str(path)
