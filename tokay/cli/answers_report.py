"""Answers to files, as ``tokay adapt`` and ``tokay predict`` print them: a table, CSV or JSON."""

import csv
import sys
from typing import Any

from numpy.typing import NDArray
from rich.markup import escape

from ..errors import ConfigError
from ..evaluation.rejection import Rejection
from ..learner.answers import Answers
from ..learner.learner import Learner
from .formats import print_json, score_json
from .output import stderr, stdout, table


def check_format(prog: str, *, has_csv: bool, has_json: bool) -> None:
    """Raises ``ConfigError`` if both formats are wanted."""
    if has_csv and has_json:
        raise ConfigError(f"{prog}: --csv and --json exclude each other. Give one of them.")


def print_answers(learner: Learner, answers: Answers, *, has_csv: bool, has_json: bool) -> int:
    """Prints ``answers`` on stdout, and a line on stderr for each file that could not be read.

    Returns the exit code: 1 if there was such a file.
    """
    if has_json:
        print_json(as_json(learner, answers))
    elif has_csv:
        _print_csv(answers)
    else:
        _print_table(learner, answers)
    for line in answers.failures:
        stderr.print(line, markup=False)
    return 1 if answers.failures else 0


def report_inverted(inverted: int, pictures: int) -> None:
    """Says on stderr how many pictures were inverted."""
    if inverted:
        stderr.print(
            f"Inverted {inverted} of {pictures} pictures to bright ink on black, like the pictures of the training "
            "(--invert no leaves them as they are).",
            markup=False,
        )


def as_json(learner: Learner, answers: Answers) -> dict[str, Any]:
    """The object that ``--json`` prints. Other programs read it, so its keys do not change."""
    has_classes = answers.logits is not None
    return {
        "algorithm": learner.algorithm.name,
        **({"classes": list(answers.classes)} if has_classes else {}),
        "transductive": answers.transductive,
        **({"reject": reject_json(answers.rejection)} if answers.rejection is not None else {}),
        "predictions": _entries(answers),
        **({"unreadable": list(answers.failures)} if answers.failures else {}),
    }


def _entries(answers: Answers) -> list[dict[str, Any]]:
    """One object per query. ``class`` is null for a query of none of the classes."""
    entries: list[dict[str, Any]] = [
        {"file": file} if row is None else {"file": file, "row": row} for file, row in answers.places
    ]
    if answers.values is not None:
        for entry, value in zip(entries, answers.values.tolist(), strict=True):
            entry["value"] = value
        return entries
    names = [str(label) for label in answers.classes]
    columns = zip(entries, answers.labels(), answers.scores.tolist(), answers.probabilities.tolist(), strict=True)
    for entry, label, score, probabilities in columns:
        entry["class"] = label
        if answers.rejection is not None:
            entry["score"] = score
        entry["probabilities"] = dict(zip(names, probabilities, strict=True))
    return entries


def reject_json(rejection: Rejection) -> dict[str, Any]:
    """A threshold with its measured rates, as ``--json`` prints it."""
    scores = rejection.scores
    return {
        "rate": rejection.rate,
        "threshold": rejection.threshold,
        "false_accept": rejection.false_accept,
        "false_reject": rejection.false_reject,
        "auroc": score_json(scores.auroc),
        "validation_tasks": len(scores.known_scores),
        "known_ways": scores.known_ways,
        "unknown_ways": scores.unknown_ways,
        "shots": scores.shots,
    }


def _print_csv(answers: Answers) -> None:
    """One line per query. ``row`` is empty for pictures, ``label`` for a query of none of the classes."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    places = [(file, "" if row is None else row) for file, row in answers.places]
    if answers.values is not None:
        writer.writerow(["file", "row", "value"])
        writer.writerows([*place, value] for place, value in zip(places, answers.values.tolist(), strict=True))
        return
    writer.writerow(["file", "row", "label", *(f"p({label})" for label in answers.classes)])
    labels = ["" if label is None else label for label in answers.labels()]
    rows = zip(places, labels, answers.probabilities.tolist(), strict=True)
    writer.writerows([*place, label, *probabilities] for place, label, probabilities in rows)


def _print_table(learner: Learner, answers: Answers) -> None:
    noun, verb = answers.noun, "labelled" if answers.values is None else "answered"
    has_rows = noun == "row"
    how = f"each {noun} is {verb} separately"
    if answers.transductive:
        how = f"transductive: each {'label' if answers.values is None else 'value'} depends on all {noun}s"
    heads = ["file", "row"] if has_rows else ["file"]
    if answers.values is not None:
        listing = table(f"{learner.algorithm.name} ({how})", *heads, "value")
        for place, value in zip(answers.places, answers.values.tolist(), strict=True):
            listing.add_row(*_cells(place, has_rows), f"{value:.6g}")
        stdout.print(listing)
        return
    title = f"{learner.algorithm.name}, {len(answers.classes)} classes ({how})"
    listing = table(title, *heads, "class", "probability", "runner-up")
    for column in (len(heads), len(heads) + 2):
        listing.columns[column].justify = "left"
    is_known = answers.is_known
    for index, (place, row) in enumerate(zip(answers.places, answers.probabilities, strict=True)):
        best, second = (-row).argsort(kind="stable")[:2]
        listing.add_row(
            *_cells(place, has_rows),
            escape(str(answers.classes[best]) if is_known[index] else "none of these"),
            f"{100 * row[best]:.1f} %" if is_known[index] else "",
            escape(_runner_up(answers, int(second if is_known[index] else best), row)),
        )
    stdout.print(listing)


def _runner_up(answers: Answers, index: int, row: NDArray[Any]) -> str:
    return f"{answers.classes[index]} {100 * row[index]:.1f} %"


def _cells(place: tuple[str, int | None], has_rows: bool) -> list[str]:
    return [escape(place[0]), *([str(place[1])] if has_rows else [])]
