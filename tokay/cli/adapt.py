"""``tokay adapt RUN --support DIR --query DIR``: learn the classes in a folder of folders, and label pictures."""

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
from ..learner.learner import Learner
from ..runs.checkpoint import load_model
from ..runs.run import Run, read
from ..tasks import Images
from ..tasks.images import list_class_folders, list_images, read_images
from ..tasks.pictures import Channels
from .console import device_named, print_json, stderr, stdout, table
from .flags import parse


@dataclass(frozen=True, kw_only=True)
class Adapt:
    """What to learn from, and what to label."""

    run: Annotated[str, tyro.conf.Positional]
    """run folder"""
    support: str
    """folder with one folder of pictures per class"""
    query: str
    """pictures to label: a folder of them, or one file"""
    invert: Literal["auto", "yes", "no"] = "auto"
    """turn light into dark: auto does so like the run's source, judging by each picture's border where it must"""
    inductive: bool = False
    """label every picture alone beside the support set"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    json: bool = False
    """print exactly one JSON object"""


def run(arguments: Sequence[str]) -> None:
    """Read, adapt, label and print."""
    asked = parse(Adapt, arguments, prog="tokay adapt", description="Learn new classes from a few pictures of each.")
    device = device_named(asked.device)
    trained, spec = read(Path(asked.run))
    _check_run(asked, trained, spec)
    classes = list_class_folders(Path(asked.support))
    _check_ways(asked, trained, len(classes))
    query = Path(asked.query)
    files = [query] if query.is_file() else list_images(query)

    support, queries = _read(asked, trained, spec, [file for its in classes.values() for file in its], files)
    names = [name for name, its in classes.items() for _ in its]
    trained, net = load_model(Path(asked.run), device=device)
    # Statistics of one picture say nothing: it is answered beside the support set, there are no others to see.
    inductive = asked.inductive or len(files) == 1
    learner = Learner(trained.algorithm, net, inductive=inductive).fit(support, names)
    probabilities = learner.predict_proba(queries)  # [files, classes]
    transductive = not inductive and _depends_on_the_others(learner, queries, probabilities)
    if transductive and len(files) < len(names):
        stderr.print(
            f"Each answer saw the other pictures, and {len(files)} are few for that: --inductive may be more accurate."
        )
    if asked.json:
        print_json(as_json(trained, learner.classes_.tolist(), transductive, files, probabilities))
    else:
        _print(trained, learner.classes_.tolist(), transductive, files, probabilities)


def as_json(
    run: Run, classes: list[str], transductive: bool, files: list[Path], probabilities: NDArray[Any]
) -> dict[str, Any]:
    """The contract of ``--json``: other programs read this."""
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


def _check_run(asked: Adapt, run: Run, spec: TaskSpec) -> None:
    """Refuse a run that did not learn from pictures."""
    where = f"tokay adapt: {asked.run}"
    others = {
        "sequence": ("has sequences", "adapt and predict of its algorithm"),
        "regression": ("is regression", "tokay.load(run).fit(x, y)"),
    }
    if spec.kind in others:
        what, instead = others[spec.kind]
        raise ConfigError(
            f"{where} must be a run that tells classes apart, {run.source.name} {what}. Use {instead} in Python."
        )
    if len(spec.x_shape) != 3 or spec.x_shape[0] not in (1, 3) or spec.x_shape[1] != spec.x_shape[2]:
        raise ConfigError(
            f"{where} must be a run on square pictures, its inputs have shape {spec.x_shape}. "
            "Use tokay.load(run).fit(x, y) in Python."
        )


def _check_ways(asked: Adapt, run: Run, classes: int) -> None:
    if classes < 2:
        raise ConfigError(f"tokay adapt: {asked.support} must hold two or more class folders, got {classes}. Add some.")
    if not run.algorithm.any_ways and classes != run.test.ways:
        raise ConfigError(
            f"tokay adapt: {run.algorithm.name} was trained for {run.test.ways} ways, {asked.support} has {classes} "
            f"classes. Give {run.test.ways}, train it with --ways {classes}, or use a run of protonet."
        )


def _read(asked: Adapt, run: Run, spec: TaskSpec, support: list[Path], query: list[Path]) -> tuple[Tensor, Tensor]:
    """Both sets as uint8 ``[n, C, size, size]``, as the run's own source has its pictures."""
    files, size = [*support, *query], spec.x_shape[1]
    channels: Channels = "grey" if spec.x_shape[0] == 1 else "rgb"
    as_source = isinstance(run.source, Images) and run.source.invert
    invert = asked.invert == "yes" or (asked.invert == "auto" and as_source)
    pixels = read_images(files, size, channels, invert=invert)
    if asked.invert == "auto" and run.source.bright_ink:
        on_paper = _on_paper(pixels).nonzero()[:, 0].tolist()
        if on_paper:
            # Read again rather than turned over here: the source, too, inverts before it resizes.
            pixels[on_paper] = read_images([files[i] for i in on_paper], size, channels, invert=True)
            stderr.print(
                f"Inverted {len(on_paper)} of {len(files)} pictures to bright ink on black, which is what "
                f"{run.source.name} runs know (--invert no leaves them as they are)."
            )
    return pixels[: len(support)], pixels[len(support) :]


def _on_paper(pixels: Tensor) -> Tensor:
    """Which of the pictures ``[n, C, h, w]`` have a border that is light on the whole."""
    inside = torch.zeros(pixels.shape[2:], dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    return pixels[..., ~inside].float().mean((1, 2)) > 127.5


def _depends_on_the_others(learner: Learner, queries: Tensor, together: NDArray[Any]) -> bool:
    """Ask again in two halves: are the answers others?"""
    apart = np.concatenate([learner.predict_proba(half) for half in queries.tensor_split(2)])
    return not np.allclose(together, apart, rtol=1e-3, atol=1e-4)


def _print(run: Run, classes: list[str], transductive: bool, files: list[Path], probabilities: NDArray[Any]) -> None:
    how = "transductive: each answer saw the other pictures" if transductive else "each picture on its own"
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
