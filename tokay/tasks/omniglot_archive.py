"""Read the zip archives of Omniglot without unpacking them to the disk."""

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
from .image_decoding import decode_picture
from .progress_bars import show_progress

_WHERE = "omniglot"
_LARGEST = 1 << 20  # bytes; a drawing has about 250


def read_archive(path: Path, *, size: int, characters: int, drawings: int = 20) -> ClassPool:
    """The drawings of one archive as uint8 ``[characters * drawings, 1, size, size]``, with ink = 255 and paper = 0.

    Entries must be named ``<archive>/<alphabet>/<character>/<drawing>.png``, as in the official archives. The name of a
    class is that of its folder without ``images_``: ``background/Latin/character01``.

    Raises ``DataError`` if the zip file is damaged, an entry has a path outside its folder, the number of characters or
    drawings is wrong, or a drawing is damaged.
    """
    with _open(path) as archive:
        members = _members(path, archive.infolist(), characters, drawings)
        entries = [entry for name in members for entry in members[name]]
        pixels = _decode(path, archive, entries, size)
    return ClassPool(pixels, torch.full((characters,), drawings), tuple(members))


def read_runs(path: Path, *, size: int, runs: int = 20, ways: int = 20) -> ClassPool:
    """The official one-shot runs: ``runs * ways`` classes of two drawings, the support example and the query.

    ``<run>/class_labels.txt`` must pair every ``<run>/test/item<j>.png`` with one ``<run>/training/class<k>.png``. The
    classes come in the order of the runs, with names such as ``run01/class08/item01``. The drawings have the format of
    ``read_archive``.

    Raises ``DataError`` if the zip file is damaged, a run is missing, its pairs are not one to one, or a drawing is
    damaged.
    """
    with _open(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        pairs = [
            pair for run in range(1, runs + 1) for pair in _pairs(path, archive, entries, f"run{run:02d}", ways)
        ]  # [(support, query)]
        pixels = _decode(path, archive, [_entry(path, entries, name) for pair in pairs for name in pair], size)
    names = (
        f"{support.split('/')[0]}/{PurePosixPath(support).stem}/{PurePosixPath(query).stem}" for support, query in pairs
    )
    return ClassPool(pixels, torch.full((len(pairs),), 2), tuple(names))


def _pairs(
    path: Path, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], run: str, ways: int
) -> list[tuple[str, str]]:
    """The training drawing of each class of a run, and the test item of the same class."""
    name = f"{run}/class_labels.txt"
    words = archive.read(_entry(path, entries, name)).decode().split()
    items, classes = words[::2], words[1::2]
    numbers = [f"{number:02d}.png" for number in range(1, ways + 1)]
    expected = (
        [f"{run}/test/item{number}" for number in numbers],
        [f"{run}/training/class{number}" for number in numbers],
    )
    if (sorted(items), sorted(classes)) != expected:
        raise DataError(
            f"{_WHERE}: {name} in {path} must pair each of {ways} test items with a class of its own, but does not. "
            f"{_remedy(path)}"
        )
    return sorted(zip(classes, items, strict=True))


def _entry(path: Path, entries: dict[str, zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    if name not in entries:
        raise DataError(f"{_WHERE}: {path} must have the entry {name}, but does not. {_remedy(path)}")
    return _small(path, entries[name])


def _remedy(path: Path) -> str:
    return f"Replace it with the official {path.name}, or delete it: Tokay then downloads it."


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens the archive. Turns every error in reading it into a ``DataError``."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        # RuntimeError: encrypted, or an unknown compression; ValueError: names or labels are not text
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{_WHERE}: {path} is not a valid zip file ({reason}). {_remedy(path)}") from error


def _decode(path: Path, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], size: int) -> Tensor:
    """The drawings as uint8 ``[entries, 1, size, size]``, with ink = 255."""
    pixels = torch.empty(len(entries), 1, size, size, dtype=torch.uint8)
    for row, entry in enumerate(show_progress(entries, f"Decoding {path.name}", len(entries))):
        name = f"{entry.filename} in {path}"
        content = io.BytesIO(archive.read(entry))
        pixels[row] = decode_picture(content, size=size, channels="grey", invert=True, name=name, where=_WHERE)
    return pixels


def _small(path: Path, entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Returns ``entry``. Raises ``DataError`` if its unpacked size is larger than that of any drawing."""
    if entry.file_size > _LARGEST:
        raise DataError(
            f"{_WHERE}: {entry.filename} in {path} must have at most {_LARGEST} bytes, got {entry.file_size}. {_remedy(path)}"
        )
    return entry


def _members(
    path: Path, entries: list[zipfile.ZipInfo], characters: int, drawings: int
) -> dict[str, list[zipfile.ZipInfo]]:
    """The drawings of each character. Characters and drawings are sorted by name."""
    members: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in sorted(entries, key=lambda entry: entry.filename):
        place = PureWindowsPath(entry.filename)  # handles both kinds of slashes, drives and roots
        if place.anchor or ".." in place.parts:
            raise DataError(
                f"{_WHERE}: {path} has the entry {entry.filename!r}, a path outside its folder. {_remedy(path)}"
            )
        if len(place.parts) != 4 or place.parts[0] != path.stem or place.suffix != ".png" or place.name[0] == ".":
            continue  # folders, and files of file managers
        members.setdefault("/".join(place.parts[:3]).removeprefix("images_"), []).append(_small(path, entry))
    if len(members) != characters:
        raise DataError(f"{_WHERE}: {path} must have {characters} characters, it has {len(members)}. {_remedy(path)}")
    for name, group in members.items():
        if len(group) != drawings:
            raise DataError(
                f"{_WHERE}: {path} must have {drawings} drawings of each character, {name} has {len(group)}. {_remedy(path)}"
            )
    return members
