"""Where things are printed: results on stdout, everything else on stderr."""

import json
import sys
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ..errors import ConfigError
from ..evaluation.scores import Difference, Score
from ..files import finite_json


class _Console(Console):
    """A console that leaves it to ``main`` what to do when the reader of its output has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


stderr = _Console(stderr=True, highlight=False, emoji=False, soft_wrap=True, width=None if sys.stderr.isatty() else 140)
stdout = _Console(highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """Exactly one JSON object on stdout. JSON knows no NaN and no infinity: they become null."""
    json.dump(finite_json(value), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def progress(what: str) -> Progress:
    """A live bar on stderr: done, time gone, time left, and a text that says how it goes."""
    return Progress(
        TextColumn(what),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
        console=stderr,
    )


def shown(name: str, score: Score | Difference) -> str:
    """A score with its interval, accuracy in per cent.

    >>> shown("accuracy", Score(0.98765, 0.0012, 600, 1.0)), shown("mse", Score(0.5, 0.01, 600, 0.4))
    ('98.77 ± 0.12 %', '0.5000 ± 0.0100')
    """
    if name == "accuracy":
        return f"{100 * score.mean:.2f} ± {100 * score.ci95:.2f} %"
    return f"{score.mean:.4f} ± {score.ci95:.4f}"


def score_json(score: Score | Difference) -> dict[str, float]:
    """The same everywhere in ``--json``; how many tasks there were stands beside it.

    >>> score_json(Score(0.5, 0.01, 600, 0.4)), score_json(Difference(0.1, 0.02, 600))
    ({'mean': 0.5, 'ci95': 0.01, 'median': 0.4}, {'mean': 0.1, 'ci95': 0.02})
    """
    return {name: value for name, value in score._asdict().items() if name != "tasks"}


def shown_whole(name: str, score: Score) -> str:
    """As ``shown``, and of squared errors, which a few tasks can make, the median.

    >>> shown_whole("mse", Score(0.5, 0.01, 600, 0.4))
    '0.5000 ± 0.0100, median 0.4000'
    """
    return shown(name, score) + (f", median {score.median:.4f}" if name == "mse" else "")


def table(title: str, *columns: str) -> Table:
    """An empty table; the first column is to the left, numbers to the right."""
    result = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        result.add_column(column, justify="left" if index == 0 else "right")
    return result


def device_named(name: str) -> torch.device:
    """``auto`` is the accelerator where there is one. Raises ``ConfigError`` for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # meta, say, has no values
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"tokay: device must be one that this machine has, got {name!r} ({reason}). Use cpu."
        ) from error
    return device
