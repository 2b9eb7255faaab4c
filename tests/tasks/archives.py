"""Small archives in the format of Omniglot."""

import io
import zipfile
from pathlib import Path

from PIL import Image

Entries = dict[str, bytes]


def drawing(column: int) -> bytes:
    """A 1-bit drawing as in Omniglot, with paper 1 and one column of ink 0."""
    image = Image.new("1", (8, 8), 1)
    image.paste(0, (column, 0, column + 1, 8))
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def write(path: Path, content: Entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path
