"""Omniglot's archives: zip files of drawings, read in place and never unpacked onto the disk."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

import torch
from torch import Tensor

from ..errors import DataError
from .class_pool import ClassPool
from .pictures import decode_picture
from .progress_bars import watched

_WHERE = "omniglot"
_LARGEST = 1 << 20  # bytes; a drawing has some 250


def read_archive(path: Path, *, size: int, characters: int, drawings: int = 20) -> ClassPool:
    """The drawings of one archive as uint8 ``[characters * drawings, 1, size, size]`` with ink = 255, paper = 0.

    Entries must be named ``<archive>/<alphabet>/<character>/<drawing>.png`` as in the official archives, after
    whose first folder without ``images_`` the classes are called: ``background/Latin/character01``.

    Raises ``DataError`` for what is not a whole zip file, an entry that would climb out of the folder, a number
    of characters or drawings other than the given one, or a drawing that is damaged.
    """
    with _opened(path) as archive:
        members = _members(path, archive.infolist(), characters, drawings)
        entries = [entry for name in members for entry in members[name]]
        pixels = _decoded(path, archive, entries, size)
    return ClassPool(pixels, torch.full((characters,), drawings), tuple(members))


def read_runs(path: Path, *, size: int, runs: int = 20, ways: int = 20) -> ClassPool:
    """The official one-shot runs: ``runs * ways`` classes of two drawings, the one to learn from and the one to ask.

    ``<run>/class_labels.txt`` must pair every ``<run>/test/item<j>.png`` with a ``<run>/training/class<k>.png``. Classes
    come in the order of each run, and are called ``run01/class08/item01``; drawings are as ``read_archive`` gives them.

    Raises ``DataError`` for what is not a whole zip file, a run that is missing or does not pair its drawings one to
    one, or a drawing that is damaged.
    """
    with _opened(path) as archive:
        held = {entry.filename: entry for entry in archive.infolist()}
        pairs = [
            pair for run in range(1, runs + 1) for pair in _pairs(path, archive, held, f"run{run:02d}", ways)
        ]  # [(to learn from, to ask)]
        pixels = _decoded(path, archive, [_held(path, held, name) for pair in pairs for name in pair], size)
    names = (f"{known.split('/')[0]}/{PurePosixPath(known).stem}/{PurePosixPath(asked).stem}" for known, asked in pairs)
    return ClassPool(pixels, torch.full((len(pairs),), 2), tuple(names))


def _pairs(
    path: Path, archive: zipfile.ZipFile, held: dict[str, zipfile.ZipInfo], run: str, ways: int
) -> list[tuple[str, str]]:
    """The training drawing of each class of a run, and the test item that is of the same class."""
    name = f"{run}/class_labels.txt"
    words = archive.read(_held(path, held, name)).decode().split()
    items, classes = words[::2], words[1::2]
    numbers = [f"{number:02d}.png" for number in range(1, ways + 1)]
    whole = [f"{run}/test/item{number}" for number in numbers], [f"{run}/training/class{number}" for number in numbers]
    if (sorted(items), sorted(classes)) != whole:
        raise DataError(
            f"{_WHERE}: {name} in {path} must pair each of {ways} test items with a class of its own, it does not. "
            f"{_remedy(path)}"
        )
    return sorted(zip(classes, items, strict=True))


def _held(path: Path, held: dict[str, zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    if name not in held:
        raise DataError(f"{_WHERE}: {path} must hold {name}, it does not. {_remedy(path)}")
    return _small(path, held[name])


def _remedy(path: Path) -> str:
    return f"Replace it with the official {path.name}, or delete it to have that downloaded."


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; whatever goes wrong with it as a ``DataError``."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        # RuntimeError: encrypted or packed in an unknown way; ValueError: names or labels that are no text
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{_WHERE}: {path} is not a sound zip file ({reason}). {_remedy(path)}") from error


def _decoded(path: Path, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], size: int) -> Tensor:
    """The drawings uint8 ``[entries, 1, size, size]``, ink = 255."""
    pixels = torch.empty(len(entries), 1, size, size, dtype=torch.uint8)
    for row, entry in enumerate(watched(entries, f"Decoding {path.name}", len(entries))):
        name = f"{entry.filename} in {path}"
        content = io.BytesIO(archive.read(entry))
        pixels[row] = decode_picture(content, size=size, channels="grey", invert=True, name=name, where=_WHERE)
    return pixels


def _small(path: Path, entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """``entry``, unless it would swell to more than any drawing is."""
    if entry.file_size > _LARGEST:
        raise DataError(f"{_WHERE}: {entry.filename} in {path} claims {entry.file_size} bytes. {_remedy(path)}")
    return entry


def _members(
    path: Path, entries: list[zipfile.ZipInfo], characters: int, drawings: int
) -> dict[str, list[zipfile.ZipInfo]]:
    """The drawings of each character, both in the order of their names."""
    found: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in sorted(entries, key=lambda entry: entry.filename):
        place = PureWindowsPath(entry.filename)  # knows both slashes, drives and roots
        if place.anchor or ".." in place.parts:
            raise DataError(
                f"{_WHERE}: {path} has the entry {entry.filename!r}, which leaves its folder. {_remedy(path)}"
            )
        if len(place.parts) != 4 or place.parts[0] != path.stem or place.suffix != ".png" or place.name[0] == ".":
            continue  # folders, and what file managers add
        found.setdefault("/".join(place.parts[:3]).removeprefix("images_"), []).append(_small(path, entry))
    if len(found) != characters:
        raise DataError(f"{_WHERE}: {path} must hold {characters} characters, it has {len(found)}. {_remedy(path)}")
    for name, its in found.items():
        if len(its) != drawings:
            raise DataError(
                f"{_WHERE}: {path} must hold {drawings} drawings of each character, {name} has {len(its)}. {_remedy(path)}"
            )
    return found
