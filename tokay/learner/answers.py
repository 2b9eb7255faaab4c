"""The answers of a learner to files: pictures, rows of tables, texts."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ConfigError
from ..evaluation.batch_dependence import answers_differ
from ..evaluation.rejection import Rejection
from .file_rows import Place
from .learner import Learner, SmallBatchWarning

_BATCH = 256  # queries that are answered at once, where they do not depend on each other


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a learner says of some files. Classes have ``logits``, real targets ``values``."""

    places: tuple[Place, ...]  # where each query comes from
    failures: tuple[str, ...]  # one line for each file that cannot be read
    inverted: int  # pictures that were inverted, because they have dark ink on light paper
    transductive: bool  # whether an answer depends on the other queries
    classes: tuple[Any, ...] = ()
    logits: NDArray[Any] | None = None  # [m, classes]
    values: NDArray[Any] | None = None  # [m], in units of the target column
    rejection: Rejection | None = None  # None: every query is of one of the classes

    @property
    def noun(self) -> str:
        """What a query is: a picture, or a row of a table."""
        return "row" if any(place.row is not None for place in self.places) else "picture"

    @property
    def probabilities(self) -> NDArray[Any]:
        """The probability of each class ``[m, classes]``. Raises ``ConfigError`` for real targets."""
        if self.logits is None:
            raise ConfigError("Answers: real targets have no probabilities. Use values.")
        return np.asarray(torch.from_numpy(self.logits).softmax(-1).numpy())

    @property
    def scores(self) -> NDArray[Any]:
        """How much each query is like one of the classes ``[m]``: its largest logit. Raises ``ConfigError`` as above."""
        if self.logits is None:
            raise ConfigError("Answers: real targets have no scores. Use values.")
        return np.asarray(self.logits.max(1))

    @property
    def is_known(self) -> NDArray[Any]:
        """Whether each query is of one of the classes, boolean ``[m]``. All are if there is no threshold."""
        scores = torch.from_numpy(self.scores)
        return np.asarray(
            (torch.ones_like(scores) > 0 if self.rejection is None else self.rejection.accepts(scores)).numpy()
        )

    def labels(self) -> list[Any]:
        """The class of each query, None for a query of none of them. Raises ``ConfigError`` for real targets."""
        best = self.probabilities.argmax(1).tolist()
        return [self.classes[i] if is_known else None for i, is_known in zip(best, self.is_known, strict=True)]


def answer(learner: Learner, files: str | Path | Sequence[str | Path]) -> Answers:
    """The answers of ``learner`` to the files and folders ``files``, which are read as in the training of its run.

    A file that cannot be read is one of ``failures``; the others are answered.

    Raises ``ConfigError`` for a learner without a reader: make it with ``tokay.adapt``, or load one that was. Raises
    ``DataError`` if no file can be read.
    """
    if learner.reader is None:
        raise ConfigError(
            "answer: the learner does not know how its run read files. Make it with tokay.adapt(run, support) or tokay "
            "adapt --save, or read the files yourself and call predict."
        )
    rows = learner.reader.read_queries([files] if isinstance(files, str | Path) else files)
    is_class = learner.kind_ == "classification"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmallBatchWarning)  # ``transductive`` says it
        outputs = np.concatenate([_outputs(learner, part) for part in _batches(learner, rows.inputs)])
        transductive = not learner.inductive and len(outputs) > 1 and _is_transductive(learner, rows.inputs, outputs)
    return Answers(
        places=rows.places,
        failures=rows.failures,
        inverted=rows.inverted,
        transductive=transductive,
        classes=tuple(learner.classes_.tolist()) if is_class else (),
        logits=outputs if is_class else None,
        values=None if is_class else learner.reader.in_units(outputs),
        rejection=learner.rejection,
    )


def _outputs(learner: Learner, inputs: Tensor) -> NDArray[Any]:
    return learner.predict_logits(inputs) if learner.kind_ == "classification" else learner.predict(inputs)


def _batches(learner: Learner, inputs: Tensor) -> Iterator[Tensor]:
    """Parts that need little memory; all at once if the answers depend on each other."""
    yield from torch.split(inputs, _BATCH) if learner.inductive else [inputs]


def _is_transductive(learner: Learner, inputs: Tensor, outputs: NDArray[Any]) -> bool:
    """Whether an answer depends on the other queries. Asks for two halves separately and compares."""
    halves = np.concatenate([_outputs(learner, half) for half in inputs.tensor_split(2)])
    return answers_differ(torch.from_numpy(outputs), torch.from_numpy(halves))
