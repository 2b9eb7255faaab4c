"""Rows of files as inputs of a network: pictures, rows of tables, texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import TokayError


class Place(NamedTuple):
    """Where an input comes from."""

    file: str
    row: int | None = None  # from 1, without the line of names; None for a picture, which is a file of its own


@dataclass(frozen=True)
class LabelledRows:
    """A support set from files."""

    inputs: Tensor  # [n, *x_shape]
    targets: NDArray[Any]  # names of classes [n], or numbers of about 1 [n]
    inverted: int = 0  # pictures that were inverted, because they have dark ink on light paper


@dataclass(frozen=True)
class QueryRows:
    """Queries from files."""

    places: tuple[Place, ...]  # one per input
    inputs: Tensor  # [m, *x_shape]
    failures: tuple[str, ...] = ()  # one line for each file that cannot be read
    inverted: int = 0


class Reader(Protocol):
    """How files become inputs of a network, exactly as in the training of its run. A saved learner carries it."""

    def read_support(self, path: Path) -> LabelledRows:
        """The support set at ``path``. Raises ``DataError`` or ``ConfigError`` if anything in it cannot be used."""
        ...

    def read_queries(self, paths: Sequence[str | Path]) -> QueryRows:
        """The inputs in the files and folders ``paths``. A file that cannot be read is one of the ``failures``.

        Raises ``DataError`` or ``ConfigError`` if no file can be read.
        """
        ...

    def as_json(self) -> dict[str, Any]:
        """JSON from which ``tokay.learner.reader.decode_reader`` makes the reader again."""
        ...

    def in_units(self, values: NDArray[Any]) -> NDArray[Any]:
        """Predictions of real targets in units of the user."""
        ...


def read_each(
    paths: Sequence[str | Path],
    list_files: Callable[[Path], list[Path]],
    read: Callable[[Path], tuple[list[Place], Tensor]],
) -> QueryRows:
    """Reads every file of ``paths``. ``list_files`` gives the files of a path, ``read`` the inputs of a file.

    Raises the error of the first file if none can be read.
    """
    places: list[Place] = []
    parts: list[Tensor] = []
    errors: list[TokayError] = []
    for path in map(Path, paths):
        try:
            files = list_files(path)
        except TokayError as error:
            errors.append(error)
            continue
        for file in files:
            try:
                file_places, inputs = read(file)
            except TokayError as error:
                errors.append(error)
            else:
                places += file_places
                parts.append(inputs)
    if not parts:
        raise errors[0]
    return QueryRows(tuple(places), torch.cat(parts), tuple(" ".join(str(error).split()) for error in errors))
