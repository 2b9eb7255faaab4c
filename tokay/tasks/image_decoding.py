"""Decode a picture file of any format to a small uint8 tensor, for training archives and for photos of the user."""

import warnings
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..errors import DataError

Channels = Literal["rgb", "grey"]
_LARGE = 40_000_000  # pixels: a larger JPEG is read at a part of its size, in less time and memory
_ENOUGH = 8  # times the side of the result: then the part makes no visible difference


def decode_picture(
    file: BinaryIO | Path, *, size: int, channels: Channels, invert: bool = False, name: str, where: str
) -> Tensor:
    """A picture as uint8 ``[3, size, size]`` (rgb) or ``[1, size, size]`` (grey), with values 0..255.

    The short side is resized to ``size`` with anti-aliasing (Lanczos), and the middle of the long side stays. The
    picture is turned upright if the camera stored its orientation. Transparent parts become white. Values of 16 bits are
    scaled to 8 bits. ``invert`` turns dark ink on light paper into bright ink on black, as networks for Omniglot need it.

    Raises ``DataError``, with ``where`` and ``name`` at its start, if the file cannot be opened, is not a picture, is
    damaged or cut short, or has floating-point pixels, whose range is unknown.
    """
    try:
        with _open(file) as image:
            if image.width * image.height > _LARGE:
                image.draft(image.mode, (_ENOUGH * size, _ENOUGH * size))  # of a JPEG; others are read whole
            image.load()
            upright = ImageOps.exif_transpose(image)
            flat = _eight_bits(upright, "RGB" if channels == "rgb" else "L", name, where)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: {name} is not an image that PIL can read. Remove or convert it.") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{where}: {name} has more pixels than PIL accepts. Resize it first.") from error
    except OSError as error:
        if error.errno is not None:  # from the file system, not from a reader of PIL
            raise DataError(
                f"{where}: {name} cannot be read ({error.strerror}). Check its path and permissions."
            ) from error
        raise _damage(error, name, where) from error
    except Exception as error:  # the readers of PIL raise many kinds of errors on damaged files, even AttributeError
        raise _damage(error, name, where) from error
    if invert:
        flat = ImageOps.invert(flat)
    return to_pixels(ImageOps.fit(flat, (size, size), Image.Resampling.LANCZOS))


def to_pixels(image: Image.Image) -> Tensor:
    """A grey (L) or coloured (RGB) picture as uint8 ``[1 or 3, height, width]``."""
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def _open(file: BinaryIO | Path) -> Image.Image:
    """Like ``Image.open``, without its warning about pictures that are large and still accepted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file)


def _damage(error: Exception, name: str, where: str) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{where}: {name} cannot be read; it is damaged or cut short ({reason}). Replace it.")


def _eight_bits(image: Image.Image, mode: Literal["RGB", "L"], name: str, where: str) -> Image.Image:
    """Like ``image.convert(mode)``, which would drop transparency and clip pixels of more than 8 bits."""
    if image.mode.startswith("I"):  # the modes of PIL for 16 bits; it widens some of them to 32 bits
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 0xFFFF:
            raise DataError(
                f"{where}: {name} must have 8 or 16 bits per pixel, got pixels from {wide.min()} to {wide.max()}. Convert it."
            )
        image = Image.fromarray(((wide * 255 + 0x7FFF) // 0xFFFF).astype(np.uint8))
    if image.mode == "F":
        raise DataError(f"{where}: {name} has floating-point pixels of unknown range. Save it with 8 or 16 bits.")
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert(mode)
