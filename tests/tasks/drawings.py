"""Oracles for drawn letters: the rasteriser of matplotlib, and the affine jitter computed pixel by pixel."""

import math
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageFilter


def plain(character: str, face: str = "DejaVuSans") -> np.ndarray | None:
    """The letter in the middle of a picture, drawn by matplotlib. None if the font does not have it."""
    font = FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")))
    if ord(character) not in font.get_charmap():
        return None
    font.set_size(120, 72)
    font.set_text(character, 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    image = Image.fromarray(np.asarray(font.get_image()))
    image = image.crop(image.getbbox())
    image = image.resize([max(1, round(length * 168 / max(image.size))) for length in image.size])
    picture = Image.new("L", (224, 224))  # eight times the final size, so that centring rounds little
    picture.paste(image, ((224 - image.width) // 2, (224 - image.height) // 2))
    return np.asarray(picture.reduce(8).filter(ImageFilter.GaussianBlur(1.5)), float)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    return a @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def jitter_slowly(mask: np.ndarray, size: int, jitter: list[float]) -> np.ndarray:
    """The jitter as a loop: maps each of 8 x 8 points in a pixel back through shift, turn, shear and stretch."""
    turn, shear = jitter[0] * math.radians(12), jitter[1] * 0.2
    height, width = mask.shape
    zoom = 21 * size / 28 / max(width, height) * math.exp(jitter[2] * 0.12)
    wide, high = zoom * math.exp(jitter[3] * 0.08), zoom * math.exp(-jitter[3] * 0.08)

    def forward(x: float, y: float) -> tuple[float, float]:
        x, y = x * wide, y * high
        x = x + shear * y
        return math.cos(turn) * x - math.sin(turn) * y, math.sin(turn) * x + math.cos(turn) * y

    corners = [forward(sx * width / 2, sy * height / 2) for sx in (-1, 1) for sy in (-1, 1)]
    reach = [max(abs(corner[axis]) for corner in corners) for axis in (0, 1)]
    room = size / 2 - 1
    shrink = min(1, room / reach[0], room / reach[1])
    shift = [jitter[4 + axis] * min(2 * size / 28, room - reach[axis] * shrink) for axis in (0, 1)]
    image = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            for part in range(64):
                x = column + (part % 8 + 0.5) / 8 - size / 2 - shift[0]
                y = row + (part // 8 + 0.5) / 8 - size / 2 - shift[1]
                x, y = (
                    (math.cos(turn) * x + math.sin(turn) * y) / shrink,
                    (-math.sin(turn) * x + math.cos(turn) * y) / shrink,
                )
                x = x - shear * y
                i, j = math.floor(y / high + height / 2), math.floor(x / wide + width / 2)
                if 0 <= i < height and 0 <= j < width:
                    image[row, column] += mask[i, j] / 64
    return image
