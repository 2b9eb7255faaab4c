"""Pictures that lists describe: a pattern of paths, a table of files and labels, or lists of the classes of each split."""

import csv
import difflib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..core.task import Split
from ..errors import ConfigError, DataError
from .delimited_text import decode_text, find_delimiter
from .image_folders import SPLIT_NAMES, ClassFolders, list_folder, without_small

_WHERE = "images"
_SUFFIXES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, kw_only=True)
class ImageLists:
    """Where the classes of pictures come from, if not from one folder per class."""

    glob: str | None = None
    labels: str | None = None
    file_column: str = "filename"
    label_column: str = "label"
    split: str | None = None
    split_lists: str | None = None

    def read(self, root: Path, *, fewest: int = 0) -> ClassFolders:
        """The pictures in ``root`` by class, without classes that have fewer than ``fewest``.

        Raises ``DataError`` for a file or folder that cannot be used, and ``ConfigError`` for a column that is not there.
        """
        if self.labels is not None:
            pictures = _Pictures()
            for row in self._rows(Path(self.labels), self.split):
                pictures.add(root / row.file, row.label, row.split and _split_of(row.split, row.where), row.where)
            folders = pictures.folders(by_split=self.split is not None)
        elif self.glob is not None:
            folders = _match(root, self.glob)
        elif self.split_lists is not None and _table_files(Path(self.split_lists)):
            folders = self._read_split_tables(root, _table_files(Path(self.split_lists)))
            return without_small(folders, root, fewest=fewest)
        else:
            folders = list_folder(root)
        if self.split_lists is not None:
            folders = _keep_listed(folders, read_class_lists(Path(self.split_lists)), self.split_lists)
        return without_small(folders, root, fewest=fewest)

    def _read_split_tables(self, root: Path, files: Mapping[Split, Path]) -> ClassFolders:
        """A table of files and labels for each split, as those of miniImageNet."""
        pictures = _Pictures()
        for split, file in files.items():
            for row in self._rows(file, None):
                pictures.add(root / row.file, row.label, split, row.where)
        return pictures.folders(by_split=True)

    def _rows(self, file: Path, split: str | None) -> Iterator["_Row"]:
        """The rows of a table: file, label, and the value of the column ``split`` ("" if there is none)."""
        text = _read_text(file)
        delimiter = "\t" if file.suffix == ".tsv" else find_delimiter(text)
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
        names = [name for name in (self.file_column, self.label_column, split) if name is not None]
        _check_columns(names, [head.strip() for head in reader.fieldnames or []], file)
        reader.fieldnames = [head.strip() for head in reader.fieldnames or []]
        for row in reader:
            where = f"line {reader.line_num} of {file}"
            values = [(row[name] or "").strip() for name in names]
            if not all(values):
                missing = names[values.index("")]
                raise DataError(f"{_WHERE}: {where} must have a {missing}, it has none. Mend or remove the line.")
            yield _Row(values[0], values[1], values[2] if split is not None else "", where)


class _Row(NamedTuple):
    file: str
    label: str
    split: str  # "" if no column says it
    where: str  # its line, for messages


class _Pictures:
    """Collects pictures, and refuses one under two labels and a class in two splits."""

    def __init__(self) -> None:
        self.files: dict[str, list[Path]] = {}
        self.splits: dict[str, Split] = {}
        self.label_of: dict[Path, str] = {}

    def add(self, file: Path, label: str, split: Split | str, where: str) -> None:
        """Add a picture. A second time under the same label, it is left out."""
        old = self.label_of.get(file, label)
        if old != label:
            raise DataError(
                f"{_WHERE}: a picture must have one label, {file.name} has {old} and {label} ({where}). Remove one of them."
            )
        if split and self.splits.setdefault(label, split) != split:  # type: ignore[arg-type]
            raise DataError(
                f"{_WHERE}: a class must be in one split, {label} is in {self.splits[label]} and {split} ({where}): a "
                "few-shot test needs classes that were not trained on. Put all pictures of a class into one split."
            )
        if file not in self.label_of:
            self.label_of[file] = label
            self.files.setdefault(label, []).append(file)

    def folders(self, *, by_split: bool) -> ClassFolders:
        """The pictures by class, sorted by name."""
        if not self.files:
            raise DataError(f"{_WHERE}: the list has no picture. Add some lines.")
        files = {name: sorted(self.files[name]) for name in sorted(self.files)}
        return ClassFolders(files, {name: self.splits[name] for name in files} if by_split else None, {})


