"""Folders of pictures as people have them: one folder per class, and perhaps train, validation and test around them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import get_args

from ..core.task import Split
from ..errors import DataError

_WHERE = "images"
_LITTER = {"thumbs.db", "desktop.ini"}  # files of file managers that are not hidden
SPLIT_NAMES: dict[str, Split] = {  # of folders and of lists, in lower case
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class ClassFolders:
    """The pictures of a folder, by class."""

    files: dict[str, list[Path]]  # by class, sorted by name
    splits: dict[str, Split] | None  # the split of each class, if the folder has folders train, validation, test
    small: dict[str, int]  # number of pictures of each class that is left out

    def counts(self) -> dict[str, int]:
        """The number of pictures of each class."""
        return {name: len(files) for name, files in self.files.items()}

    def fingerprint(self) -> str:
        """A hash of the pictures. It changes when a picture is added, removed, renamed or written.

        Raises ``DataError`` for a picture that is removed at the same time.
        """
        listing = []
        for name, files in self.files.items():
            for file in files:
                try:
                    status = file.stat()
                except OSError as error:
                    raise DataError(f"{_WHERE}: {file} cannot be read ({error.strerror}). Check the path.") from error
                listing.append([name, str(file), status.st_size, status.st_mtime_ns])
        return blake2b(json.dumps(listing).encode(), digest_size=16).hexdigest()


def list_folder(root: Path, *, fewest: int = 0) -> ClassFolders:
    """The pictures in ``root``, without classes that have fewer than ``fewest``.

    If ``root`` has folders train, validation (or val, valid) and test with class folders in them, the division of the
    classes is theirs. Any of the three may be missing.

    Raises ``DataError`` as ``list_class_folders`` does, for a class in two splits, and if all classes are left out.
    """
    places = _split_folders(root)
    files: dict[str, list[Path]] = {}
    splits: dict[str, Split] = {}
    for split, folder in places.items():
        for name, pictures in list_class_folders(folder).items():
            if name in files:
                raise DataError(
                    f"{_WHERE}: a class must be in one folder of {root}, {name} is in {splits[name]} and {split}: a few-shot "
                    "test needs classes that were not trained on. Put all pictures of a class into one folder."
                )
            files[name], splits[name] = pictures, split
    if not places:
        files = list_class_folders(root)
    files = {name: files[name] for name in sorted(files)}
    return without_small(ClassFolders(files, splits if places else None, {}), root, fewest=fewest)


def without_small(folders: ClassFolders, root: Path, *, fewest: int) -> ClassFolders:
    """The classes that have at least ``fewest`` pictures. Raises ``DataError`` if none has."""
    small = {name: len(pictures) for name, pictures in folders.files.items() if len(pictures) < fewest}
    if len(small) == len(folders.files):
        raise DataError(
            f"{_WHERE}: --skip-small {fewest} leaves out all {len(small)} classes of {root}, the largest has "
            f"{max(small.values())} pictures. Lower it."
        )
    files = {name: pictures for name, pictures in folders.files.items() if name not in small}
    splits = None if folders.splits is None else {name: folders.splits[name] for name in files}
    return ClassFolders(files, splits, {**folders.small, **small})


def list_class_folders(root: Path) -> dict[str, list[Path]]:
    """The pictures of each class folder in ``root``. Classes and pictures are sorted by name, hidden files are ignored.

    Raises ``DataError`` if ``root`` does not exist or has no class folder, or if a class folder is empty or has a folder
    in it.
    """
    folders = _folders(root)
    if not folders:
        raise DataError(
            f"{_WHERE}: {root} must have one folder of images per class, it has no folder. Put each class into a folder."
        )
    return {folder.name: list_images(folder) for folder in folders}


def list_images(folder: Path) -> list[Path]:
    """The files of a folder, sorted by name, without hidden files such as .DS_Store.

    Raises ``DataError`` if the folder does not exist, has no files, or has something else in it: a folder, a pipe.
    """
    files = _entries(folder)
    if not files:
        raise DataError(f"{_WHERE}: {folder} must have images, it has none. Add some, or remove the folder.")
    for file in files:
        if not _is(Path.is_file, file):
            advice = ", or take nested folders with --glob '**/*.jpg'" if _is(Path.is_dir, file) else ""
            raise DataError(
                f"{_WHERE}: {folder} must have only image files, {file.name} is no file. Move it elsewhere{advice}."
            )
    return files


def _split_folders(root: Path) -> dict[Split, Path]:
    """The folders train, validation and test in ``root``. None of them if ``root`` has class folders.

    A folder of pictures with such a name is a class: trains, for example.
    """
    folders = _folders(root)
    if not any(folder.name.lower() in SPLIT_NAMES and _folders(folder) for folder in folders):
        return {}
    places: dict[Split, Path] = {}
    for folder in folders:
        split = SPLIT_NAMES.get(folder.name.lower())
        if split is None or split in places:
            first = places[split] if split in places else next(f for f in folders if f.name.lower() in SPLIT_NAMES)
            raise DataError(
                f"{_WHERE}: {root} must have class folders, or one folder each of train, validation and test, "
                f"it has {first.name} and {folder.name}. Move one of them elsewhere."
            )
        places[split] = folder
    return {split: places[split] for split in get_args(Split) if split in places}


def _folders(folder: Path) -> Sequence[Path]:
    return [entry for entry in _entries(folder) if _is(Path.is_dir, entry)]


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{_WHERE}: cannot list the folder {folder} ({error.strerror}). Check the path.") from error
    return [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in _LITTER]


def _is(test: Callable[[Path], bool], path: Path) -> bool:
    """``Path.is_dir`` or ``Path.is_file``, which raise ``OSError`` in a folder whose files may not be seen."""
    try:
        return test(path)
    except OSError as error:
        raise DataError(f"{_WHERE}: {path} cannot be read ({error.strerror}). Check its permissions.") from error
