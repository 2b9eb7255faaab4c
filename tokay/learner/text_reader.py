"""Texts in files as inputs, encoded as in the training of a run: hashed, or by the frozen encoder that it used."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..tasks.sentence_encoder import encode, find_model, fingerprint
from ..tasks.table_files import check_columns, read_table
from ..tasks.text import Encoder
from ..tasks.text_ngrams import hash_ngrams
from .file_rows import LabelledRows, Place, QueryRows, read_each
from .table_reader import list_tables

_WHERE = "text"


@dataclass(frozen=True, kw_only=True)
class TextReader:
    """Reads tables with a column of texts. Inputs are int64 ``[n, length]`` (hashed) or float32 ``[n, features]``."""

    kind: ClassVar[str] = "text"

    text: str
    label: str
    encoder: Encoder
    ngrams: tuple[int, int]
    length: int
    model: str | None = None  # the folder of the sentence encoder; None: that of the installed package
    model_hash: str | None = None  # of the sentence encoder: another one gives other vectors

    def read_support(self, path: Path) -> LabelledRows:
        """The texts of the file ``path`` with their labels.

        Raises ``DataError`` for a file that cannot be read or a row without text or label, and ``ConfigError`` for a
        missing column.
        """
        texts, labels = self._read_columns(path, [self.text, self.label])
        return LabelledRows(self._encode(texts), np.array(labels))

    def read_queries(self, paths: Sequence[str | Path]) -> QueryRows:
        """The texts of the files ``paths``, and of all tables in a folder. They need no column of labels."""

        def read(file: Path) -> tuple[list[Place], Tensor]:
            (texts,) = self._read_columns(file, [self.text])
            return [Place(str(file), row) for row in range(1, len(texts) + 1)], self._encode(texts)

        return read_each(paths, list_tables, read)

    def as_json(self) -> dict[str, Any]:
        """The settings."""
        return {"kind": self.kind, **asdict(self)}

    def in_units(self, values: NDArray[Any]) -> NDArray[Any]:
        """``values``: texts have no real targets."""
        return values

    def _read_columns(self, file: Path, names: list[str]) -> list[list[str]]:
        frame = read_table(file, _WHERE, strings=names)
        check_columns(frame, names, file, _WHERE)
        columns = []
        for name in names:
            values = frame[name].astype(object).where(frame[name].notna(), "").tolist()
            cells = [str(int(v) if isinstance(v, float) and v.is_integer() else v).strip() for v in values]
            if "" in cells:
                raise DataError(
                    f"{_WHERE}: row {cells.index('') + 1} of {file} has no value in the column {name}. Fill it, or remove "
                    "the row."
                )
            columns.append(cells)
        return columns

    def _encode(self, texts: list[str]) -> Tensor:
        if self.encoder == "hashed":
            return hash_ngrams(texts, self.ngrams, self.length).long()
        folder = find_model(self.model)
        if self.model_hash is not None and fingerprint(folder) != self.model_hash:
            raise DataError(
                f"{_WHERE}: the sentence encoder {folder} must be the one that was trained with, and is another. Install "
                "the version of training, or put its folder back."
            )
        return encode(folder, texts)
