"""TensorBoard event files beside ``metrics.jsonl``, if the ``tensorboard`` extra is installed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from ..runs.file_names import TENSORBOARD
from ..runs.folder import RunFolder


@contextmanager
def board(folder: RunFolder) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that writes a log line as scalars. Without the extra, the function does nothing.

    Lines wait until the folder is published: an open event file would stand in the way of its renaming.
    """
    if find_spec("tensorboard") is None:
        yield lambda line: None
        return
    from torch.utils.tensorboard import SummaryWriter  # slow to import

    pending: list[dict[str, Any]] = []
    writer = None
    with ExitStack() as stack:

        def write(line: dict[str, Any]) -> None:
            nonlocal writer
            pending.append(line)
            if not folder.is_published:
                return
            writer = writer or stack.enter_context(SummaryWriter(str(folder.path / TENSORBOARD)))
            for scalars in pending:
                _add(writer, scalars)
            pending.clear()

        yield write


def _add(writer: Any, line: dict[str, Any]) -> None:
    for name, value in line.items():
        if name == "validation":
            for metric, score in value.items():
                writer.add_scalar(f"validation/{metric}", score["mean"], line["step"])
        elif name != "step":
            writer.add_scalar(f"train/{name}", value, line["step"])
