"""Omniglot's archives: zip files of drawings, read in place and never unpacked onto the disk."""

import io
import zipfile
import zlib
from pathlib import Path, PureWindowsPath

import torch

from ..errors import DataError
from .pictures import decode_picture
from .pool import ClassPool
from .progress import watched

_WHERE = "omniglot"
_LARGEST = 1 << 20  # bytes; a drawing has some 250


def read_archive(path: Path, *, size: int, characters: int, drawings: int = 20) -> ClassPool:
    """The drawings of one archive as uint8 ``[characters * drawings, 1, size, size]`` with ink = 255, paper = 0.

    Entries must be named ``<archive>/<alphabet>/<character>/<drawing>.png`` as in the official archives, after
    whose first folder without ``images_`` the classes are called: ``background/Latin/character01``.

    Raises ``DataError`` for what is not a whole zip file, an entry that would climb out of the folder, a number
    of characters or drawings other than the given one, or a drawing that is damaged.
    """
    remedy = f"Replace it with the official {path.name}, or delete it to have that downloaded."
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive.infolist(), characters, drawings, remedy)
            pixels = torch.empty(characters * drawings, 1, size, size, dtype=torch.uint8)
            entries = [entry for name in members for entry in members[name]]
            for row, entry in enumerate(watched(entries, f"Decoding {path.name}", len(entries))):
                name = f"{entry.filename} in {path}"
                content = io.BytesIO(archive.read(entry))
                pixels[row] = decode_picture(content, size=size, channels="grey", invert=True, name=name, where=_WHERE)
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        # RuntimeError: encrypted or packed in an unknown way; ValueError: names that are no text
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{_WHERE}: {path} is not a sound zip file ({reason}). {remedy}") from error
    return ClassPool(pixels, torch.full((characters,), drawings), tuple(members))


def _members(
    path: Path, entries: list[zipfile.ZipInfo], characters: int, drawings: int, remedy: str
) -> dict[str, list[zipfile.ZipInfo]]:
    """The drawings of each character, both in the order of their names."""
    found: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in sorted(entries, key=lambda entry: entry.filename):
        place = PureWindowsPath(entry.filename)  # knows both slashes, drives and roots
        if place.anchor or ".." in place.parts:
            raise DataError(f"{_WHERE}: {path} has the entry {entry.filename!r}, which leaves its folder. {remedy}")
        if len(place.parts) != 4 or place.parts[0] != path.stem or place.suffix != ".png" or place.name[0] == ".":
            continue  # folders, and what file managers add
        if entry.file_size > _LARGEST:
            raise DataError(f"{_WHERE}: {entry.filename} in {path} claims {entry.file_size} bytes. {remedy}")
        found.setdefault("/".join(place.parts[:3]).removeprefix("images_"), []).append(entry)
    if len(found) != characters:
        raise DataError(f"{_WHERE}: {path} must hold {characters} characters, it has {len(found)}. {remedy}")
    for name, its in found.items():
        if len(its) != drawings:
            raise DataError(
                f"{_WHERE}: {path} must hold {drawings} drawings of each character, {name} has {len(its)}. {remedy}"
            )
    return found
