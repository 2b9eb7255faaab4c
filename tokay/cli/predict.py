"""``tokay predict LEARNER FILES ...``: answers of a saved learner, without adapting again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..errors import ConfigError
from ..evaluation.rejection import check_rate
from ..learner.answers import answer
from ..learner.saving import load
from .answers_report import check_format, print_answers, report_inverted
from .flags import parse
from .formats import find_device
from .output import stderr


@dataclass(frozen=True, kw_only=True)
class Predict:
    """The learner, and what to answer."""

    learner: Annotated[str, tyro.conf.Positional]
    """file that tokay adapt --save or tokay.save wrote"""
    files: Annotated[tuple[str, ...], tyro.conf.Positional]
    """what to answer: pictures, tables, or folders of them"""
    reject: float | None = None
    """another false-accept rate than that of tokay adapt --reject (default: that one)"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    csv: bool = False
    """print CSV: file, row, label, and a column of probabilities per class"""
    json: bool = False
    """print exactly one JSON object"""

    def __post_init__(self) -> None:
        check_format("tokay predict", has_csv=self.csv, has_json=self.json)
        if self.reject is not None:
            check_rate(self.reject, "tokay predict: --reject")


def run(arguments: Sequence[str]) -> int:
    """Load, answer and print. Returns the exit code: 1 if a file cannot be read."""
    args = parse(Predict, arguments, prog="tokay predict", description="Answers of a learner that tokay adapt saved.")
    path, device = Path(args.learner), find_device(args.device)
    if path.is_dir():
        raise ConfigError(
            f"tokay predict: {path} must be a file that tokay adapt --save wrote, it is a folder. For a run, use tokay adapt."
        )
    if not args.files:
        raise ConfigError("tokay predict: there must be something to answer. Name files or folders.")
    learner = load(path, device=str(device))
    if not learner.is_fitted:
        raise ConfigError(f"tokay predict: {path} has not learned a task yet. Make it with tokay adapt --save.")
    if args.reject is not None:
        if learner.rejection is None:
            raise ConfigError(
                f"tokay predict: {path} has no validation tasks to choose a threshold on. Make it with tokay adapt --reject "
                "--save."
            )
        learner.rejection = learner.rejection.with_rate(args.reject)
        stderr.print(learner.rejection.describe(), markup=False)
    answers = answer(learner, list(args.files))
    report_inverted(answers.inverted, len(answers.places))
    return print_answers(learner, answers, has_csv=args.csv, has_json=args.json)
