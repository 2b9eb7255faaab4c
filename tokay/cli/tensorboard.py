"""TensorBoard event files beside ``metrics.jsonl``, if the ``tensorboard`` extra is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..runs.file_names import TENSORBOARD


@contextmanager
def board(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that writes a log line as scalars. Without the extra, the function does nothing."""
    if find_spec("tensorboard") is None:
        yield lambda line: None
        return
    from torch.utils.tensorboard import SummaryWriter  # slow to import

    with SummaryWriter(str(path / TENSORBOARD)) as writer:

        def write(line: dict[str, Any]) -> None:
            for name, value in line.items():
                if name == "validation":
                    for metric, score in value.items():
                        writer.add_scalar(f"validation/{metric}", score["mean"], line["step"])
                elif name != "step":
                    writer.add_scalar(f"train/{name}", value, line["step"])

        yield write
