"""``data.json``: the classes of each split of a run, with a hash of the examples of each class.

Folders of pictures change. The record keeps the division of the run, so that a class that was trained on never becomes a
test class, and tells what changed since. Only sources with named classes have one; so have no runs of earlier versions.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, get_args

import torch

from ..core.setting_types import show
from ..core.source_abilities import NamedTasks
from ..core.task import Sizes, Split
from ..errors import ConfigError, DataError, TaskError
from ..files import read_json, write_json
from ..tasks import Source
from ..tasks.class_pool import Pooled
from .file_names import DATA, SETTINGS
from .json_checksum import add_checksum, check_checksum
from .run import Run

# The hash of each class, by split. None: the class was gone when the run was resumed.
Record = Mapping[Split, Mapping[str, str | None]]

_SPLITS: tuple[Split, ...] = get_args(Split)
_ONE = Sizes(ways=1, shots=1, queries=1)
_KEYS = ("run", "checksum")  # beside the splits; files of format 2 have none of them
_ADVICE = (
    "Take it from a backup, or remove it. The classes are then divided again. The result is the same if no class was added "
    "or removed."
)


@dataclass(frozen=True)
class Changes:
    """How the data of a run differ from its record."""

    source: str  # its name
    removals: Mapping[Split, list[str]]  # classes
    altered: Mapping[Split, list[str]]  # classes whose examples differ
    new: list[str]  # classes
    noun: str = "class"  # what the source calls them: class or task

    def __bool__(self) -> bool:
        return any((*self.removals.values(), *self.altered.values(), self.new))

    def touch(self, split: Split) -> bool:
        """Whether the examples of ``split`` differ. New classes are in no split."""
        return bool(self.removals[split] or self.altered[split])

    def describe(self) -> str:
        """The changes in words, with the first names.

        >>> none = {"train": [], "validation": [], "test": []}
        >>> Changes("images", {**none, "test": ["a", "b"]}, none, ["c", "d", "e", "f"]).describe()
        '2 test classes are gone (a, b), 4 classes are new (c, d, e, ...)'
        """
        parts = []
        for groups, words in ((self.removals, ("is gone", "are gone")), (self.altered, ("differs", "differ"))):
            for split, names in groups.items():
                kind = "training" if split == "train" else split
                parts += _count(f"{kind} {self.noun}", names, words)
        parts += _count(self.noun, self.new, ("is new", "are new"))
        return ", ".join(parts)

    def __str__(self) -> str:
        return f"{self.source}: the data changed since the training: {self.describe()}"


def write_record(path: Path, source: Source) -> None:
    """Write ``data.json`` into the run folder ``path``, unless ``source`` has no named classes.

    Raises ``DataError`` if the data cannot be read, or the file not written.
    """
    record = _observe(source)
    if any(record.values()):
        _write(path, record)


def read_record(path: Path) -> Record | None:
    """The record of the run folder ``path``. None if it has none. Raises ``DataError`` if it is damaged."""
    file = path / DATA
    if not os.path.lexists(file):
        return None
    if not file.is_file():  # a folder, a device, a link to nowhere
        raise DataError(f"{file}: must be a file, and is none. {_ADVICE}")
    content = read_json(file)
    is_valid = isinstance(content, dict) and set(content) <= {*_SPLITS, *_KEYS}
    groups = {name: classes for name, classes in content.items() if name in _SPLITS} if is_valid else {}
    is_valid = is_valid and all(isinstance(classes, dict) for classes in groups.values())
    if not is_valid or not all(isinstance(h, str | None) for classes in groups.values() for h in classes.values()):
        raise DataError(
            f"{file}: must hold the classes of train, validation and test with a hash each, but does not. {_ADVICE}"
        )
    _check_disjoint(groups, file)
    check_checksum(content, str(file))
    run_id = _run_id(path)
    if run_id is not None and content.get("run", run_id) != run_id:
        raise DataError(f"{file}: must hold the classes of the run {run_id}, got those of another run. {_ADVICE}")
    return {split: groups.get(split, {}) for split in _SPLITS}


def keep_division(path: Path, source: Source, *, add_new: bool = False) -> Source:
    """``source`` with the division of classes that the run in ``path`` has. ``source`` itself for a run without record.

    ``add_new`` adds classes that came after the training to the test classes. Raises ``DataError`` for a damaged record.
    """
    record = read_record(path)
    if record is None:
        return source
    return source.keep_classes({split: list(classes) for split, classes in record.items()}, add_new=add_new)


def find_changes(path: Path, source: Source) -> Changes | None:
    """How the data of ``source`` differ from the record of the run in ``path``. None if they do not, or without record.

    Raises ``DataError`` if the data cannot be read.
    """
    record = read_record(path)
    if record is None:
        return None
    current = _observe(keep_division(path, source))
    old_names = {name for classes in record.values() for name in classes}
    test = _hashes(keep_division(path, source, add_new=True), "test")
    removals = {s: [n for n, h in record[s].items() if h is not None and n not in current[s]] for s in _SPLITS}
    altered = {s: [n for n, h in current[s].items() if h != record[s].get(n, h)] for s in _SPLITS}
    changes = Changes(source.name, removals, altered, [name for name in test if name not in old_names], source.noun)
    return changes or None


def check_resumable(path: Path, run: Run, *, changed_data: bool) -> Changes | None:
    """What changed in the data of the run in ``path`` since its training.

    With ``changed_data``, other training and validation data are accepted and recorded. A run without record gets one.

    Raises ``ConfigError`` if these data changed and ``changed_data`` is False, or if a class is gone that the network has
    an output for. Scores on other validation data cannot be compared with those before, so they count like training data.
    """
    if read_record(path) is None:
        if run.algorithm.learns:  # a method that does not train needs no training data
            write_record(path, run.source)
        return None
    changes = find_changes(path, run.source)
    is_validated = bool(run.fit.validate_every)
    if changes is None or not (changes.touch("train") or (is_validated and changes.touch("validation"))):
        return changes
    if run.algorithm.joint and changes.removals["train"]:
        raise ConfigError(
            f"{path}: --resume needs all training classes, because the network of {run.algorithm.name} has an output for "
            f"each, but {changes.describe()}. Put them back, or train a new run."
        )
    if not changed_data:
        raise ConfigError(
            f"{path}: --resume needs the training and validation data that the run was started with, but "
            f"{changes.describe()}. Put them back, or add --changed-data to go on with what is there."
        )
    record, current = read_record(path) or {}, _observe(keep_division(path, run.source))
    # A class that is gone keeps its place: it was trained on, so it never becomes a test class.
    _write(path, {s: {**dict.fromkeys(names), **current[s]} for s, names in record.items()})
    return changes


def _write(path: Path, record: Record) -> None:
    """Write the record, bound to its run: another run may have another division of the same classes."""
    groups: dict[str, Any] = {split: record[split] for split in _SPLITS}
    write_json(path / DATA, add_checksum({**groups, "run": _run_id(path)}))


def _run_id(path: Path) -> Any:
    """The id of the run. None for a run of an earlier version, and before ``run.json`` is written."""
    if not (path / SETTINGS).is_file():
        return None
    settings = read_json(path / SETTINGS)
    return settings.get("id") if isinstance(settings, dict) else None


def _check_disjoint(record: Record, file: Path) -> None:
    """Raise ``DataError`` for a class in two splits: it would be tested on after it was trained on."""
    split_of: dict[str, Split] = {}
    for split, classes in record.items():
        for name in classes:
            if name in split_of:
                raise DataError(
                    f"{file}: a class must be in one split, {show(name)} is in {split_of[name]} and {split}. {_ADVICE}"
                )
            split_of[name] = split


def _observe(source: Source) -> dict[Split, dict[str, str | None]]:
    """The classes (or tasks) of each split with the hash of their examples. None of them if the source has no names."""
    return {split: dict(_hashes(source, split)) for split in _SPLITS}


def _hashes(source: Source, split: Split) -> Mapping[str, str]:
    """The hash of each class (or task) of ``split``. Empty if the split is empty, or the source has no names."""
    has_names = source.kind == "classification" or source.named_tasks
    if not has_names or not source.has_split(split):
        return {}
    try:
        tasks = source.tasks(split, _ONE)
    except TaskError:  # tasks of one size only, such as the official runs of Omniglot
        return {}
    if isinstance(tasks, NamedTasks):
        return tasks.hash_tasks()
    if not isinstance(tasks, Pooled):
        return {}
    pool = tasks.pool
    # Class by class: all of them may be larger than memory.
    rows = torch.split(torch.arange(int(pool.counts.sum())), pool.counts.tolist())
    hashes = pool.hashes or (_hash(pool.stored(part)) for part in rows)
    return dict(zip(pool.names, hashes, strict=True))


def _hash(examples: torch.Tensor) -> str:
    return blake2b(examples.contiguous().numpy().data, digest_size=8).hexdigest()


def plural(noun: str) -> str:
    """Several of them.

    >>> plural("class"), plural("training task")
    ('classes', 'training tasks')
    """
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def _count(noun: str, names: list[str], words: tuple[str, str]) -> list[str]:
    if not names:
        return []
    listing = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    if len(names) == 1:
        return [f"1 {noun} {words[0]} ({listing})"]
    return [f"{len(names)} {plural(noun)} {words[1]} ({listing})"]
