"""Formats and devices that the commands share. Results go to stdout, everything else to stderr (see ``output``)."""

import json
import sys
from typing import Any

import torch
from rich.progress import Progress

from ..core import network
from ..evaluation.scores import Difference, Score
from ..files import finite_json
from ..training.report import progress_bar
from .output import stderr


def print_json(value: Any) -> None:
    """Print exactly one JSON object on stdout. JSON has no NaN and no infinity: they become null."""
    json.dump(finite_json(value), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def progress(title: str) -> Progress:
    """A live bar on stderr: the number of finished steps, the time used, the time left, and a text of the caller."""
    return progress_bar(stderr, title)


def format_score(name: str, score: Score | Difference) -> str:
    """A score with its interval. An accuracy is in per cent.

    >>> format_score("accuracy", Score(0.98765, 0.0012, 600, 1.0)), format_score("mse", Score(0.5, 0.01, 600, 0.4))
    ('98.77 ± 0.12 %', '0.5000 ± 0.0100')
    """
    if name == "accuracy":
        return f"{100 * score.mean:.2f} ± {100 * score.ci95:.2f} %"
    return f"{score.mean:.4f} ± {score.ci95:.4f}"


def format_with_median(name: str, score: Score) -> str:
    """As ``format_score``. A squared error has its median, too, because a few tasks can dominate its mean.

    >>> format_with_median("mse", Score(0.5, 0.01, 600, 0.4))
    '0.5000 ± 0.0100, median 0.4000'
    """
    return format_score(name, score) + (f", median {score.median:.4f}" if name == "mse" else "")


def score_json(score: Score | Difference) -> dict[str, float]:
    """A score as every ``--json`` prints it. The number of tasks is left out: the caller prints it once.

    >>> score_json(Score(0.5, 0.01, 600, 0.4)), score_json(Difference(0.1, 0.02, 600))
    ({'mean': 0.5, 'ci95': 0.01, 'median': 0.4}, {'mean': 0.1, 'ci95': 0.02})
    """
    return {name: value for name, value in score._asdict().items() if name != "tasks"}


def find_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU if there is one. Raises ``ConfigError`` if there is no such device."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return network.find_device(name, where="tokay")
