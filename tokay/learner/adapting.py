"""``adapt``: from a run and a support set in files to a learner that answers files."""

from pathlib import Path

import torch

from ..errors import ConfigError
from ..runs.run import Run
from ..runs.settings import read
from .calibration import choose_rejection
from .file_rows import LabelledRows
from .learner import Learner
from .reader import Invert, reader_of
from .saving import load


def adapt(
    run: str | Path,
    support: str | Path,
    *,
    invert: Invert = "auto",
    inductive: bool = True,
    reject: float | None = None,
    device: torch.device | str = "cpu",
) -> Learner:
    """A learner of the run folder ``run`` that has learned the support set ``support``, and reads files as the run did.

    ``support`` is a folder of pictures per class; for a run on a table or on texts it is a file (CSV, JSON lines,
    Parquet) with the columns of the run. Classes may have any number of examples each. Their number may differ from that
    in training for methods with ``any_ways``, such as protonet.

    ``tokay.answer(learner, files)`` answers files, ``tokay.save(learner, learner.net, file)`` keeps all that it needs.
    ``invert`` is for pictures: see ``tokay.learner.reader.reader_of``. ``reject`` is a false-accept rate, 0.05 say: a query
    that is like none of the classes then has the label None (see ``tokay.learner.calibration``).

    Raises ``DataError`` if the run or the support set cannot be read, and ``ConfigError`` or ``TaskError`` if they do not
    fit together.
    """
    learner, _ = adapt_rows(run, support, invert=invert, inductive=inductive, device=device)
    if reject is not None:
        learner.rejection = choose_rejection(learner, read(Path(run))[0], reject)
    return learner


def adapt_rows(
    run: str | Path, support: str | Path, *, invert: Invert, inductive: bool, device: torch.device | str
) -> tuple[Learner, LabelledRows]:
    """As ``adapt``. Also returns the support set that it read."""
    settings, spec = read(Path(run))
    reader = reader_of(settings, spec, invert=invert, where=f"adapt: {run}")
    rows = reader.read_support(Path(support))
    if spec.kind == "classification":
        _check_ways(settings, support, len(set(rows.targets.tolist())))
    learner = load(run, device=str(device), inductive=inductive).fit(rows.inputs, rows.targets)
    learner.reader = reader
    return learner, rows


def _check_ways(run: Run, support: str | Path, classes: int) -> None:
    if not run.algorithm.any_ways and classes != run.test.ways:
        raise ConfigError(
            f"adapt: {run.algorithm.name} was trained for {run.test.ways} ways, {support} has {classes} classes. "
            f"Give {run.test.ways}, train it with --ways {classes}, or use a run of protonet."
        )
