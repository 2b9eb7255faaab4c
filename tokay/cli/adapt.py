"""``tokay adapt RUN --support S --query Q``: learn new classes (or a new task) from files, and answer other files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import ConfigError
from ..evaluation.rejection import Rejection, check_rate
from ..learner.adapting import adapt_rows
from ..learner.answers import Answers, answer
from ..learner.calibration import TASKS, choose_rejection, validation_sizes
from ..learner.learner import Learner
from ..learner.saving import save
from ..runs.settings import read
from .answers_report import check_format, print_answers, report_inverted
from .flags import parse
from .formats import find_device, progress
from .output import stderr


@dataclass(frozen=True, kw_only=True)
class Adapt:
    """The run, what to learn, and what to answer."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    support: str
    """folder with one folder of pictures per class; for tables and texts a file with the columns of the run"""
    query: str | None = None
    """what to answer: a folder of pictures or one file (default: nothing, with --save)"""
    save: str | None = None
    """file for the learner, which tokay predict reads (default: none)"""
    reject: float | None = None
    """say "none of these" for a query like none of the classes: the largest part of such queries that may be accepted,
    for example 0.05 (default: never)"""
    invert: Literal["auto", "yes", "no"] = "auto"
    """swap light and dark: auto does it as the run's source does, or if the border of a picture is light"""
    transductive: bool = False
    """answer all queries together, as in most published figures; better only if there are many"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    csv: bool = False
    """print CSV: file, row, label, and a column of probabilities per class"""
    json: bool = False
    """print exactly one JSON object"""

    def __post_init__(self) -> None:
        check_format("tokay adapt", has_csv=self.csv, has_json=self.json)
        if self.query is None and self.save is None:
            raise ConfigError("tokay adapt: there must be something to do. Give --query, --save, or both.")
        if self.reject is not None:
            check_rate(self.reject, "tokay adapt: --reject")


def run(arguments: Sequence[str]) -> int:
    """Read, adapt, save, answer and print. Returns the exit code: 1 if a query file cannot be read."""
    args = parse(Adapt, arguments, prog="tokay adapt", description="Learn a new task from a few examples in files.")
    device = find_device(args.device)
    learner, support = adapt_rows(
        args.run, args.support, invert=args.invert, inductive=not args.transductive, device=device
    )
    if args.reject is not None:
        learner.rejection = _choose_rejection(learner, Path(args.run), args.reject)
    answers = None if args.query is None else answer(learner, args.query)
    if args.save is not None:
        save(learner, learner.net, args.save)
        stderr.print(f"Saved {args.save}. tokay predict {args.save} FILES answers files.", markup=False)
    examples = len(support.inputs)
    if answers is None:
        report_inverted(support.inverted, examples)
        return 0
    report_inverted(support.inverted + answers.inverted, examples + len(answers.places))
    _warn_of_few(answers, examples)
    return print_answers(learner, answers, has_csv=args.csv, has_json=args.json)


def _choose_rejection(learner: Learner, path: Path, rate: float) -> Rejection:
    """The threshold for "none of these", with a live bar."""
    run, _ = read(path)
    validation_sizes(learner, run)  # raises before a bar is drawn
    with progress("validation tasks") as bar:
        task = bar.add_task("", total=TASKS, text="")
        rejection = choose_rejection(learner, run, rate, on_progress=lambda count: bar.update(task, completed=count))
    stderr.print(rejection.describe(), markup=False)
    return rejection


def _warn_of_few(answers: Answers, examples: int) -> None:
    """Says that transductive answers depend on few queries."""
    queries = len(answers.places)
    if answers.transductive and queries < examples:
        stderr.print(
            f"Each answer depends on all {queries} {answers.noun}s, which are few for that: without --transductive the "
            "labels may be more accurate."
        )
