"""Thousands of damaged run folders: no traceback, no figure that is silently wrong, and no good weights lost."""

import contextlib
import io
import json
import shutil
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from tokay.cli.main import main
from tokay.errors import TokayError
from tokay.files import read_tensors
from tokay.runs.checkpoint import load_model
from tokay.runs.settings import change_fit

from .fuzz_folders import damage
from .helpers import Result, write_letters

SECONDS = 60  # in `make test`; `make test-all` runs all cases
CASES = 4000
MODEL = "model.safetensors"
MEASURES = ("accuracy", "loss", "mse", "calibration_error", "ways", "shots", "queries", "tasks")
"""keys of ``evaluate --json`` that damage must not change silently"""
EVALUATE = ("evaluate", "RUN", "--tasks", "2", "--seen-tasks", "0", "--inductive-tasks", "0", "--json")
COMMANDS: tuple[tuple[str, ...], ...] = (
    *[("train", "--resume", "RUN"), ("train", "--resume", "RUN", "--steps", "7")] * 7,
    *[("compare", "RUN", "OTHER", "--tasks", "2"), ("compare", "OTHER", "RUN", "--tasks", "2")] * 3,
    *[("adapt", "RUN", "--support", "LETTERS", "--query", "LETTERS/c0")] * 2,
    ("plot", "RUN", "--tasks", "2"),  # slow
)


class Fixture(NamedTuple):
    """A sound run, another of the same method, and what the sound one gives."""

    run: Path
    other: Path
    figures: dict[str, Any]
    weights: dict[tuple[str, ...], dict[str, torch.Tensor]]  # after each command that trains


def call(words: tuple[str, ...], **places: Path) -> Result:
    """Run a command in this process. A traceback has the exit code 1."""
    for name, path in places.items():
        words = tuple(word.replace(name, str(path)) for word in words)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("always")
        try:
            code = main(list(words))
        except BaseException:
            code = 1
            err.write(traceback.format_exc())
    return Result(code, out.getvalue(), err.getvalue())


