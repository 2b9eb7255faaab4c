"""Labelled texts in files: a table with a column of texts and one of labels, or the file of CLINC150."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..core.task import Split
from ..errors import ConfigError, DataError
from ..files import read_json
from .table_files import check_columns, read_table

_WHERE = "text"
_SPLIT_WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_CLINC_PARTS: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}
_CLINC_LABEL = "oos"  # the label of the requests that are out of scope


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a table that are read."""

    text: str
    label: str
    split: str | None = None
    group: str | None = None

    def names(self) -> list[str]:
        """Those that are set."""
        return [name for name in (self.text, self.label, self.split, self.group) if name is not None]


class Stamp(NamedTuple):
    """A file in one state: another size or time means that it may have changed. -1: it cannot be seen."""

    path: Path
    size: int
    time: int


def stamp(path: Path) -> Stamp:
    """The present state of a file. A missing file has one, too: reading it says what is wrong."""
    try:
        status = path.stat()
    except OSError:
        return Stamp(path, -1, -1)
    return Stamp(path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, eq=False)  # compared by identity: it holds all texts
class LabelledTexts:
    """The texts of a file, by label. The same text under the same label counts once."""

    texts: dict[str, list[str]]  # by label; labels and texts are sorted
    splits: dict[str, Split] | None = None  # the split of each label, if a column says so
    groups: dict[str, str] | None = None  # the domain of each label, if the user gives domains
    small: dict[str, int] = field(default_factory=dict)  # number of texts of each label that is left out
    out_of_scope: dict[Split | None, list[str]] = field(default_factory=dict)  # texts that have no label
    repeats: int = 0  # number of rows that repeat a text of the same label

    def all_texts(self) -> list[str]:
        """The texts of the first label, then those of the second, and so on."""
        return [text for texts in self.texts.values() for text in texts]

    def counts(self) -> dict[str, int]:
        """The number of texts of each label."""
        return {name: len(texts) for name, texts in self.texts.items()}

    def counts_and_names(self) -> tuple[Tensor, tuple[str, ...]]:
        """The number of texts of each label ``[labels]``, and the labels."""
        return torch.tensor([len(texts) for texts in self.texts.values()]), tuple(self.texts)

    def hashes(self) -> tuple[str, ...]:
        """A hash of the texts of each label. The order of the rows in the file does not matter."""
        return tuple(blake2b(json.dumps(texts).encode(), digest_size=8).hexdigest() for texts in self.texts.values())


class _Row(NamedTuple):
    place: str  # in messages
    text: str
    label: str
    split: Split | None
    group: str | None


def read_texts(
    file: Path, columns: Columns, *, domains: Path | None, out_of_scope: str | None, fewest: int = 0
) -> LabelledTexts:
    """The texts in ``file``, without labels that have fewer than ``fewest`` texts.

    ``domains`` is a JSON file with the labels of each domain. Texts with the label ``out_of_scope`` belong to no class.

    Raises ``ConfigError`` for a column that is not there, and ``DataError`` if a file cannot be read, a text or label is
    empty, a label is in two splits or two domains, or all labels are left out.
    """
    clinc = _read_clinc(file)
    if clinc is not None and (columns.split or columns.group):
        raise ConfigError(
            f"{_WHERE}: {file} is the file of CLINC150, which has no columns. Give --domains domains.json."
        )
    rows = list(_rows_of_clinc(clinc, file) if clinc is not None else _rows_of_table(file, columns))
    aside = _CLINC_LABEL if clinc is not None and out_of_scope is None else out_of_scope
    scope = [row for row in rows if row.label != aside]
    if aside is not None and out_of_scope is not None and len(scope) == len(rows):
        raise ConfigError(
            f"{_WHERE}: {file} has no text with the label {aside} of --out-of-scope. {_near(aside, rows)}"
        )
    texts: dict[str, set[str]] = {}
    for row in scope:
        texts.setdefault(row.label, set()).add(row.text)
    repeats = len(scope) - sum(map(len, texts.values()))
    small = {label: len(group) for label, group in sorted(texts.items()) if len(group) < fewest}
    if len(small) == len(texts):
        raise DataError(
            f"{_WHERE}: --skip-small {fewest} leaves out all {len(texts)} labels of {file}, the largest has "
            f"{max(small.values(), default=0)} texts. Lower it."
        )
    splits = _one_each(((row.label, row.split, row.place) for row in scope), file) if columns.split else None
    groups = _one_each(((row.label, row.group, row.place) for row in scope), file) if columns.group else None
    if domains is not None:
        groups = _read_domains(domains, list(texts))
    others: dict[Split | None, list[str]] = {}
    for row in rows:
        if row.label == aside:
            others.setdefault(row.split, []).append(row.text)
    labels = [label for label in sorted(texts) if label not in small]
    return LabelledTexts({label: sorted(texts[label]) for label in labels}, splits, groups, small, others, repeats)


