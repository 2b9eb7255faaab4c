"""``tokay adapt RUN --support DIR --query DIR``: learn classes from folders of pictures, and label other pictures."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.markup import escape
from torch import Tensor

from ..core.task import TaskSpec
from ..errors import ConfigError
from ..evaluation.batch_dependence import answers_differ
from ..learner.learner import Learner, SmallBatchWarning
from ..runs.checkpoint import load_model
from ..runs.run import Run
from ..runs.settings import read
from ..tasks.image_decoding import Channels
from ..tasks.image_folders import list_class_folders, list_images
from ..tasks.images import read_images
from .flags import parse
from .formats import find_device, print_json
from .output import stderr, stdout, table


@dataclass(frozen=True, kw_only=True)
class Adapt:
    """The run, the pictures to learn from, and the pictures to label."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    support: str
    """folder with one folder of pictures per class"""
    query: str
    """pictures to label: a folder of pictures, or one file"""
    invert: Literal["auto", "yes", "no"] = "auto"
    """swap light and dark: auto does it as the run's source does, or if the border of a picture is light"""
    transductive: bool = False
    """label all pictures together, as in most published figures; better only if there are many"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""


def run(arguments: Sequence[str]) -> None:
    """Read, adapt, label and print."""
    args = parse(Adapt, arguments, prog="tokay adapt", description="Learn new classes from a few pictures of each.")
    device = find_device(args.device)
    run, spec = read(Path(args.run))
    _check_run(args, run, spec)
    folders = list_class_folders(Path(args.support))
    _check_ways(args, run, len(folders))
    query = Path(args.query)
    files = [query] if query.is_file() else list_images(query)

    support, queries = _read(args, run, spec, [file for images in folders.values() for file in images], files)
    labels = [name for name, images in folders.items() for _ in images]
    run, net = load_model(Path(args.run), device=device)
    learner = Learner(run.algorithm, net, inductive=not args.transductive).fit(support, labels)
    classes = learner.classes_.tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmallBatchWarning)  # said below, in the words of this command
        probabilities = learner.predict_proba(queries)  # [files, classes]
        transductive = args.transductive and len(files) > 1 and _is_transductive(learner, queries, probabilities)
    if transductive and len(files) < len(labels):
        stderr.print(
            f"Each label depends on all {len(files)} pictures, which are few for that: without --transductive the labels "
            "may be more accurate."
        )
    if args.json:
        print_json(as_json(run, classes, transductive, files, probabilities))
    else:
        _print(run, classes, transductive, files, probabilities)


def as_json(
    run: Run, classes: list[str], transductive: bool, files: list[Path], probabilities: NDArray[Any]
) -> dict[str, Any]:
    """The object that ``--json`` prints. Other programs read it, so its keys do not change."""
    return {
        "algorithm": run.algorithm.name,
        "classes": classes,
        "transductive": transductive,
        "predictions": [
            {
                "file": str(file),
                "class": classes[int(row.argmax())],
                "probabilities": dict(zip(classes, row.tolist(), strict=True)),
            }
            for file, row in zip(files, probabilities, strict=True)
        ],
    }


def _check_run(args: Adapt, run: Run, spec: TaskSpec) -> None:
    """Raises ``ConfigError`` if the run did not learn from pictures."""
    where = f"tokay adapt: {args.run}"
    kinds = {
        "sequence": ("has sequences", "the adapt and predict of its algorithm"),
        "regression": ("is regression", "tokay.load(run).fit(x, y)"),
    }
    if spec.kind in kinds:
        tasks, instead = kinds[spec.kind]
        raise ConfigError(f"{where} must be a run on classes, {run.source.name} {tasks}. Use {instead} in Python.")
    if len(spec.x_shape) != 3 or spec.x_shape[0] not in (1, 3) or spec.x_shape[1] != spec.x_shape[2]:
        raise ConfigError(
            f"{where} must be a run on square pictures, its inputs have shape {spec.x_shape}. "
            "Use tokay.load(run).fit(x, y) in Python."
        )


def _check_ways(args: Adapt, run: Run, classes: int) -> None:
    if classes < 2:
        raise ConfigError(f"tokay adapt: {args.support} must hold two or more class folders, got {classes}. Add some.")
    if not run.algorithm.any_ways and classes != run.test.ways:
        raise ConfigError(
            f"tokay adapt: {run.algorithm.name} was trained for {run.test.ways} ways, {args.support} has {classes} "
            f"classes. Give {run.test.ways}, train it with --ways {classes}, or use a run of protonet."
        )


def _read(args: Adapt, run: Run, spec: TaskSpec, support: list[Path], query: list[Path]) -> tuple[Tensor, Tensor]:
    """Support and query pictures as uint8 ``[n, C, size, size]``, in the form that the run's source has."""
    files, size = [*support, *query], spec.x_shape[1]
    channels: Channels = "grey" if spec.x_shape[0] == 1 else "rgb"
    as_source = run.source.is_inverted
    invert = args.invert == "yes" or (args.invert == "auto" and as_source)
    pixels = read_images(files, size, channels, invert=invert)
    if args.invert == "auto" and run.source.bright_ink:
        on_paper = _on_paper(pixels).nonzero()[:, 0].tolist()
        if on_paper:
            # Read them again: as in the source, inverting comes before resizing.
            pixels[on_paper] = read_images([files[i] for i in on_paper], size, channels, invert=True)
            stderr.print(
                f"Inverted {len(on_paper)} of {len(files)} pictures to bright ink on black, like the "
                f"pictures of {run.source.name} (--invert no leaves them as they are)."
            )
    return pixels[: len(support)], pixels[len(support) :]


def _on_paper(pixels: Tensor) -> Tensor:
    """Which pictures of ``[n, C, h, w]`` have a light border, like ink on paper: ``[n]``."""
    inside = torch.zeros(pixels.shape[2:], dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    return pixels[..., ~inside].float().mean((1, 2)) > 127.5


def _is_transductive(learner: Learner, queries: Tensor, probabilities: NDArray[Any]) -> bool:
    """Whether the label of a picture depends on the other pictures. Labels two halves separately and compares."""
    halves = np.concatenate([learner.predict_proba(half) for half in queries.tensor_split(2)])
    return answers_differ(torch.from_numpy(probabilities), torch.from_numpy(halves))


def _print(run: Run, classes: list[str], transductive: bool, files: list[Path], probabilities: NDArray[Any]) -> None:
    how = "transductive: each label depends on all pictures" if transductive else "each picture is labelled separately"
    listing = table(
        f"{run.algorithm.name}, {len(classes)} classes ({how})", "file", "class", "probability", "runner-up"
    )
    for column in (1, 3):
        listing.columns[column].justify = "left"
    for file, row in zip(files, probabilities, strict=True):
        best, second = (-row).argsort(kind="stable")[:2]
        listing.add_row(
            escape(str(file)),
            escape(classes[best]),
            f"{100 * row[best]:.1f} %",
            escape(f"{classes[second]} {100 * row[second]:.1f} %"),
        )
    stdout.print(listing)