def _match(root: Path, pattern: str) -> ClassFolders:
    """The files that match ``pattern``. The class is the path of the folder that holds a picture: ``birds/finch``.

    Below folders train, validation and test, the class is the rest of the path, and the division is theirs.
    """
    try:
        paths = sorted(path for path in root.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError, OSError) as error:
        reason = str(error).lower().rstrip(".")
        raise ConfigError(
            f"{_WHERE}: --glob must be a pattern such as '**/*.jpg', got {pattern!r} ({reason})."
        ) from error
    parts = {path: path.relative_to(root).parts for path in paths}
    visible = {path: part for path, part in parts.items() if not any(name.startswith(".") for name in part)}
    if not visible:
        raise DataError(
            f"{_WHERE}: no file in {root} matches --glob {pattern!r}. Write it such as '**/*.jpg', in quotes."
        )
    has_splits = all(len(part) > 2 and part[0].lower() in SPLIT_NAMES for part in visible.values())
    pictures = _Pictures()
    for path, part in visible.items():
        if len(part) < 2:
            raise DataError(
                f"{_WHERE}: a picture must lie in a folder of its class, {path.name} lies in {root} itself. Change --glob, such "
                "as to '*/**/*.jpg', or move it."
            )
        split = SPLIT_NAMES[part[0].lower()] if has_splits else ""
        pictures.add(path, "/".join(part[1:-1] if has_splits else part[:-1]), split, str(path))
    return pictures.folders(by_split=has_splits)


def read_class_lists(place: Path) -> dict[str, Split]:
    """The split of each class: a folder with train.txt, val.txt and test.txt, a class per line, or JSON {split: [class]}.

    Raises ``DataError`` if there is none, or for a class in two splits.
    """
    lists: dict[Split, Sequence[str]] = {}
    if place.is_dir():
        for file in sorted(place.iterdir()):
            if file.suffix in ("", ".txt") and file.stem.lower() in SPLIT_NAMES and file.is_file():
                lines = _read_text(file).splitlines()
                lists[SPLIT_NAMES[file.stem.lower()]] = [line.strip() for line in lines if line.strip()]
    else:
        content = _read_json(place)
        for name, classes in content.items() if isinstance(content, dict) else ():
            if name.lower() in SPLIT_NAMES and isinstance(classes, list):
                lists[SPLIT_NAMES[name.lower()]] = [str(item) for item in classes]
    if not lists:
        raise DataError(
            f"{_WHERE}: {place} must have lists of classes for train, val and test: files train.txt, ..., tables train.csv, "
            "..., or one JSON file. Check --split-lists."
        )
    splits: dict[str, Split] = {}
    for split, names in lists.items():
        for name in names:
            if splits.setdefault(name, split) != split:
                raise DataError(
                    f"{_WHERE}: a class must be in one split, {place} has {name} in {splits[name]} and {split}. Mend the lists."
                )
    return splits


def _keep_listed(folders: ClassFolders, splits: Mapping[str, Split], place: str) -> ClassFolders:
    """The classes that the lists name, with their split."""
    for name in splits:
        if name not in folders.files:
            raise DataError(
                f"{_WHERE}: {place} lists the class {name}, which has no pictures{_nearest(name, folders.files)}."
            )
    files = {name: files for name, files in folders.files.items() if name in splits}
    return ClassFolders(files, {name: splits[name] for name in files}, {})


def _table_files(place: Path) -> dict[Split, Path]:
    """The tables train.csv, val.csv and test.csv in a folder; a missing split has none."""
    if not place.is_dir():
        return {}
    files = [file for file in sorted(place.iterdir()) if file.suffix in (".csv", ".tsv")]
    return {SPLIT_NAMES[file.stem.lower()]: file for file in files if file.stem.lower() in SPLIT_NAMES}


def _check_columns(names: Sequence[str], heads: Sequence[str], file: Path) -> None:
    for name in names:
        if name not in heads:
            columns = ", ".join(heads[:6]) + (", ..." if len(heads) > 6 else "")
            raise ConfigError(
                f"{_WHERE}: {file} has no column {name}{_nearest(name, heads)}. It has {columns or 'none'}."
            )


def _nearest(name: str, names: Sequence[str] | Mapping[str, object]) -> str:
    nearest = difflib.get_close_matches(name, list(names), 1, 0.5)
    return f"; the nearest is {nearest[0]}" if nearest else ""


def _split_of(word: str, where: str) -> Split:
    if word.lower() not in SPLIT_NAMES:
        raise DataError(f"{_WHERE}: a split must be train, validation or test, {where} has {word}. Mend it.")
    return SPLIT_NAMES[word.lower()]


def _read_text(file: Path) -> str:
    try:
        return decode_text(file.read_bytes())
    except OSError as error:
        raise DataError(f"{_WHERE}: {file} cannot be read ({error.strerror}). Check the path.") from error


def _read_json(file: Path) -> object:
    text = _read_text(file)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{_WHERE}: {file} must be JSON with lists of classes, but is not ({reason}).") from error