def _rows_of_table(file: Path, columns: Columns) -> Iterator[_Row]:
    frame = read_table(file, _WHERE, strings=columns.names())
    check_columns(frame, columns.names(), file, _WHERE)
    cells = {name: frame[name].tolist() for name in columns.names()}
    for number in range(len(frame)):
        place = f"row {number + 1}"
        values = {name: _as_text(column[number]) for name, column in cells.items()}
        for name, value in values.items():
            if not value:
                raise DataError(
                    f"{_WHERE}: {place} of {file} has no value in the column {name}. Fill it, or remove the row."
                )
        split = _split_of(values[columns.split], place, file) if columns.split else None
        group = values[columns.group] if columns.group else None
        yield _Row(place, values[columns.text], values[columns.label], split, group)


def _as_text(value: Any) -> str:
    """A cell as text without spaces around it: empty for a missing value, 3 for 3.0."""
    if value is None or value != value:  # NaN, NaT
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _split_of(word: str, place: str, file: Path) -> Split:
    split = _SPLIT_WORDS.get(word.lower())
    if split is None:
        raise DataError(
            f"{_WHERE}: the split in {place} of {file} must be train, validation or test, got {word!r}. Mend it."
        )
    return split


def _read_clinc(file: Path) -> dict[str, Any] | None:
    """The content of the file of CLINC150. None if ``file`` is something else."""
    if file.suffix.lower() != ".json" or not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None  # a table, or not readable: `read_table` says what is wrong
    is_clinc = isinstance(content, dict) and "train" in content and isinstance(content["train"], list)
    return content if is_clinc else None


def _rows_of_clinc(content: Mapping[str, Any], file: Path) -> Iterator[_Row]:
    """Its own parts train, val and test divide the texts of each label, so here they only matter out of scope."""
    for part, pairs in content.items():
        split = _CLINC_PARTS.get(part.removeprefix("oos_"))
        if split is None or not isinstance(pairs, list):
            raise DataError(f"{_WHERE}: {file} must have lists train, val, test, oos_train ..., got {part}. Mend it.")
        for number, pair in enumerate(pairs, 1):
            place = f"entry {number} of {part}"
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, str) and x.strip() for x in pair)):
                raise DataError(f"{_WHERE}: {place} in {file} must be a text and a label, neither empty. Mend it.")
            yield _Row(place, pair[0].strip(), pair[1].strip(), split, None)


def _one_each(rows: Iterable[tuple[str, Any, str]], file: Path) -> dict[str, Any]:
    """The value of each label: its split, or its domain. Raises ``DataError`` for a label with two of them."""
    values: dict[str, Any] = {}
    for label, value, place in rows:
        if values.setdefault(label, value) != value:
            raise DataError(
                f"{_WHERE}: a label must be in one split or domain, {label} is in {values[label]} and, in {place} of {file}, "
                f"in {value}: a few-shot test needs labels that were not trained on. Give each label one, or leave it out."
            )
    return values


def _read_domains(file: Path, labels: list[str]) -> dict[str, str]:
    """The domain of each of ``labels`` from a JSON file ``{domain: [label, ...]}``, which may have other labels, too."""
    content = read_json(file)
    lists = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise DataError(f"{_WHERE}: {file} must be a JSON object with a list of labels for each domain. Mend it.")
    pairs = [(label, domain, domain) for domain, names in content.items() for label in names]
    domain_of: dict[str, str] = _one_each(pairs, file)
    missing = [label for label in labels if label not in domain_of]
    if missing:
        near = difflib.get_close_matches(missing[0], domain_of, n=1)
        guess = f"Did you mean {near[0]} there? " if near else ""
        raise DataError(
            f"{_WHERE}: {file} must name the domain of every label, it has none of {missing[0]} "
            f"({len(missing)} of {len(labels)} labels). {guess}Add them."
        )
    return {label: domain_of[label] for label in labels}


def _near(label: str, rows: list[_Row]) -> str:
    near = difflib.get_close_matches(label, {row.label for row in rows}, n=1)
    return f"Did you mean {near[0]}?" if near else "Leave it out."