def figures_of(out: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(out)
    return {name: figures[name] for name in MEASURES if name in figures}


def fixture(run: Path, words: list[str], tasks: Path) -> Fixture:
    """Train two runs that differ in the seed, up to step 4 of 6."""
    tiny = ["--validate-every", "2", "--validation-tasks", "2", "--meta-batch", "2", "--steps", "4", "--device", "cpu"]
    other = run.with_name(f"{run.name}-other")
    for path, seed in ((run, "0"), (other, "1")):
        result = call(("train", *words, *tiny, "--seed", seed, "--out", str(path)))
        assert result.code == 0, result.err
        shutil.rmtree(path / "tensorboard", ignore_errors=True)
        change_fit(path, steps=6)
    result = call(EVALUATE, RUN=run)
    weights = {}
    for command in {command for command in COMMANDS if command[0] == "train"}:
        trained = shutil.copytree(run, run.with_name("trained"))
        assert call(command, RUN=trained).code == 0
        weights[command] = read_tensors(trained / MODEL)[0]
        shutil.rmtree(trained)
    return Fixture(run, other, figures_of(result.out), weights)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_letters(tmp_path_factory.mktemp("fuzz-letters") / "support", classes=3, files=2, size=12)


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> list[Fixture]:
    folder = tmp_path_factory.mktemp("fuzz-folders")
    pictures = write_letters(folder / "pictures", classes=16, files=4, size=12)
    small = ["--ways", "2", "--shots", "1", "--queries", "2", "--train-queries", "2", "--filters", "2", "--size", "16"]
    sines = ["--inner-lr", "0.01", "--shots", "3", "--queries", "3", "--hidden", "4"]
    images = ["protonet", "images", "--root", str(pictures), *small, "--train-ways", "3"]
    return [
        fixture(folder / "images", images, pictures),
        fixture(folder / "sines", ["maml", "sinusoid", *sines], pictures),
    ]


def complaint(number: int, fixture: Fixture, folder: Path, letters: Path) -> str | None:
    """What is wrong with the way that the commands treat damage ``number``; None if nothing is."""
    run = shutil.copytree(fixture.run, folder / str(number))
    what = damage(number, run, fixture.other)
    command = COMMANDS[number // 2 % len(COMMANDS)]
    try:
        for words in (EVALUATE, command):
            contents = snapshot(run)
            result = call(words, RUN=run, OTHER=fixture.other, LETTERS=letters)
            reason = _judge_result(result) or _judge_folder(run, words, contents, result)
            if reason is None and result.code == 0:
                reason = _judge_outcome(run, words, fixture, result)
            if reason is not None:
                return f"{number} {fixture.run.name} {what}: {' '.join(words)}: {reason}"
    finally:
        shutil.rmtree(run)
    return None


def snapshot(run: Path) -> dict[str, bytes]:
    """The content of the files that every command needs. Pictures may be drawn again, and links are followed nowhere."""
    names = ("run.json", "data.json", "metrics.jsonl", MODEL, "state.safetensors")
    return {name: (run / name).read_bytes() for name in names if (run / name).is_file()}


def _judge_result(result: Result) -> str | None:
    if "Traceback" in result.err or result.code not in (0, 2):
        return f"exit {result.code}: {result.err[-900:]}"
    lines = result.err.splitlines()  # what a training says before it is refused takes a few lines, too
    if result.code == 2 and not (lines and lines[-1].strip() and len(lines) <= 7 and len(lines[-1]) < 1200):
        return f"the refusal is not one line: {result.err[-900:]}"
    return None


def _judge_folder(run: Path, words: tuple[str, ...], contents: dict[str, bytes], result: Result) -> str | None:
    """Only a training changes files. No file is emptied, and good weights are only replaced by weights that load."""
    current = snapshot(run)
    changes = [name for name, content in contents.items() if current.get(name) != content]
    if changes and (words[0] != "train" or (result.code == 2 and MODEL in changes)):
        return f"changed {', '.join(changes)} (exit {result.code}: {result.err[-300:]})"
    # A log without a line feed holds no whole line: a resumed training writes it again.
    emptied = [name for name in changes if contents[name] and not current.get(name) and b"\n" in contents[name]]
    if emptied:
        return f"emptied {', '.join(emptied)}: {result.err[-300:]}"
    if MODEL in changes:
        try:
            load_model(run)
        except TokayError as error:
            return f"replaced {MODEL} by one that does not load: {error}"
    return None


def _judge_outcome(run: Path, words: tuple[str, ...], fixture: Fixture, result: Result) -> str | None:
    """A command that succeeds has the outcome of the sound run, or says what is different."""
    if words is EVALUATE and figures_of(result.out) != fixture.figures and str(run) not in result.err:
        return f"silently other figures {figures_of(result.out)}, sound ones are {fixture.figures}; {result.err!r}"
    if words in fixture.weights and "is complete" not in result.err:
        weights, expected = read_tensors(run / MODEL)[0], fixture.weights[words]
        if weights.keys() != expected.keys() or not all(torch.equal(weights[n], expected[n]) for n in weights):
            return f"silently other weights: {result.err}"
    return None


def run_cases(numbers: range, fixtures: list[Fixture], folder: Path, letters: Path, seconds: float) -> int:
    start, count, complaints = time.monotonic(), 0, []
    for number in numbers:
        if time.monotonic() - start > seconds:
            break
        complaints.append(complaint(number, fixtures[number % len(fixtures)], folder, letters))
        count += 1
    failures = list(filter(None, complaints))
    assert not failures, f"{len(failures)} of {count}:\n" + "\n".join(failures)
    return count


def test_for_a_minute(fixtures: list[Fixture], tmp_path: Path, letters: Path) -> None:
    assert run_cases(range(300), fixtures, tmp_path, letters, SECONDS) > 50


@pytest.mark.slow
def test_thousands(fixtures: list[Fixture], tmp_path: Path, letters: Path) -> None:
    assert run_cases(range(CASES), fixtures, tmp_path, letters, float("inf")) == CASES
