"""Every format gives the picture that a person sees, and every damaged file one clear line."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageFile
from torch import Tensor

from tokay.errors import DataError
from tokay.tasks.image_decoding import Channels, decode_picture

RED_BLUE = Image.new("RGB", (8, 8), "red")
RED_BLUE.paste("blue", (4, 0, 8, 8))


def encode(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decode(content: bytes, size: int = 8, channels: Channels = "rgb", invert: bool = False) -> Tensor:
    return decode_picture(
        io.BytesIO(content), size=size, channels=channels, invert=invert, name="cat.png", where="images"
    )


def refused(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        decode(content)
    message = str(caught.value)
    assert message.startswith("images: cat.png ")
    assert "\n" not in message
    return message


def test_same_size_keeps_every_pixel() -> None:
    pixels = decode(encode(RED_BLUE))
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (3, 8, 8)
    assert torch.equal(pixels, torch.from_numpy(np.array(RED_BLUE)).permute(2, 0, 1))


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "gif", "ppm", "webp"])
def test_formats(kind: str) -> None:
    options = {"lossless": True} if kind == "webp" else {}
    assert torch.equal(decode(encode(RED_BLUE, kind, **options)), decode(encode(RED_BLUE)))


@pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK", "YCbCr"])
def test_colour_modes(mode: str) -> None:
    if mode == "YCbCr" and int(PIL.__version__.split(".")[0]) < 13:
        pytest.skip("Pillow before 13 cannot read the YCbCr TIFF that it writes")
    kind = "tiff" if mode in ("CMYK", "YCbCr") else "png"
    got = decode(encode(RED_BLUE.convert(mode), kind)).int()
    assert (got - decode(encode(RED_BLUE)).int()).abs().max() <= 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "I"])
def test_grey_modes_span_black_to_white(mode: str) -> None:
    values = np.array([[0, 65535], [65535, 0]], np.uint16)
    image = {
        "I;16": lambda: Image.fromarray(values),
        "I": lambda: Image.fromarray(values.astype(np.int32)),
    }.get(mode, lambda: Image.fromarray((values >> 8).astype(np.uint8)).convert(mode))()
    assert image.mode == mode
    content = encode(image, "tiff" if mode == "I" else "png")
    assert decode(content, 2, "grey").tolist() == [[[0, 255], [255, 0]]]
    assert decode(content, 2, "rgb").tolist() == [[[0, 255], [255, 0]]] * 3
    assert decode(content, 2, "grey", invert=True).tolist() == [[[255, 0], [0, 255]]]


def test_16_bits_are_scaled_not_clipped() -> None:
    """``convert("L")`` of PIL would give 255 for all pixels except the first."""
    image = Image.fromarray(np.array([[0, 257 * 100], [257 * 200 - 100, 65535]], np.uint16))
    assert decode(encode(image), 2, "grey").tolist() == [[[0, 100], [200, 255]]]


def test_pixels_of_unknown_range() -> None:
    assert refused(encode(Image.fromarray(np.ones((2, 2), np.float32)), "tiff")) == (
        "images: cat.png has floating-point pixels of unknown range. Save it with 8 or 16 bits."
    )
    assert refused(encode(Image.fromarray(np.array([[-1, 70000]], np.int32)), "tiff")) == (
        "images: cat.png must have 8 or 16 bits per pixel, got pixels from -1 to 70000. Convert it."
    )


def transparent_palette() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    return image


@pytest.mark.parametrize(
    "content, expected",
    [
        (encode(Image.new("RGBA", (1, 1), (0, 0, 0, 0))), [255, 255, 255]),
        (encode(Image.new("RGBA", (1, 1), (255, 0, 0, 128))), [255, 127, 127]),
        (encode(Image.new("LA", (1, 1), (0, 0))), [255, 255, 255]),
        (encode(transparent_palette().crop((0, 0, 1, 1)), transparency=0), [255, 255, 255]),
        (encode(transparent_palette().crop((1, 0, 2, 1)), transparency=0), [0, 0, 255]),
        (encode(transparent_palette().crop((0, 0, 1, 1)), transparency=b"\x00\xff"), [255, 255, 255]),
        (encode(Image.new("L", (1, 1), 7), transparency=7), [255, 255, 255]),
    ],
)
def test_transparent_parts_lie_on_white(content: bytes, expected: list[int]) -> None:
    """PIL often stores black under transparent parts. As dark ink, it would cover the drawing."""
    assert decode(content, 1)[:, 0, 0].tolist() == expected


@pytest.mark.parametrize(
    "orientation, turn",
    [
        (1, lambda image: image),
        (2, lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        (3, lambda image: image.transpose(Image.Transpose.ROTATE_180)),
        (6, lambda image: image.transpose(Image.Transpose.ROTATE_270)),  # the camera was turned left
        (8, lambda image: image.transpose(Image.Transpose.ROTATE_90)),
    ],
)
def test_a_camera_s_orientation(orientation: int, turn: Callable[[Image.Image], Image.Image]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = torch.from_numpy(np.array(turn(RED_BLUE))).permute(2, 0, 1)
    assert torch.equal(decode(encode(RED_BLUE, exif=exif)), expected)


def test_the_middle_of_the_long_side_is_kept() -> None:
    wide = Image.new("RGB", (24, 8), "white")
    wide.paste(RED_BLUE, (8, 0))
    assert torch.equal(decode(encode(wide)), decode(encode(RED_BLUE)))
    assert torch.equal(decode(encode(wide.rotate(90, expand=True))), decode(encode(RED_BLUE.rotate(90))))


def test_shrinking_averages() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    assert (decode(encode(Image.fromarray(stripes)), 8, "grey").float() - 127.5).abs().max() < 10
    one_bit = encode(Image.fromarray(stripes).convert("1"))  # here PIL alone would not average
    assert (decode(one_bit, 8, "grey").float() - 127.5).abs().max() < 10


def test_what_is_no_picture() -> None:
    expected = "images: cat.png is not an image that PIL can read. Remove or convert it."
    assert refused(b"some notes\n") == expected
    assert refused(b"") == expected


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_cut_short(kind: str) -> None:
    content = encode(NOISE, kind)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    for length in range(40, len(content) - 100, 97):
        message = refused(content[:length])
        assert "cannot be read; it is damaged or cut short (" in message or "not an image" in message
    assert refused(content[: len(content) // 2]).endswith("). Replace it.")


def test_too_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert refused(encode(RED_BLUE)) == "images: cat.png has more pixels than PIL accepts. Resize it first."


def test_a_picture_of_a_hundred_megapixels(recwarn: pytest.WarningsRecorder) -> None:
    """Left red, right blue; read at a part of its size, without a warning."""
    picture = Image.new("RGB", (12_000, 9_000), (250, 0, 0))
    picture.paste((0, 0, 250), (6_000, 0, 12_000, 9_000))
    pixels = decode(encode(picture, "jpeg"), 16)
    assert (pixels[:, :, 2].float().mean(1) - torch.tensor([250.0, 0, 0])).abs().max() < 6
    assert (pixels[:, :, 13].float().mean(1) - torch.tensor([0, 0, 250.0])).abs().max() < 6
    assert not recwarn.list


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images: gone cannot be read \(No such file or directory\)"):
        decode_picture(tmp_path / "gone", size=4, channels="rgb", name="gone", where="images")


EXIF = Image.Exif()
EXIF[0x0112] = 6
SEEDS = [
    encode(RED_BLUE, "png", exif=EXIF),
    encode(RED_BLUE, "jpeg", exif=EXIF),
    encode(RED_BLUE.convert("P"), "gif"),
    encode(RED_BLUE, "bmp"),
    encode(RED_BLUE, "webp"),
    encode(transparent_palette(), "png", transparency=b"\x00\x80"),
    encode(RED_BLUE, "dds"),  # its reader raises NotImplementedError
]


@pytest.mark.filterwarnings("ignore")  # PIL warns about unusual metadata
@settings(max_examples=400)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=4), st.data())
def test_damage_is_read_or_refused_in_one_line(
    content: bytes, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    damaged = bytearray(content)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    end = data.draw(st.integers(0, len(damaged)))
    refusal = ""
    try:
        assert decode(bytes(damaged[:end]) if end % 3 else bytes(damaged)).shape == (3, 8, 8)
    except DataError as error:
        refusal = str(error)
    assert "\n" not in refusal


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_file_that_cannot_be_read_is_not_called_damaged(error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(DataError) as caught:
        decode_picture(Path("a.png"), size=8, channels="rgb", name="a.png", where="images")
    assert str(caught.value) == f"images: a.png cannot be read ({error.strerror}). Check its path and permissions."
